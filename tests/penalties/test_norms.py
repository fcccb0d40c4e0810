"""The roots of the norms in large tensors, with metrics as wide as Adam's."""

import math
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.func import vmap

from lpreg.penalties import Group, LInf, Norm, Penalty, norms
from lpreg.views import Rows
from tests.penalties import oracles

ROWS, LONG = 6, 4200
"""Points of each kind; entries above `norms.SORTED_UP_TO`, where LInf takes Newton's method."""


def hard(size: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """(points, 2, size / 2) and steps over decades, alone and in step with the magnitudes."""
    generator = torch.Generator().manual_seed(size)

    def uniform(low: float, high: float, columns: int = size) -> Tensor:
        u = torch.rand(ROWS, columns, generator=generator, dtype=torch.float64)
        return low + (high - low) * u

    even, spread, crowded = uniform(0, 1), 10 ** uniform(-12, 0), 1 - 10 ** uniform(-8, -0.01)
    kinds = [
        (even, 10 ** uniform(-3, 3, 1).expand_as(even)),
        (even, 10 ** (uniform(-12, 5) + uniform(-2, 8, 1))),  # as wide as Adam's metric
        (crowded, 10 ** (uniform(-1, 1) + uniform(-5, 2, 1))),
        (crowded, 10 ** uniform(-5, 3, 1) / (1 - crowded)),
        (spread, 10 ** (uniform(-1, 1) + uniform(-5, 2, 1))),
        (spread, 10 ** uniform(-2, 2, 1) * spread),
        (spread, 10 ** uniform(-2, 2, 1) * spread**1.5),
    ]
    v, step = (torch.cat(columns) for columns in zip(*kinds, strict=True))
    return v.view(-1, 2, size // 2).to(dtype), step.view(-1, 2, size // 2).to(dtype)


def worst(penalty: Penalty, size: int, dtype: torch.dtype) -> float:
    """The largest error relative to the bisection root, over points that are not zero."""
    v, step = hard(size, dtype)
    found = vmap(penalty.prox)(v, step).double()
    root, _ = vmap(partial(oracles.prox, penalty))(v, step)
    assert bool((root != 0).any()) and not bool(found[root == 0].any())
    return float(((found - root).abs() / root.abs())[root.abs() > 1e-30].max())


BOTH = [(torch.float64, 1e-9), (torch.float32, 2e-6)]
PENALTIES = [LInf(1.0), Norm(1.0, 2), Group(1.0, Rows())]


@pytest.mark.parametrize(("dtype", "bound"), BOTH, ids=str)
@pytest.mark.parametrize("size", [10, LONG])
@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_the_root_is_found(penalty: Penalty, size: int, dtype: torch.dtype, bound: float) -> None:
    assert norms.SORTED_UP_TO < LONG
    assert worst(penalty, size, dtype) <= bound


@pytest.mark.parametrize(
    ("penalty", "steps"), [(LInf(1.0), "LEVEL_STEPS"), (Norm(1.0, 2), "RADIUS_STEPS")], ids=str
)
def test_fewer_steps_do_not_find_it(
    penalty: Penalty, steps: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(norms, steps, 3)
    assert worst(penalty, LONG, torch.float64) > 1e-6


@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_ending_early_changes_no_bit(penalty: Penalty, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of groups that are done while others go on: each is left as soon as it is done."""
    v, step = (each.flatten(0, 1) for each in hard(LONG, torch.float64))
    count = 0
    vecdot = torch.linalg.vecdot

    def counted(a: Tensor, b: Tensor) -> Tensor:
        nonlocal count
        count += 1
        return vecdot(a, b)

    monkeypatch.setattr(torch.linalg, "vecdot", counted)
    found = [penalty.prox(v, step), penalty.prox(v / 7, step.mean().expand_as(step))]
    early, count = count, 0
    monkeypatch.setattr(norms, "can_be_asked", lambda _: False)
    late = [penalty.prox(v, step), penalty.prox(v / 7, step.mean().expand_as(step))]
    assert early < count
    assert all(map(torch.equal, found, late))
    if isinstance(penalty, Group):
        alone = torch.cat([penalty.prox(a[None], b[None]) for a, b in zip(v, step, strict=True)])
        torch.testing.assert_close(alone, found[0], rtol=1e-13, atol=0)


def test_ties_share_the_gradient() -> None:
    w = torch.tensor([2.0, -2.0, 1.0, 2.0])
    slope = LInf(0.3).gradient(w)
    torch.testing.assert_close(slope, torch.tensor([0.1, -0.1, 0.0, 0.1]))


def test_norms_of_any_size() -> None:
    """No entry is squared before it is scaled."""
    for size in (1e-30, 1.0, 1e30):
        w = size * torch.tensor([3.0, 4.0])
        assert float(Norm(1.0, 2).value(w)) == pytest.approx(5 * size, rel=1e-6)
        assert float(Norm(1.0, 3).value(w)) == pytest.approx(91 ** (1 / 3) * size, rel=1e-6)
        torch.testing.assert_close(Norm(1.0, 2).gradient(w), torch.tensor([0.6, 0.8]))
        assert float(Group(1.0, Rows()).value(w[None])) == pytest.approx(
            math.sqrt(50) * size, rel=1e-6
        )
