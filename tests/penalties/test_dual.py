"""`prox_dual`: the prox of a point so far out that float32 cannot hold it.

What becomes of it over many steps, the rounding of the stored dual included, is the matter of
`DualAveraging` (tests/test_couplings.py).
"""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from lpreg.penalties import L1, ElasticNet, Group, LInf, Lp, Norm, Penalty
from lpreg.views import Columns, Rows

CASES: dict[str, Penalty] = {
    "L1": L1(2.0**-10),
    "Lp 1": Lp(2.0**-10, 1),
    "ElasticNet": ElasticNet(2.0**-9, 0.5),
    "LInf": LInf(2.0**-10),
    "Norm 1": Norm(2.0**-10, 1),
    "Norm 2": Norm(2.0**-10, 2),
    "Group rows": Group(2.0**-10, Rows()),
    "Group columns": Group(2.0**-10, Columns()),
    "L1 + Group": L1(2.0**-11) + Group(2.0**-11, Rows()),
}
TOTALS = [1.0, 1e3, 1e7]


def normal(seed: int) -> Tensor:
    return torch.randn(4, 5, generator=torch.Generator().manual_seed(seed))


def points(penalty: Penalty, total: float, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """v, dual and step in float32, as they are after `total` steps: the dual comes from a prox."""
    step = total * (0.01 + normal(seed).abs())
    latent = 2e-3 * step * normal(seed + 10)
    dual = (latent - penalty.prox(latent, step)) / step
    return normal(seed + 20), dual, step


def formed(penalty: Penalty, v: Tensor, dual: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """The wrong way: the latent point in the precision of v."""
    z = v + step * dual
    w = penalty.prox(z, step)
    return w, (z - w) / step


def error(penalty: Penalty, total: float, found: Callable | None = None) -> float:
    """The largest error of w against float64, in units of v; the zeros and the dual must agree."""
    errors = [torch.zeros(())]
    for seed in range(5):
        v, dual, step = points(penalty, total, seed)
        w, moved = (found or penalty.prox_dual)(v, dual, step)
        assert w.dtype == moved.dtype == torch.float32
        exact, bound = penalty.prox_dual(v.double(), dual.double(), step.double())
        latent = v.double() + step.double() * dual.double()
        torch.testing.assert_close(exact, penalty.prox(latent, step.double()), rtol=1e-9, atol=1e-8)
        torch.testing.assert_close(moved.double(), bound, rtol=1e-5, atol=1e-9)
        errors.append(((w - exact).abs() / (v.abs() + 1e-2)).max())
        assert found or torch.equal(w == 0, exact == 0)
    return float(torch.stack([e.double() for e in errors]).max())


@pytest.mark.parametrize("total", TOTALS)
@pytest.mark.parametrize("name", CASES)
def test_it_is_the_prox_of_the_latent_point(name: str, total: float) -> None:
    homogeneous, _ = CASES[name].split()
    assert homogeneous is not None
    assert error(homogeneous, total) < 2e-6


@pytest.mark.parametrize("name", ["L1", "LInf", "Group rows"])
def test_a_latent_point_in_float32_is_found_out(name: str) -> None:
    penalty = CASES[name]
    assert error(penalty, 1e7, partial(formed, penalty)) > 1e-4


def test_the_dual_of_a_moved_weight_is_its_bound() -> None:
    """So that nothing is left to round: to the last digit, at any step."""
    penalty = L1(1e-3)
    for step in TOTALS:
        v, dual = torch.tensor([5.0, -5.0, 1e-9]), torch.tensor([1e-3, -1e-3, 0.0])
        w, moved = penalty.prox_dual(v, dual, torch.full((3,), step))
        assert w.tolist() == [5.0, -5.0, 0.0]
        assert torch.equal(moved[:2], dual[:2]) and 0 < moved[2] < 1e-3
