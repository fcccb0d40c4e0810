"""Sums: their prox against a numerical minimum, and what they refuse."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.func import vmap

from lpreg.penalties import L0, L1, L2, ElasticNet, Group, LInf, Lp, Norm, Penalty, Sum
from lpreg.views import Rows, Whole
from tests.penalties.laws import objective

EXACT: dict[str, Penalty] = {
    "L1 + L2": L1(0.5) + L2(0.3),
    "L1 + ElasticNet": L1(0.2) + ElasticNet(0.4, 0.3),
    "LInf + L2": LInf(0.8) + L2(0.2),
    "Norm 2 + L2": Norm(0.8, 2) + L2(0.2),
    "Group + L2": Group(0.5, Whole()) + L2(0.2),
    "Group + L1": Group(0.3, Whole()) + L1(0.3),
    "L1 + LInf": L1(0.3) + LInf(0.5),
    "L1 + LInf + L2": L1(0.3) + LInf(0.5) + L2(0.1),
    "ElasticNet + Norm 2 + L2": ElasticNet(0.5, 0.5) + Norm(0.4, 2) + L2(0.1),
    "L1 + L3": L1(0.3) + Lp(0.2, 3),
}


def smallest(function: Callable[[Tensor], Tensor], width: float) -> Tensor:
    """Where a convex function of three numbers is smallest: grids that zoom in, to 1e-5."""
    ticks = torch.linspace(-1, 1, 21, dtype=torch.float64)
    grid, best = torch.cartesian_prod(ticks, ticks, ticks), torch.zeros(3, dtype=torch.float64)
    while width > 1e-6:
        points = best + width * grid
        best = points[vmap(function)(points).argmin()]
        width *= 0.4
    return best


def wrong_order(penalty: Penalty, v: Tensor, step: Tensor) -> Tensor:
    """Every term's prox in turn, as one might think."""
    for term in reversed(penalty.addends()):
        v = term.prox(v, step)
    return v


def misses(penalty: Penalty, prox: Callable[[Penalty, Tensor, Tensor], Tensor]) -> int:
    """How many of some points a prox misses, in scalar and in diagonal metrics."""
    generator = torch.Generator().manual_seed(0)
    count = 0
    for scale in (0.5, 1.0, 3.0):
        for spread in (0.0, 1.0):
            v = scale * torch.randn(3, generator=generator, dtype=torch.float64)
            step = torch.exp(spread * torch.randn(3, generator=generator, dtype=torch.float64))
            found = prox(penalty, v, step)
            best = smallest(
                lambda x, v=v, s=step: objective(penalty, x, v, s), float(v.abs().max())
            )
            worse = objective(penalty, found, v, step) > objective(penalty, best, v, step) + 1e-12
            count += bool(worse) or bool((found - best).abs().max() > 1e-4)
    return count


@pytest.mark.parametrize("name", EXACT)
def test_prox_is_the_minimum(name: str) -> None:
    assert misses(EXACT[name], lambda penalty, v, step: penalty.prox(v, step)) == 0


def test_one_after_the_other_is_not() -> None:
    assert misses(EXACT["L1 + L2"], wrong_order) > 0
    assert misses(EXACT["LInf + L2"], wrong_order) > 0
    assert misses(EXACT["L1 + LInf + L2"], wrong_order) > 0


REFUSED = {
    "two powers": L0(1) + Lp(1, 3),
    "power and norm": Lp(1, 3) + LInf(1),
    "two norms": LInf(1) + Group(1, Rows()) + L1(1),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_sums_have_no_prox_but_a_gradient(name: str) -> None:
    penalty, w = REFUSED[name], torch.randn(3, 2)
    first, second, *_ = penalty.addends()
    with pytest.raises(ValueError, match="coupling is 'loss'") as error:
        penalty.prox(w)
    assert repr(first) in str(error.value) and repr(second) in str(error.value)
    values = [term.value(w) for term in penalty.addends()]
    torch.testing.assert_close(penalty.value(w), torch.stack(values).sum())
    assert penalty.gradient(w).isfinite().all()


def test_the_norms_without_prox_say_so() -> None:
    for penalty in (Norm(0.1, 3), L1(0.1) + Norm(0.1, 1.5)):
        with pytest.raises(ValueError, match=r"Norm\(lam=0.1, p=.*p must be 1, 2 or inf"):
            penalty.prox(torch.ones(2))


def test_two_kinks_at_once_have_no_distance() -> None:
    w = torch.zeros(3, 2)
    with pytest.raises(ValueError, match="no exact distance"):
        REFUSED["two norms"].distance(w, w)
    with pytest.raises(ValueError, match="no exact lam_max"):
        REFUSED["two norms"].lam_max(w)
    smooth = Lp(1.0, 3) + Group(0.5, Rows())  # one kink, and a slope that is zero there
    assert smooth.distance(w, w + 2).shape == (3,)
    torch.testing.assert_close(smooth.lam_max(w + 2), Group(0.5, Rows()).lam_max(w + 2) / 0.5)


def test_sums_are_flat_and_compare_by_terms() -> None:
    a, b, c = L1(1), L2(2), LInf(3)
    assert (a + b) + c == a + (b + c) == Sum((a, b, c))
    assert hash((a + b) + c) == hash(a + (b + c))
    assert (a + b + c).data() == (1, 2, 3)
    assert (a + b).with_data((3.0, 4.0)) == L1(3) + L2(4)
    assert (a + b).separable and (a + b).convex and not (a + b).smooth
    assert not (L0(1) + b).convex and not (a + c).separable


def test_bad_sums() -> None:
    with pytest.raises(TypeError):
        _ = L1(1) + 1  # pyright: ignore
    with pytest.raises(ValueError, match="one penalty or more"):
        Sum(())
    with pytest.raises(ValueError, match="mixes scope"):
        _ = LInf(1, "model") + Norm(1, 2)
    with pytest.raises(ValueError, match="3 strengths"):
        (L1(1) + L2(1)).with_data((1.0, 2.0, 3.0))
    assert (LInf(1, "model") + L1(1)).scope == "model"
