"""Dead units and dead weights of chains, by hand and against all paths one by one."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch
from torch import Tensor

from lpreg.structure import dead_units, effective


def weights(*shape: int, zeros: float = 0.5, seed: int = 0) -> Tensor:
    """Normal weights, this share of them zero."""
    random = torch.Generator().manual_seed(seed)
    kept = torch.rand(shape, generator=random) >= zeros
    return torch.randn(shape, generator=random) * kept


def test_dead_units_by_hand():
    first = torch.tensor([[0, 0], [1, 0], [0, 2], [3, 3]])
    second = torch.tensor([[1, 0, 1, 1], [1, 0, 1, 0]])
    assert dead_units(first).tolist() == [True, False, False, False]
    assert dead_units(first, second).tolist() == [True, True, False, False]
    assert not dead_units(second).any()


def test_a_channel_is_dead_when_all_its_filters_are_or_nothing_reads_it():
    filters = weights(3, 2, 3, 3, zeros=0)
    filters[0] = 0
    reading = weights(5, 3 * 4, zeros=0)
    reading[:, 8:12] = 0
    assert dead_units(filters, reading).tolist() == [True, False, True]
    reading[2, 9] = 1
    assert dead_units(filters, reading).tolist() == [True, False, False]


def on_paths(chain: list[Tensor]) -> list[Tensor]:
    """The same as `effective`, path by path; every input of a layer belongs to a unit before."""
    units = [chain[0].shape[1], *map(len, chain)]
    each = [w.shape[1] // u for w, u in zip(chain, units, strict=False)]
    found = [torch.zeros(w.shape, dtype=torch.bool) for w in chain]
    for path in product(*map(range, units)):
        steps = [
            [(after, before * size + k, *rest)
             for k in range(size) for rest in np.ndindex(*w.shape[2:])
             if w[after, before * size + k, *rest]]
            for w, size, (before, after) in zip(chain, each, pairwise(path), strict=True)
        ]  # fmt: skip
        if all(steps):
            for mask, weights in zip(found, steps, strict=True):
                for weight in weights:
                    mask[weight] = True
    return found


@pytest.mark.parametrize("zeros", [0.5, 0.8])
@pytest.mark.parametrize(
    "shapes",
    [
        [(3, 4), (5, 3), (2, 5)],
        [(4, 3)],
        [(2, 3, 2, 2), (3, 2, 2, 2), (4, 3 * 4), (2, 4)],
    ],
    ids=["perceptron", "one layer", "convolutions"],
)
def test_effective_weights_are_those_on_paths(shapes: list, zeros: float):
    for seed in range(10):
        chain = [weights(*s, zeros=zeros, seed=10 * seed + i) for i, s in enumerate(shapes)]
        found = effective(chain)
        for mine, brute in zip(found, on_paths(chain), strict=True):
            assert torch.equal(mine, brute)


def test_a_layer_that_is_all_zero_cuts_off_everything():
    chain = [torch.ones((3, 2)), torch.zeros((4, 3)), torch.ones((2, 4))]
    assert not any(mask.any() for mask in effective(chain))


def test_what_is_no_chain_is_refused():
    with pytest.raises(ValueError, match="7 inputs does not read one with 3 outputs"):
        effective([torch.ones((3, 2)), torch.ones((4, 7))])
