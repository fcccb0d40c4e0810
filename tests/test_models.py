"""The perceptrons: sizes of the document, initial weights, dropout."""

from math import sqrt

import pytest
import torch
from torch import nn

from lpreg.models import ACTIVATIONS, INITS, Dropout, build


def make(seed=0, **options):
    options = {"inputs": 64, "outputs": 10, "hidden": [32] * 6, "bias": False} | options
    return build("mlp", torch.Generator().manual_seed(seed), **options)


@pytest.mark.parametrize(
    ("hidden", "weights"),
    [([256], 18_944), ([16] * 6, 2_464), ([32] * 6, 7_488), ([256] * 6, 346_624)],
)
def test_the_sizes_of_the_document(hidden, weights):
    assert sum(w.numel() for w in make(hidden=hidden).parameters()) == weights


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_layers_alternate_and_outputs_have_no_activation(activation):
    kinds = [type(layer) for layer in make(activation=activation, hidden=[5, 4]).children()]
    assert kinds == [
        nn.Linear,
        ACTIVATIONS[activation],
        nn.Linear,
        ACTIVATIONS[activation],
        nn.Linear,
    ]


def test_dropout_places():
    def places(at):
        model = make(hidden=[5, 4], dropout=0.3, dropout_at=at)
        return [name for name, layer in model.named_children() if isinstance(layer, Dropout)]

    order = [
        name for name, _ in make(hidden=[5], dropout=0.3, dropout_at="products").named_children()
    ]
    assert places("activations") == ["drop1", "drop2"]
    assert places("products") == ["drop1", "drop2", "drop3"]
    assert order == ["fc1", "drop1", "act1", "fc2", "drop2"]


def stds(init):
    return [float(w.detach().std()) for w in make(init=init, hidden=[200, 100]).parameters()]


def test_initial_standard_deviations():
    sizes = [(64, 200), (200, 100), (100, 10)]
    xavier = [sqrt(2 / (a + b)) for a, b in sizes]
    document = [1 / sqrt(a * b) for a, b in sizes]
    assert stds("xavier_normal") == pytest.approx(xavier, rel=0.1)
    assert stds("document_shallow") == pytest.approx(document, rel=0.1)
    assert stds("document_deep") == pytest.approx([*document[:2], 1.0], rel=0.1)


@pytest.mark.parametrize("init", INITS)
def test_equal_seeds_give_equal_weights_and_the_global_generator_is_left_alone(init):
    before = torch.get_rng_state()
    one, same, other = (make(seed, init=init) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    for a, b, c in zip(*(m.parameters() for m in (one, same, other)), strict=True):
        assert torch.equal(a, b) and not torch.equal(a, c)


@pytest.mark.parametrize("init", [name for name in INITS if name.startswith(("xavier", "doc"))])
def test_biases_start_at_zero(init):
    model = make(bias=True, init=init)
    assert all((b == 0).all() for n, b in model.named_parameters() if "bias" in n)


def test_the_default_of_torch_gives_the_weights_and_biases_of_its_own_layers():
    ours = make(seed=3, bias=True, init="torch_default", hidden=[7, 5])
    torch.manual_seed(3)
    theirs = [nn.Linear(64, 7), nn.Linear(7, 5), nn.Linear(5, 10)]
    for a, b in zip(ours.parameters(), nn.ModuleList(theirs).parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_dropout_mask_keeps_the_mean_and_the_layer_is_the_identity_when_evaluated():
    layer, x = Dropout(0.25), torch.ones(4)
    mask = layer.mask(torch.Size((200, 200)), torch.Generator().manual_seed(0), torch.float32)
    assert mask.unique().tolist() == pytest.approx([0, 4 / 3])
    assert float(mask.mean()) == pytest.approx(1, abs=0.01)
    layer.keep = mask[0, :4]
    assert torch.equal(layer(x), mask[0, :4])
    assert torch.equal(layer.eval()(x), x)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"activation": "arctn"}, "arctn.*arctan"),
        ({"init": "he"}, "he.*xavier_normal"),
        ({"dropout": 0.1, "dropout_at": "inputs"}, "inputs.*products"),
        ({"dropout": 1.0}, "1.0.*< 1"),
        ({"hidden": [0]}, "at least 1"),
    ],
)
def test_bad_options_are_refused_by_name(options, named):
    with pytest.raises(ValueError, match=named):
        make(**options)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match=r"'cnn'.*mlp.*resnet18.*module:callable"):
        build("cnn", torch.Generator())


@pytest.mark.parametrize(
    ("options", "named"),
    [({"depth": 3}, "depth.*it takes.*hidden"), ({"hidden": None}, "missing.*'hidden'")],
)
def test_options_that_a_kind_does_not_take_or_lacks_are_refused(options, named):
    given = {"inputs": 4, "outputs": 2, "hidden": [3]} | options
    given = {key: value for key, value in given.items() if value is not None}
    with pytest.raises(ValueError, match=f"'mlp'.*{named}"):
        build("mlp", torch.Generator(), **given)
