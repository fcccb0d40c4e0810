"""compact: the same outputs from fewer units, on networks whose dead units are known."""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import prune

import lpreg
from lpreg import models


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def zeroed(layer: Any, rows: list[int] | None = None, columns: list[int] | None = None) -> Any:
    """The layer with these rows and columns of its weight zero."""
    with torch.no_grad():
        layer.weight[rows or []] = 0
        layer.weight[:, columns or []] = 0
    return layer


def settled(model: Any) -> Any:
    """With normalization layers as after training: nothing is 0 or 1 by chance."""
    random = generator()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            for tensor in (module.weight, module.bias, module.running_mean):
                if tensor is not None:
                    tensor.data.normal_(generator=random)
            if module.running_var is not None:
                module.running_var.uniform_(0.5, 2, generator=random)
    return model


def perceptron() -> nn.Module:
    """Constant units whose activation is not zero, a unit that nothing reads, no bias to use."""
    return nn.Sequential(
        zeroed(nn.Linear(6, 8), rows=[0, 3]),
        nn.Sigmoid(),
        nn.Dropout(),
        zeroed(nn.Linear(8, 5, bias=False), columns=[7]),
        nn.Tanh(),
        nn.Linear(5, 3, bias=False),
    )


def cascade() -> nn.Module:
    """The second layer dies when the first is gone: it reads nothing else."""
    second = zeroed(nn.Linear(4, 4), columns=[2, 3])
    with torch.no_grad():
        second.weight[1:, :2] = 0  # units 1 to 3 read units 2 and 3 alone, and those are zeros
    return nn.Sequential(
        zeroed(nn.Linear(3, 4), rows=[2]), nn.ReLU(), second, nn.Softplus(), nn.Linear(4, 2)
    )


def collapsed() -> nn.Module:
    """Nothing gets through the middle: one unit of each layer stays."""
    middle = zeroed(nn.Linear(5, 4), rows=[0, 1, 2, 3])
    return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), middle, nn.Sigmoid(), nn.Linear(4, 2))


def convolutional() -> nn.Module:
    """Zero padding and constants that are not zero: one channel of three dead ones stays."""
    return settled(
        nn.Sequential(
            zeroed(nn.Conv2d(3, 6, 3, padding=1, bias=False), rows=[0, 1, 2]),
            nn.BatchNorm2d(6),
            nn.Sigmoid(),
            nn.AvgPool2d(2),
            zeroed(nn.Conv2d(6, 5, 3, padding="same"), rows=[4]),
            nn.LeakyReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(),
            zeroed(nn.Linear(5 * 4, 7), rows=[1], columns=[0, 1, 2, 3]),
            nn.BatchNorm1d(7),
            nn.PReLU(7, init=0.1),
            nn.Linear(7, 2),
        )
    )


