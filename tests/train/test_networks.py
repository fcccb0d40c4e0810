"""The convolutional networks in a stack: every member's numbers are those of the reference."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from lpreg.models import build
from lpreg.penalties import L1, Group, LInf
from lpreg.train import Recipe, Run, Samples, train_reference, train_stack
from lpreg.views import Filters

from .test_stack import assert_same

RECIPE = Recipe(
    optimizer="sgd", momentum=0.9, steps=4, batch_size=9, evaluate_every=2, dtype="float64"
)
RUNS = [
    Run(seed=1, lr=0.02),
    Run(seed=2, lr=0.03, penalty=L1(0.01), coupling="proximal"),
    Run(seed=1, lr=0.02, penalty=L1(1e-3), coupling="loss", where="all"),
]
SMALL = {
    "initial_cnn": {"channels": [3, 4], "hidden": [6]},
    "new_cnn": {"channels": [3, 4, 5], "hidden": [6]},
    "resnet18": {"width": 2},
    "resnet18, dropout": {"width": 2, "dropout": 0.3},
}


def images(size: int) -> Samples:
    """Bytes, three colours and classes; 25 of training, so that the last batch is a smaller one."""
    g = torch.Generator().manual_seed(3)
    x = torch.randint(0, 256, (45, 3, size, size), generator=g, dtype=torch.uint8)
    y = x.float().mean((2, 3)).argmax(1)
    cut = {"train": slice(25), "val": slice(25, 35), "test": slice(35, None)}
    return Samples({part: (x[rows], y[rows]) for part, rows in cut.items()}, 127.0, 64.0)


def builder(case):
    kind = case.partition(",")[0]
    size = 32 if kind == "resnet18" else 8
    options = {"inputs": [3, size, size], "outputs": 3, **SMALL[case]}
    return partial(build, kind, **options), images(size)


@pytest.mark.parametrize("case", SMALL)
def test_a_stack_is_the_reference(case):
    make, data = builder(case)
    for run, stacked in zip(RUNS, train_stack(make, RUNS, data, RECIPE), strict=True):
        assert_same(stacked, train_reference(make, run, data, RECIPE))


def test_penalties_of_whole_tensors_and_filters():
    make, data = builder("new_cnn")
    runs = [
        Run(1, 0.02, LInf(0.01, scope="model")),
        Run(2, 0.02, {"conv*.weight": Group(0.01, Filters()), "fc*.weight": L1(0.01)}, "proximal"),
    ]
    for run, stacked in zip(runs, train_stack(make, runs, data, RECIPE), strict=True):
        assert_same(stacked, train_reference(make, run, data, RECIPE))


def test_running_statistics_are_each_members_own():
    make, data = builder("resnet18")
    first, second, third = train_stack(make, RUNS, data, replace(RECIPE, steps=2))
    name = "layer4.1.bn2.running_var"
    assert not torch.equal(first.state[name], second.state[name])
    assert not torch.equal(first.state[name], third.state[name])
    assert int(first.state["bn1.num_batches_tracked"]) == 2


def test_the_comparison_notices_statistics_that_are_not_updated():
    make, data = builder("resnet18")

    def frozen(generator):
        model = make(generator)
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 0.0
        return model

    [stacked] = train_stack(frozen, RUNS[:1], data, RECIPE)
    with pytest.raises(AssertionError):
        assert_same(stacked, train_reference(make, RUNS[0], data, RECIPE))
