"""Zeros against torch's casts, and against hand-worked tables."""

import numpy as np
import pandas as pd
import pytest
import torch

from lpreg.analysis import sparsity
from tests.analysis.frames import NONE, regression, results

TINY = 2.0**-133
"""The smallest bfloat16 above zero."""


def weights(*shape: int, zeros: float = 0.5, seed: int = 0) -> np.ndarray:
    """Normal weights, this share of them zero."""
    random = np.random.default_rng(seed)
    return (random.normal(size=shape) * (random.random(shape) >= zeros)).astype(np.float32)


def test_zeros_are_exact():
    assert sparsity.zeros([[0.0, -0.0], [1e-45, np.nan]]) == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bfloat16_is_that_of_torch(dtype: type):
    random = np.random.default_rng(0)
    ties = np.array([1 + 2.0**-8, 1 + 3 * 2.0**-8, TINY / 2, 3 * TINY / 2, -TINY / 2])
    near = np.nextafter(np.float32(TINY / 2), np.float32(1))
    values = np.concatenate([
        random.normal(size=1000), random.normal(size=1000) * TINY, ties, [near, -near, 0.0, -0.0]
    ]).astype(dtype)  # fmt: skip
    expected = torch.from_numpy(values).to(torch.bfloat16).float().numpy()
    assert np.array_equal(sparsity.bfloat16(values), expected)
    assert 0 < sparsity.zeros(sparsity.bfloat16(values)) < len(values)


def test_bfloat16_of_half_the_smallest_is_zero_and_of_a_little_more_is_not():
    half = np.float32(TINY / 2)
    more = np.nextafter(half, np.float32(1))
    assert sparsity.bfloat16([half, -half, more, -more]).tolist() == [0, 0, TINY, -TINY]


@pytest.mark.parametrize("seed", range(3))
def test_int8_is_that_of_torch(seed: int):
    w = weights(30, 40, zeros=0.2, seed=seed)
    scale = float(np.abs(w).max() / 127)
    cast = torch.fake_quantize_per_tensor_affine(torch.from_numpy(w), scale, 0, -127, 127)
    assert np.allclose(sparsity.int8(w) * np.float32(scale), cast.numpy(), atol=1e-6)
    assert sparsity.zeros(sparsity.int8(w)) == int((cast == 0).sum())


def test_int8_by_hand():
    assert sparsity.int8([127.0, -0.5, 0.5, 0.6, -1.5]).tolist() == [127, 0, 0, 1, -2]
    assert sparsity.int8(np.zeros((2, 2))).tolist() == [[0, 0], [0, 0]]
    assert sparsity.int8(np.zeros((0, 3))).shape == (0, 3)


def test_cutoffs_by_hand():
    magnitudes = np.array([[5, 1, 4, 2, 3], [1, 1, 1, 0, 0]])
    found = sparsity.cutoffs(magnitudes, [1.0, 0.6, 0.2, 0.01])
    assert found.tolist() == [[1, 3, 5, 5], [0, 1, 1, 1]]


def test_pruning_takes_the_largest_of_all_tensors_together():
    network = {"a": np.array([[3.0, -0.1]]), "b": np.array([-2.0, 0.5])}
    kept = sparsity.pruned(network, 0.5)
    assert {name: mask.tolist() for name, mask in kept.items()} == {
        "a": [[True, False]],
        "b": [True, False],
    }
    assert all(mask.all() for mask in sparsity.pruned(network, 1.0).values())


@pytest.mark.parametrize("density", sparsity.DENSITIES)
def test_pruning_keeps_the_share_that_it_is_asked_for(density: float):
    network = {"a": weights(20, 30, zeros=0), "b": weights(40, 10, zeros=0, seed=1)}
    kept = np.concatenate([mask.ravel() for mask in sparsity.pruned(network, density).values()])
    magnitudes = np.concatenate([np.abs(w).ravel() for w in network.values()])
    assert kept.sum() == round(density * 1000)
    assert magnitudes[kept].min() > magnitudes[~kept].max(initial=0)