def unpadded() -> nn.Module:
    """Without padding, or with padding that repeats, a constant channel goes whatever it is."""
    return nn.Sequential(
        zeroed(nn.Conv2d(1, 4, 3), rows=[0, 1]),
        nn.Sigmoid(),
        zeroed(nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"), rows=[2]),
        nn.Hardtanh(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )


def sequence() -> nn.Module:
    return settled(
        nn.Sequential(
            zeroed(nn.Conv1d(2, 6, 3, stride=2), rows=[5]),
            nn.BatchNorm1d(6),
            nn.GELU(),
            nn.MaxPool1d(2, padding=1),
            nn.Flatten(),
            nn.Linear(6 * 3, 2),
        )
    )


def slim() -> nn.Module:
    """Channels whose scale is zero (network slimming) are constant, whatever their filters say."""
    model = settled(
        nn.Sequential(
            *(nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5), nn.Tanh(), nn.Conv2d(5, 2, 3), nn.Flatten())
        )
    )
    with torch.no_grad():
        model[1].weight[:2] = 0
    return model


def edges() -> nn.Module:
    """An average over zeros around the image: of two dead channels, one is zero and goes."""
    first = zeroed(nn.Conv2d(1, 4, 3), rows=[0, 1])
    with torch.no_grad():
        first.bias[:2] = torch.tensor([1.0, -1.0])
    return nn.Sequential(first, nn.ReLU(), nn.AvgPool2d(3, padding=1), nn.Conv2d(4, 2, 2))


class Edges(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers: Any = edges()

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers[0](x).relu()
        return self.layers[3](F.avg_pool2d(x, 3, padding=1))


class Written(nn.Module):
    """The usual ways to write a forward: functions, methods, views, sizes, default arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = zeroed(nn.Conv2d(1, 4, 3, padding=1), rows=[1])
        self.conv2 = zeroed(nn.Conv2d(4, 6, 3, bias=False), rows=[0, 2], columns=[3])
        self.norm = nn.BatchNorm2d(6)
        self.fc1 = zeroed(nn.Linear(6 * 9, 5), rows=[0, 4])
        self.fc2 = zeroed(nn.Linear(5, 4), columns=[2])
        self.fc3 = nn.Linear(4, 2)

    def forward(self, x: Tensor, shift: Tensor | None = None, double: bool = True) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        if shift is not None:
            x = x + shift
        x = self.norm(self.conv2(x)).clamp(min=-1) * 2
        x = F.dropout(x, 0.3, self.training)
        x = x.view(x.size(0), -1)
        x = torch.sigmoid(self.fc1(x)) - 0.5
        x = self.fc2(x)
        x = x * torch.sigmoid(x) if double else x
        return self.fc3(x)


class Pooled(nn.Module):
    """Branches that are read separately, one before and one after normalization."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = zeroed(nn.Conv2d(2, 6, 3), rows=[0, 1])
        self.norm = nn.BatchNorm2d(6)
        self.left = zeroed(nn.Linear(6, 3), columns=[5])
        self.right = zeroed(nn.Conv2d(6, 3, 3), columns=[5])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.conv(x)
        return self.left(x.mean([2, 3])), self.right(self.norm(x).sigmoid())


CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], list[int]]] = {
    "perceptron": (perceptron, (6,), [5, 5, 3]),
    "cascade": (cascade, (3,), [2, 1, 2]),
    "collapsed": (collapsed, (3,), [1, 1, 2]),
    "convolutional": (convolutional, (3, 8, 8), [4, 3, 6, 2]),
    "unpadded": (unpadded, (1, 8, 8), [2, 3, 3]),
    "sequence": (sequence, (2, 11), [5, 2]),
    "slim": (slim, (2, 6, 6), [3, 2]),
    "written": (lambda: settled(Written()), (1, 10, 10), [2, 4, 2, 4, 2]),
    "pooled": (lambda: settled(Pooled()), (2, 6, 6), [3, 3, 3]),
}
EACH = pytest.mark.parametrize("name", CASES)


def made(name: str) -> tuple[nn.Module, Tensor]:
    build, shape, _ = CASES[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(), torch.randn(7, *shape)


def units(model: nn.Module) -> list[int]:
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d)
    return [len(module.weight) for module in model.modules() if isinstance(module, kinds)]


