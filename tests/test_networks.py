"""The networks of the document IMAGE: their sizes, names, layers and initial weights."""

from math import sqrt

import pytest
import torch
from torch import nn
from torch.nn import functional as f

import lpreg
from lpreg.models import INITS, Dropout, build
from lpreg.select import select

IMAGE = [3, 64, 64]
KINDS = ("initial_cnn", "new_cnn", "resnet18")
SMALL = {
    "initial_cnn": {"channels": [4, 5], "hidden": [7]},
    "new_cnn": {"channels": [4, 5, 6], "hidden": [7]},
    "resnet18": {"width": 4},
}


def make(kind, seed=0, **options):
    options = {"inputs": IMAGE, "outputs": 200} | options
    return build(kind, torch.Generator().manual_seed(seed), **options)


def small(kind, **options):
    return make(kind, **{"inputs": [3, 16, 16], "outputs": 5} | SMALL[kind] | options)


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [("initial_cnn", 10_644_300), ("new_cnn", 2_128_730), ("resnet18", 11_279_112)],
)
def test_the_sizes_of_the_document(kind, parameters):
    assert sum(w.numel() for w in make(kind).parameters()) == parameters


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("inputs", [[3, 16, 16], [1, 28, 28], [3, 17, 24]])
def test_any_size_of_image(kind, inputs):
    outputs = small(kind, inputs=inputs)(torch.randn(2, *inputs))
    assert outputs.shape == (2, 5) and outputs.isfinite().all()


