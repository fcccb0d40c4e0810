"""sparsity: what it counts, by hand, and what it says."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import lpreg
from lpreg import models
from lpreg.structure import THRESHOLDS, chain


def perceptron() -> Any:
    """Of 3, 4 and 2 units: unit 0 hears nothing, unit 1 is not read, and that is all."""
    first, second = nn.Linear(3, 4), nn.Linear(4, 2)
    with torch.no_grad():
        first.weight.copy_(torch.arange(1.0, 13).reshape(4, 3))
        second.weight.fill_(0.5)
        first.weight[0], second.weight[:, 1], first.weight[2, 2] = 0, 0, 2e-4
    return nn.Sequential(first, nn.Tanh(), second)


def test_by_hand():
    found = lpreg.sparsity(perceptron())
    first, second = found.rows
    assert (first.name, first.shape, first.size, first.zeros) == ("0.weight", (4, 3), 12, 3)
    assert (first.units, first.dead, first.cut) == (4, 2, 6)  # the six of the two dead units
    assert (second.units, second.dead, second.cut) == (2, 0, 4)
    assert (found.size, found.zeros, found.cut) == (20, 5, 10)
    assert not any(row.collapsed for row in found.rows)
    assert dict(zip(THRESHOLDS, first.counts, strict=True))[1e-3] == 4
    assert str(found).splitlines() == [
        "parameter  shape  weights   zeros  <= 1e-03  dead units  on no path",
        "0.weight   4 x 3       12  25.0 %    33.3 %      2 of 4      50.0 %",
        "2.weight   2 x 4        8  25.0 %    25.0 %      0 of 2      50.0 %",
        "5 of 20 weights are zero, 25.0 %; 10 lie on no path, 50.0 %",
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_the_curve_counts_what_is_as_small(dtype: torch.dtype):
    layer = nn.Linear(40, 30, bias=False)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        layer.weight.copy_(10 ** (-10 * torch.rand(layer.weight.shape, generator=random)))
        layer.weight[0, :3] = torch.tensor([0.0, -0.0, 1.0])
        layer.weight[1, 0] = math.nan
    layer = layer.to(dtype)
    (row,) = lpreg.sparsity(layer).rows
    sizes = layer.weight.detach().double().abs()
    assert row.counts == tuple(int((sizes <= t).sum()) for t in THRESHOLDS)
    assert row.zeros == 2
    assert row.counts[-1] == row.size - 1
    assert np.allclose(np.log10(THRESHOLDS[1:]), np.linspace(-8, 0, 25))


def test_a_layer_that_lets_nothing_through_is_named():
    model = perceptron()
    nn.init.zeros_(model[2].weight)
    found = lpreg.sparsity(model)
    assert [row.collapsed for row in found.rows] == [False, True]
    assert found.cut == found.size == 20
    assert str(found).endswith("; nothing gets through 2.weight")


def test_where_no_path_can_be_told_units_are_told_by_what_they_hear():
    network: Any = models.build(
        "resnet18", torch.Generator().manual_seed(0), inputs=(3, 8, 8), outputs=3, width=4
    )
    with torch.no_grad():
        network.layer1[0].conv1.weight[1] = 0
        network.layer1[0].conv2.weight[:, 2] = 0  # which reads the one above, and that alone
        network.layer1[1].conv1.weight[:, 3] = 0  # which reads a sum
    found = lpreg.sparsity(network)
    dead = {row.name: row.dead for row in found.rows}
    assert dead["layer1.0.conv1.weight"] == 2
    assert sum(filter(None, dead.values())) == 2
    assert found.cut is None
    assert "no path" not in str(found).splitlines()[-1]


def test_any_tensor_and_any_model():
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.norm = nn.Linear(2, 2), nn.LayerNorm(2)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x) if x.sum() > 0 else self.norm(x)

    model = Branching()
    nn.init.zeros_(model.layer.bias)
    found = lpreg.sparsity(model, "all")
    assert [(row.name, row.zeros, row.dead) for row in found.rows] == [
        *(("layer.weight", 0, None), ("layer.bias", 2, None)),
        *(("norm.weight", 0, None), ("norm.bias", 2, None)),
    ]
    with pytest.raises(ValueError, match="matches no parameter"):
        lpreg.sparsity(model, "fc*")


def test_chains():
    sizes = {"inputs": (1, 8, 8), "outputs": 3}
    random = torch.Generator().manual_seed(0)
    perceptron = models.build("mlp", random, hidden=[4, 4], activation="arctan", **sizes)
    assert chain(perceptron) == ["fc1.weight", "fc2.weight", "fc3.weight"]
    assert chain(models.build("new_cnn", random, dropout=0.5, **sizes)) is not None
    assert chain(models.build("resnet18", random, width=2, **sizes)) is None
    assert chain(nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2), nn.Linear(2, 2))) is None
    assert chain(nn.Sequential(nn.ReLU())) is None
    norm = nn.Sequential(nn.Conv1d(2, 3, 2), nn.BatchNorm1d(3), nn.Flatten(), nn.Linear(6, 2))
    assert chain(norm) == ["0.weight", "3.weight"]