def flat(out: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return out if isinstance(out, tuple) else (out,)


@torch.no_grad()
def apart(before: nn.Module, after: nn.Module, x: Tensor) -> float:
    """The largest difference of two outputs in evaluation mode, relative to the largest output."""
    old, new = (flat(copy.deepcopy(model).eval()(x)) for model in (before, after))
    return max(float((a - b).abs().max() / a.abs().max()) for a, b in zip(old, new, strict=True))


@EACH
@pytest.mark.parametrize("looks", [False, True], ids=["", "with an example"])
def test_the_outputs_are_the_same(name: str, looks: bool):
    """To rounding in float32, and in float64 to what only the same function reaches."""
    model, x = made(name)
    assert apart(model, lpreg.compact(model, x if looks else None), x) < 1e-6
    model, x = model.double(), x.double()
    assert apart(model, lpreg.compact(model, x if looks else None), x) < 1e-13


@EACH
def test_just_the_dead_units_are_gone(name: str):
    model, _ = made(name)
    small = lpreg.compact(model)
    assert units(small) == CASES[name][2]
    assert units(lpreg.compact(small)) == CASES[name][2]


@EACH
def test_the_model_stays_as_it_was(name: str):
    model, x = made(name)
    before = copy.deepcopy(model)
    lpreg.compact(model, x)
    assert apart(before, model, x) == 0
    assert str(model) == str(before)
    assert all(module.training for module in model.modules())


@EACH
def test_training_goes_on(name: str):
    model, x = made(name)
    small = lpreg.compact(model)
    assert type(small) is type(model)
    adam = torch.optim.Adam(small.parameters(), lr=1e-2)
    before = [p.clone() for p in small.parameters()]
    out = small(x)
    torch.cat([each.flatten() for each in flat(out)]).square().sum().backward()
    adam.step()
    assert any(not torch.equal(a, b) for a, b in zip(before, small.parameters(), strict=True))
    assert {*small.state_dict()} >= {*model.state_dict()}  # and perhaps a bias where there was none


@pytest.mark.parametrize("seed", range(12))
def test_random_networks(seed: int):
    """Many zeros anywhere, whole rows and columns among them; every kind of constant."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = settled(
            nn.Sequential(
                *(nn.Conv2d(2, 7, 3, padding=seed % 2), nn.BatchNorm2d(7), nn.Softplus()),
                *(nn.Conv2d(7, 6, 3, padding=1, bias=seed % 3 > 0), nn.ELU(), nn.AvgPool2d(2)),
                *(nn.Flatten(), nn.Linear(6 * (16 if seed % 2 else 9), 8), nn.Sigmoid()),
                *(nn.Linear(8, 8, bias=seed % 3 == 0), nn.SiLU(), nn.Linear(8, 3)),
            )
        ).double()
        x = torch.randn(5, 2, 8, 8).double()
        for module in model.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                w = module.weight.data
                w[torch.rand(len(w)) < 0.4] = 0
                w[:, torch.rand(w.shape[1]) < 0.2] = 0
                w[torch.rand_like(w) < 0.3] = 0
    small = lpreg.compact(model, x)
    assert units(small) < units(model)
    assert apart(model, small, x) < 1e-12
    assert units(lpreg.compact(small)) == units(small)


def test_channels_of_a_residual_network():
    """Those inside a block go; those that take part in a sum stay, and are named."""
    model = models.build("resnet18", generator(), inputs=(3, 16, 16), outputs=4, width=8)
    model = settled(model)
    zeroed(model.layer1[0].conv1, rows=[0, 1, 5])
    zeroed(model.layer2[0].conv1, rows=[3])
    zeroed(model.layer1[0].conv2, rows=[2, 4])
    x = torch.randn(3, 3, 16, 16, generator=generator())
    with pytest.warns(UserWarning, match=r"2 of 8 units of 'layer1.0.conv2' .*add") as told:
        small: Any = lpreg.compact(model, x)
    assert len(told) == 1
    assert apart(model, small, x) < 1e-6
    assert small.layer1[0].conv1.out_channels == 8 - 3 + 1  # one carries what three said
    assert small.layer1[0].bn1.num_features == small.layer1[0].conv2.in_channels == 6
    assert small.layer1[0].conv2.out_channels == 8


@pytest.mark.parametrize("kind", ["mlp", "initial_cnn", "new_cnn"])
def test_the_networks_of_studies(kind: str):
    inputs = (3, 16, 16)
    sizes = {"hidden": [20, 20], "dropout": 0.5}
    model = models.build(kind, generator(), inputs=inputs, outputs=4, **sizes)
    for layer in [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)][:-1]:
        zeroed(layer, rows=[0, 2])
    x = torch.randn(3, *inputs, generator=generator())
    small = lpreg.compact(model, x)
    assert apart(model, small, x) < 1e-6
    assert sum(units(small)) < sum(units(model))
    assert small.training


@pytest.mark.parametrize("build", [edges, Edges])
def test_a_constant_that_edges_change_stays_and_is_named(build: Callable[[], nn.Module]):
    model, x = build(), torch.randn(3, 1, 9, 9, generator=generator())
    with pytest.warns(UserWarning, match=r"1 of 3 units of '.*0' .*at the edges"):
        small = lpreg.compact(model, x)
    assert units(small) == [3, 2]
    assert apart(model, small, x) < 1e-6


def lost(*between: nn.Module, outputs: int = 4) -> nn.Module:
    return nn.Sequential(zeroed(nn.Linear(4, 4), rows=[1]), *between, nn.Linear(4, outputs))


class Uses(nn.Module):
    """A hidden layer with a dead unit, and what a forward makes of it."""

    def __init__(self, forward: Callable[["Uses", Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second = zeroed(nn.Linear(4, 4), rows=[1]), nn.Linear(4, 4)
        self.does = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.does(self, x)


def hooked() -> nn.Module:
    model: Any = lost(nn.ReLU())
    model[0].register_forward_hook(lambda *_: None)
    return model


def in_place(self: Uses, x: Tensor) -> Tensor:
    hidden = self.first(x)
    return self.second(F.relu(hidden, inplace=True)) + self.second.bias.sum() * hidden.dim()


def forked(self: Uses, x: Tensor) -> Tensor:
    hidden = self.first(x).sigmoid()
    return self.second(hidden) + hidden


KEPT: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "softmax": (lambda: lost(nn.Softmax(-1)), r"'1' \(Softmax\)"),
    "layer norm": (lambda: lost(nn.LayerNorm(4)), r"'1' \(LayerNorm\)"),
    "batch statistics": (
        lambda: lost(nn.BatchNorm1d(4, track_running_stats=False)),
        r"'1' \(BatchNorm1d\)",
    ),
    "hooks": (hooked, "hooks"),
    "a sum": (lambda: Uses(forked), "add"),
    "a fixed view": (
        lambda: Uses(lambda self, x: self.second(self.first(x).view(-1, 4))),
        "view",
    ),
    "its number of units": (lambda: Uses(counting), "how many"),
    "two calls": (lambda: Uses(lambda self, x: self.second(self.first(self.first(x)))), "2 times"),
    "its weight": (
        lambda: Uses(lambda self, x: self.second(self.first(x)) + self.first.weight.sum()),
        "directly",
    ),
    "groups": (
        lambda: nn.Sequential(
            zeroed(nn.Conv2d(2, 4, 1, groups=2), rows=[1]), nn.ReLU(), nn.Conv2d(4, 2, 1)
        ),
        "groups=2",
    ),
    "noise in evaluation": (
        lambda: Uses(lambda self, x: self.second(F.dropout(self.first(x)))),
        "dropout",
    ),
    "a subclass": (lambda: nn.Sequential(zeroed(Own(4, 4), rows=[1]), nn.Linear(4, 4)), "no call"),
    "the last dimension of an image": (
        lambda: nn.Sequential(zeroed(nn.Conv2d(4, 4, 1), rows=[1]), nn.Linear(4, 4)),
        r"'1' \(Linear\)",
    ),
}


class Own(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) + self.weight.shape[0]


def counting(self: Uses, x: Tensor) -> Tensor:
    hidden = self.first(x)
    return self.second(hidden / hidden.shape[1])


@pytest.mark.parametrize("name", KEPT)
def test_what_is_not_proved_stays_and_is_named(name: str):
    build, reason = KEPT[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build()
    with pytest.warns(UserWarning, match=f"1 of 4 units of '(0|first)' .*{reason}"):
        small = lpreg.compact(model)
    assert units(small) == units(model)
    assert str(small) == str(model)


def test_nothing_is_said_where_nothing_is_dead():
    lpreg.compact(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 4)))


def test_a_change_in_place_is_seen_by_both_who_read():
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = zeroed(nn.Linear(4, 4), rows=[1])
            self.left, self.right = nn.Linear(4, 2), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            hidden = self.first(x)
            left = self.left(hidden.relu_())
            return left + self.right(hidden)

    model = Both()
    with torch.no_grad():
        model.first.bias.fill_(-1.0)  # what the right one reads is 0, as the left one made it
    with pytest.warns(UserWarning, match="in place"):
        small = lpreg.compact(model)
    assert apart(model, small, torch.randn(5, 4, generator=generator())) == 0


def test_an_example_tells_that_features_come_in_sequences():
    """BatchNorm1d of (samples, places, features) normalizes places."""
    model = settled(lost(nn.BatchNorm1d(4)))
    x = torch.randn(6, 4, 4, generator=generator())
    with pytest.warns(UserWarning, match=r"'1' \(BatchNorm1d\)"):
        assert apart(model, lpreg.compact(model, x), x) == 0
    flat = x[:, 0]
    assert units(lpreg.compact(model, flat)) == [3, 4]
    assert apart(model, lpreg.compact(model, flat), flat) < 1e-6


def test_what_tracing_does_not_see_an_example_does():
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = zeroed(nn.Linear(4, 4), rows=[1]), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.first(x).relu() / self.first.out_features)

    with pytest.raises(ValueError, match="without its dead units Scaled gives other outputs"):
        lpreg.compact(Scaled(), torch.randn(5, 4, generator=generator()))


def pruned() -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    prune.l1_unstructured(model[0], "weight", amount=0.5)
    return model


def tied() -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    model[2].weight = model[0].weight
    return model


def branching(self: Uses, x: Tensor) -> Tensor:
    return self.first(x) if x.sum() > 0 else self.second(x)


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "tied": (tied, "2.weight is the same tensor as 0.weight"),
    "parametrised": (
        lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), nn.ReLU()),
        "0.weight is computed",
    ),
    "pruned": (pruned, "0.weight is computed"),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 2)), "0.weight is not init"),
    "branches": (lambda: Uses(branching), "Uses cannot be traced"),
}


@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_named(name: str):
    build, reason = REFUSED[name]
    with pytest.raises(ValueError, match=reason):
        lpreg.compact(build())


def test_bfloat16_and_frozen_weights():
    model, x = made("perceptron")
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    small = lpreg.compact(model.bfloat16(), x.bfloat16())
    assert {p.dtype for p in small.parameters()} == {torch.bfloat16}
    assert not any(p.requires_grad for p in small.parameters())
    assert apart(model, small, x.bfloat16()) < 2**-5


def test_a_constant_that_is_not_finite_is_left_alone():
    first = zeroed(nn.Linear(4, 4), rows=[1])
    with torch.no_grad():
        first.bias[1] = math.inf
    model = nn.Sequential(first, nn.ReLU(), nn.Linear(4, 2))
    with pytest.warns(UserWarning, match="1 of 4 units of '0' .*not finite"):
        assert units(lpreg.compact(model)) == [4, 2]
