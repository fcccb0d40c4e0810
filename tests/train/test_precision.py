"""What a recipe says of precision and memory format, and what that does to the numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from lpreg.penalties import L1
from lpreg.train import PRECISIONS, Recipe, Run, Samples, train_reference, train_stack

from .cases import BUILDS, drawn, parts

TF32_SETTINGS = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)  # pyright: ignore
RECIPE = Recipe(steps=8, batch_size=16, evaluate_every=4, optimizer="sgd", momentum=0.9)
RUNS = [Run(1, 0.02), Run(2, 0.02, L1(0.01), "proximal")]


def image_network(generator):
    conv, wide, last = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, (2, 3), bias=False), nn.Linear(80, 3)
    drawn(generator, conv, wide, last)
    return nn.Sequential(conv, nn.ReLU(), wide, nn.BatchNorm2d(5), nn.ReLU(), nn.Flatten(), last)


def images() -> Samples:
    """Their class shows in their mean brightness, channel by channel."""
    g = torch.Generator().manual_seed(3)
    y = torch.randint(0, 3, (60,), generator=g)
    x = torch.randint(0, 128, (60, 3, 7, 8), dtype=torch.uint8, generator=g)
    x[torch.arange(60), y] += 64
    cut = {"train": slice(40), "val": slice(40, None)}
    return Samples({part: (x[rows], y[rows]) for part, rows in cut.items()}, 64.0, 40.0)


def largest_difference(left, right) -> float:
    return max(
        np.abs(a.curves[name] - b.curves[name]).max()
        for a, b in zip(left, right, strict=True)
        for name in ("train_loss", "val_loss")
    )


@pytest.mark.parametrize("run", RUNS, ids=["none", "proximal"])
def test_channels_last_changes_no_number(run):
    plain = train_stack(image_network, [run], images(), RECIPE)
    [last] = train_stack(image_network, [run], images(), replace(RECIPE, channels_last=True))
    assert largest_difference(plain, [last]) < 1e-6
    for name, value in plain[0].state.items():
        torch.testing.assert_close(last.state[name], value, rtol=1e-5, atol=1e-6)
    reference = train_reference(image_network, run, images(), RECIPE)
    assert largest_difference([reference], [last]) < 1e-6


@pytest.mark.parametrize("runs", [RUNS[:1], RUNS], ids=["one", "several"])
@pytest.mark.parametrize("network", ["perceptron", "images"])
def test_bf16_is_near_float32_and_not_it(network, runs):
    build, data = (image_network, images()) if network == "images" else (
        BUILDS["perceptron"], parts()
    )  # fmt: skip
    full = train_stack(build, runs, data, RECIPE)
    half = train_stack(build, runs, data, replace(RECIPE, precision="bf16"))
    assert 1e-5 < largest_difference(full, half) < 0.05
    reference = [train_reference(build, r, data, replace(RECIPE, precision="bf16")) for r in runs]
    assert largest_difference(reference, half) < 0.05


def test_bf16_keeps_weights_in_float32():
    """A step of 1e-4 of a weight would be lost in the 8 bits of bfloat16."""
    recipe = replace(RECIPE, precision="bf16", momentum=0.0)
    [outcome] = train_stack(BUILDS["perceptron"], [Run(1, 1e-5)], parts(), recipe)
    [still] = train_stack(BUILDS["perceptron"], [Run(1, 1e-30)], parts(), recipe)
    for name, value in outcome.state.items():
        assert value.dtype == torch.float32
        assert not torch.equal(value, still.state[name])


def test_tf32_leaves_no_trace_and_a_cpu_alone():
    def settings():
        return [each.fp32_precision for each in TF32_SETTINGS]

    before = settings()
    with PRECISIONS["tf32"].training("cpu"):
        assert settings() == ["tf32", "tf32"]
    with pytest.raises(ZeroDivisionError), PRECISIONS["tf32"].training("cpu"):
        _ = 1 / 0
    assert settings() == before
    plain = train_stack(BUILDS["perceptron"], RUNS, parts(), RECIPE)
    tf32 = train_stack(BUILDS["perceptron"], RUNS, parts(), replace(RECIPE, precision="tf32"))
    assert largest_difference(plain, tf32) == 0.0