MEMBERS = [
    {"member": "a", "seed": 0},
    {"member": "b", "seed": 1},
    {"member": "c", "seed": 0, **NONE},
    {"member": "d", "seed": 1, **NONE, "status": "diverged"},
]


def counted(member: str, tensor: str, size: int, *counts: int) -> pd.DataFrame:
    """Weights of at most 0, 0.1 and 1."""
    return pd.DataFrame({
        "member": member, "tensor": tensor, "size": size,
        "threshold": [0.0, 0.1, 1.0], "count": counts,
    })  # fmt: skip


COUNTS = pd.concat([
    counted("a", "fc1", 10, 10, 10, 10), counted("a", "fc2", 10, 0, 2, 10),
    counted("b", "fc1", 10, 4, 6, 10), counted("b", "fc2", 10, 0, 0, 10),
    counted("c", "fc1", 10, 0, 0, 9), counted("c", "fc2", 10, 0, 1, 10),
    counted("d", "fc1", 10, 10, 10, 10), counted("d", "fc2", 10, 10, 10, 10),
])  # fmt: skip


def test_threshold_curves_by_hand():
    table = sparsity.threshold_curves(results(MEMBERS), COUNTS)
    assert table[["arm", "threshold", "n"]].to_numpy().tolist() == [
        *(["L1", t, 2] for t in (0.0, 0.1, 1.0)),
        *(["none", t, 1] for t in (0.0, 0.1, 1.0)),
    ]
    assert table["share_mean"].tolist() == pytest.approx([0.35, 0.45, 1, 0, 0.05, 0.95])
    half = 12.7062 * 0.15  # t of one degree of freedom times sd / sqrt(2)
    assert table["share_high"][0] == pytest.approx(0.35 + half, rel=1e-4)
    assert table["share_low"][3:].isna().all()


def test_layers_by_hand():
    table = sparsity.layers(results(MEMBERS), COUNTS)
    columns = ["arm", "tensor", "n", "size", "zeros", "share", "collapsed"]
    assert table[columns].to_numpy().tolist() == [
        ["L1", "fc1", 2, 10, 7, 0.7, 0.5],
        ["L1", "fc2", 2, 10, 0, 0, 0],
        ["none", "fc1", 1, 10, 0, 0, 0],
        ["none", "fc2", 1, 10, 0, 0, 0],
    ]


def pruned(member: str, metric: str = "accuracy") -> pd.DataFrame:
    """What is measured of a member at densities 1 and 0.1, and something else."""
    names = [f"pruned_{part}_{metric}" for part in ("val", "test")]
    return pd.DataFrame({
        "member": member,
        "measure": [*names, *names, "map_epoch"],
        "tensor": None,
        "at": [1.0, 1.0, 0.1, 0.1, np.nan],
        "value": [0.9, 0.8, 0.5, 0.4 if member == "a" else 0.2, 7.0],
    })  # fmt: skip


@pytest.mark.parametrize("metric", ["accuracy", "mse"])
def test_pruning_curves_by_hand(metric: str):
    frame = results(MEMBERS[:2]) if metric == "accuracy" else regression(results(MEMBERS[:2]))
    table = sparsity.pruning_curves(frame, pd.concat([pruned("a", metric), pruned("b", metric)]))
    assert table[["density", "n", "metric"]].to_numpy().tolist() == [
        [1, 2, metric],
        [0.1, 2, metric],
    ]
    assert table["val_mean"].tolist() == pytest.approx([0.9, 0.5])
    assert table["test_mean"].tolist() == pytest.approx([0.8, 0.3])
    assert table["test_high"].tolist() == pytest.approx([0.8, 0.3 + 12.7062 * 0.1], rel=1e-4)


def test_nothing_measured_gives_an_empty_table():
    nothing = pruned("a").iloc[:0]
    assert sparsity.pruning_curves(results(MEMBERS), nothing).empty
    assert "density" in sparsity.pruning_curves(results(MEMBERS), nothing)