LAYERS = {
    "initial_cnn": "Conv2d ReLU AvgPool2d Conv2d ReLU AvgPool2d Flatten Linear ReLU Linear",
    "new_cnn": "Conv2d LeakyReLU AvgPool2d Conv2d LeakyReLU MaxPool2d Conv2d LeakyReLU MaxPool2d "
    "Flatten Dropout Linear LeakyReLU Linear",
    "resnet18": "Conv2d BatchNorm2d ReLU MaxPool2d Sequential Sequential Sequential Sequential "
    "AdaptiveAvgPool2d Flatten Linear",
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_layers_of_the_document(kind):
    assert " ".join(type(layer).__name__ for layer in small(kind).children()) == LAYERS[kind]


USUAL = {
    "initial_cnn": {
        "conv1.weight": (10, 3, 3, 3),
        "conv2.weight": (20, 10, 3, 3),
        "fc1.weight": (2000, 5120),
        "fc2.weight": (200, 2000),
        "fc2.bias": (200,),
    },
    "new_cnn": {
        "conv1.bias": (10,),
        "conv3.weight": (30, 20, 3, 3),
        "fc1.weight": (1000, 1920),
        "fc2.weight": (200, 1000),
    },
    "resnet18": {
        "conv1.weight": (64, 3, 7, 7),
        "bn1.running_mean": (64,),
        "bn1.num_batches_tracked": (),
        "layer1.0.conv1.weight": (64, 64, 3, 3),
        "layer1.1.bn2.bias": (64,),
        "layer2.0.conv1.weight": (128, 64, 3, 3),
        "layer2.0.downsample.0.weight": (128, 64, 1, 1),
        "layer2.0.downsample.1.running_var": (128,),
        "layer3.1.conv2.weight": (256, 256, 3, 3),
        "layer4.0.downsample.0.weight": (512, 256, 1, 1),
        "layer4.1.conv2.weight": (512, 512, 3, 3),
        "fc.weight": (200, 512),
        "fc.bias": (200,),
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_names_and_shapes_are_the_usual_ones(kind):
    shapes = {name: tuple(value.shape) for name, value in make(kind).state_dict().items()}
    assert USUAL[kind].items() <= shapes.items()


def names_of_torchvision():
    yield from ("conv1.weight", *normalization("bn1"))
    for stage in (1, 2, 3, 4):
        for block in (0, 1):
            at = f"layer{stage}.{block}"
            yield from (f"{at}.conv1.weight", *normalization(f"{at}.bn1"))
            yield from (f"{at}.conv2.weight", *normalization(f"{at}.bn2"))
            if stage > 1 and block == 0:
                yield from (f"{at}.downsample.0.weight", *normalization(f"{at}.downsample.1"))
    yield from ("fc.weight", "fc.bias")


def normalization(at):
    kept = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return [f"{at}.{name}" for name in kept]


def test_resnet18_has_exactly_the_names_of_torchvision_in_its_order():
    assert list(small("resnet18").state_dict()) == list(names_of_torchvision())


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_those_of_convolutions_and_linear_layers(kind):
    model = small(kind)
    layers = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert list(select(model)) == [f"{name}.weight" for name, _ in layers]
    assert list(select(model, "first")) == ["conv1.weight"]
    assert list(select(model, "last")) == [list(select(model))[-1]]
    assert str(lpreg.describe(model)).endswith(
        f"{len(layers)} of {len(list(model.parameters()))} tensors are penalised"
    )


def initial_by_hand(x, w):
    for i in (1, 2):
        x = f.avg_pool2d(f.conv2d(x, w[f"conv{i}.weight"], w[f"conv{i}.bias"], padding=1).relu(), 2)
    x = f.linear(x.flatten(1), w["fc1.weight"], w["fc1.bias"]).relu()
    return f.linear(x, w["fc2.weight"], w["fc2.bias"])


def new_by_hand(x, w):
    for i, pool in enumerate((f.avg_pool2d, f.max_pool2d, f.max_pool2d), 1):
        x = f.conv2d(x, w[f"conv{i}.weight"], w[f"conv{i}.bias"], padding=1)
        x = pool(f.leaky_relu(x, 0.01), 2)
    x = f.leaky_relu(f.linear(x.flatten(1), w["fc1.weight"], w["fc1.bias"]), 0.01)
    return f.linear(x, w["fc2.weight"], w["fc2.bias"])


@pytest.mark.parametrize(
    ("kind", "by_hand"), [("initial_cnn", initial_by_hand), ("new_cnn", new_by_hand)]
)
def test_the_small_networks_do_what_the_document_says(kind, by_hand):
    model, x = make(kind).eval(), torch.randn(2, *IMAGE)
    torch.testing.assert_close(model(x), by_hand(x, model.state_dict()))


def test_resnet18_does_what_the_paper_says():
    """One block against the formula, the shortcut 1 x 1 convolution and stride included."""
    block = dict(small("resnet18").named_modules())["layer2.0"].eval()
    x, weights = torch.randn(2, 4, 6, 6), block.state_dict()
    scale = 1 / sqrt(1 + 1e-5)  # of a fresh BatchNorm
    inner = (scale * f.conv2d(x, weights["conv1.weight"], stride=2, padding=1)).relu()
    outer = scale * f.conv2d(inner, weights["conv2.weight"], padding=1)
    shortcut = scale * f.conv2d(x, weights["downsample.0.weight"], stride=2)
    torch.testing.assert_close(block(x.clone()), (outer + shortcut).relu())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("init", INITS)
def test_equal_seeds_give_equal_weights_and_the_global_generator_is_left_alone(kind, init):
    before = torch.get_rng_state()
    one, same, other = (small(kind, seed=seed, init=init) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    states = (m.state_dict() for m in (one, same, other))
    for (name, a), b, c in zip(
        *(state.items() if i == 0 else state.values() for i, state in enumerate(states)),
        strict=True,
    ):
        assert torch.equal(a, b)
        if name in select(one):
            assert not torch.equal(a, c)


@pytest.mark.parametrize("kind", ["initial_cnn", "new_cnn"])
def test_the_small_networks_start_as_torch_starts_its_layers(kind):
    model = small(kind, seed=4)
    torch.manual_seed(4)
    for layer in model.children():
        if isinstance(layer, nn.Conv2d):
            fresh = nn.Conv2d(layer.in_channels, layer.out_channels, 3, padding=1)
        elif isinstance(layer, nn.Linear):
            fresh = nn.Linear(layer.in_features, layer.out_features)
        else:
            continue
        for ours, theirs in zip(layer.parameters(), fresh.parameters(), strict=True):
            assert torch.equal(ours, theirs)


def test_resnet18_starts_as_the_paper_and_torchvision_do():
    model = make("resnet18")
    (fc,) = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d):
            spread = sqrt(2 / (layer.out_channels * layer.weight[0, 0].numel()))
            assert float(layer.weight.detach().std()) == pytest.approx(spread, rel=0.05), name
        if isinstance(layer, nn.BatchNorm2d):
            assert (layer.weight == 1).all() and (layer.bias == 0).all()
    assert float(fc.weight.detach().abs().max()) == pytest.approx(1 / sqrt(512), rel=0.01)
    assert 0 < float(fc.bias.detach().abs().max()) <= 1 / sqrt(512)


def rates(model):
    return {name: m.rate for name, m in model.named_modules() if isinstance(m, Dropout)}


def test_dropout_is_between_the_features_and_the_linear_layers():
    assert [rates(small(kind)) for kind in KINDS] == [{}, {"drop": 0.2}, {}]
    assert [rates(small(kind, dropout=0.5)) for kind in KINDS] == [{"drop": 0.5}] * 3
    assert rates(small("new_cnn", rate=0.0)) == {}
    assert rates(small("new_cnn", rate=0.1)) == {"drop": 0.1}
    for kind in KINDS:
        names = [name for name, _ in small(kind, dropout=0.5).named_children()]
        assert names[names.index("drop") - 1] == "flatten"
        assert names[names.index("drop") + 1].startswith("fc")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"inputs": [64]}, r"images.*\[64\].*mlp"),
        ({"inputs": 64}, r"images.*\[64\].*mlp"),
        ({"inputs": [28, 28]}, r"images.*\[28, 28\]"),
        ({"inputs": [0, 28, 28]}, r"images.*\[0, 28, 28\]"),
        ({"outputs": 0}, "at least 1"),
        ({"init": "he"}, "'he'.*torch_default.*he_convolutions"),
        ({"dropout": 1.5}, "1.5.*< 1"),
        ({"dropout_at": "products"}, "does not take dropout_at"),
    ],
)
def test_bad_options_are_refused_by_name(kind, options, named):
    with pytest.raises(ValueError, match=named):
        small(kind, **options)


@pytest.mark.parametrize(("kind", "least"), [("initial_cnn", 4), ("new_cnn", 8)])
def test_images_that_the_pools_would_use_up_are_refused(kind, least):
    small(kind, inputs=[3, least, least])
    with pytest.raises(ValueError, match=f"at least {least} x {least}"):
        small(kind, inputs=[3, least, least - 1])


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("initial_cnn", {"channels": [4, 0]}),
        ("new_cnn", {"hidden": [0]}),
        ("resnet18", {"width": 0}),
    ],
)
def test_empty_layers_are_refused(kind, options):
    with pytest.raises(ValueError, match="at least 1"):
        small(kind, **options)
