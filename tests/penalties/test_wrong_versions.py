"""Every law finds the mistakes that it is there for."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from lpreg.penalties import L0, L1, L2, ElasticNet, Group, LInf, Lp, Norm, Penalty, powers
from lpreg.penalties.base import like
from lpreg.penalties.norms import prox_euclidean
from lpreg.penalties.powers import soft
from lpreg.views import Columns, Rows
from tests.penalties import laws


def mistaken(penalty: Penalty, **methods: Any) -> Penalty:
    """The same penalty but for some methods."""
    kind = type(f"Mistaken{type(penalty).__name__}", (type(penalty),), methods)
    wrong = copy.copy(penalty)
    object.__setattr__(wrong, "__class__", kind)
    return wrong


def with_prox(penalty: Penalty, prox: Callable[[Tensor, Tensor], Tensor]) -> Penalty:
    """Another prox, as a function of (v, lam * step)."""
    return mistaken(penalty, _prox=lambda self, v, step: prox(v, self.data()[0] * step))


def right(penalty: Penalty, factor: float = 1.0) -> Any:
    """The right prox, of a strength that is wrong by a factor."""
    return lambda self, v, step: type(penalty)._prox(laws.doubled(self, factor), v, step)


def averaged(penalty: Penalty) -> Penalty:
    """A prox that takes the mean of a metric for all entries."""
    return mistaken(penalty, _prox=lambda self, v, step: type(penalty)._prox(self, v, step.mean()))


def half_as_printed(v: Tensor, t: Tensor) -> Tensor:
    a = v.abs()
    phi = torch.arccos((-(3 * math.sqrt(3) / 4) * t * a ** (-1.5)).clamp(min=-1.0))
    x = (2 / 3) * v * (1 + torch.cos((2 / 3) * phi))
    return torch.where(a > 1.5 * t ** (2 / 3), x, 0.0)


def three_by_difference(v: Tensor, t: Tensor) -> Tensor:
    return torch.where(t > 0, v.sign() * ((1 + 12 * t * v.abs()).sqrt() - 1) / (6 * t), v)


def few_newton_steps(v: Tensor, t: Tensor) -> Tensor:
    x = v.abs()
    for _ in range(4):
        x = x - (x - v.abs() + 1.9 * t * x**0.9) / (1 + 1.9 * 0.9 * t * x ** (-0.1))
    return v.sign() * torch.where(v == 0, 0.0, x)


def rows_without_size(v: Tensor, t: Tensor) -> Tensor:
    return prox_euclidean(v.flatten(1), t.flatten(1)).view_as(v)


def ridge_first(self: Penalty, v: Tensor, step: Tensor) -> Tensor:
    l1, l2 = self.data()
    return soft(v / (1 + 2 * l2 * step), l1 * step)


def metric_after_ridge(self: Penalty, v: Tensor, step: Tensor) -> Tensor:
    largest, ridge = self.addends()
    return largest.prox(v / (1 + 2 * ridge.data()[0] * step), step)


def nan_at_zero(v: Tensor, t: Tensor) -> Tensor:
    return v * (1 - t / v.abs()).clamp(min=0.0)


def keeps_if_above(v: Tensor, t: Tensor) -> Tensor:
    return torch.where(v.abs() > (2 * t).sqrt(), v, 0.0)


def not_widened(self: Penalty, v: Tensor, step: Any = 1.0) -> Tensor:
    return self._prox(v, torch.as_tensor(step).to(v.dtype))


def slopes_of_all_ties(self: LInf, w: Tensor) -> Tensor:
    return self.lam * w.sign() * (w.abs() == w.abs().amax())


@dataclass(frozen=True)
class OtherNames(L1):
    def prox(self, x: Tensor, step: float | Tensor = 1.0) -> Tensor:  # pyright: ignore
        return super().prox(x, step)


@dataclass(frozen=True)
class Forgetful(ElasticNet):
    def with_data(self, data: Any) -> Any:
        return type(self)(data[0])


@dataclass(frozen=True)
class Listed(L1):
    options: Any = ()  # a list does not hash


@dataclass(frozen=True)
class Changing(L1):
    def with_data(self, data: Any) -> Any:
        object.__setattr__(self, "lam", data[0])
        return self


def without_ties(self: LInf, w: Tensor, grad: Tensor) -> Tensor:
    return (grad + self.gradient(w)).norm().reshape(1)


def ignoring_zeros(self: Penalty, w: Tensor, grad: Tensor) -> Tensor:
    return (grad + self.gradient(w)).abs()


def entry_by_entry(self: Group, w: Tensor, grad: Tensor) -> Tensor:
    held = soft(grad, torch.tensor(self.lam))
    each = torch.where(w == 0, held, grad + self.gradient(w))
    return self.view.groups(each).norm(dim=1)


L, RATIO, NET, ROWS = L1(0.5), Lp(0.75, 3), ElasticNet(0.5, 0.25), Group(0.5, Rows())
WRONG: dict[laws.Law, dict[str, Penalty]] = {
    laws.prox_is_the_root: {
        "threshold 5 % off": mistaken(L, _prox=right(L, 1.05)),
        "threshold 1e-5 off": mistaken(L, _prox=right(L, 1 + 1e-5)),
        "half of w^2": with_prox(L2(0.75), lambda v, t: v / (1 + t)),
        "threshold of L0": with_prox(L0(0.5), lambda v, t: torch.where(v.abs() <= t, 0.0, v)),
        "step left out": mistaken(L, _prox=lambda self, v, step: soft(v, 0 * step + self.lam)),
        "mean of the metric, L1": averaged(L),
        "mean of the metric, LInf": averaged(LInf(0.5)),
        "mean of the metric, Norm": averaged(Norm(0.5, 2)),
        "mean of the metric, Group": averaged(ROWS),
        "no root of the size": with_prox(ROWS, rows_without_size),
        "p = 3 by a difference": with_prox(RATIO, three_by_difference),
        "p = 1/2 for p = 2/3": with_prox(Lp(0.75, 2 / 3), powers.prox_half),
        "four Newton steps": with_prox(Lp(0.75, 1.9), few_newton_steps),
        "ridge first": mistaken(L1(0.5) + L2(0.25), _prox=ridge_first),
    },
    laws.prox_beats_the_grid: {
        "threshold 5 % off": mistaken(L, _prox=right(L, 1.05)),
        "never zero": with_prox(L0(0.5), lambda v, t: v),
        "always zero": with_prox(L0(0.5), lambda v, t: 0 * v),
        "late jump": mistaken(Lp(0.75, 0.5), _prox=right(Lp(0.75, 0.5), 1.3)),
        "metric of LInf + L2": mistaken(LInf(0.5) + L2(0.25), _prox=metric_after_ridge),
    },
    laws.prox_is_a_subgradient_step: {
        "threshold 1e-5 off": mistaken(L, _prox=right(L, 1 + 1e-5)),
        "norm 1 % off": mistaken(Norm(0.5, 2), _prox=right(Norm(0.5, 2), 1.01)),
        "mean of the metric": averaged(ROWS),
        "metric of LInf + L2": mistaken(LInf(0.5) + L2(0.25), _prox=metric_after_ridge),
        "ridge first": mistaken(L1(0.5) + L2(0.25), _prox=ridge_first),
    },
    laws.nothing_moves_without_strength_or_step: {
        "a little": with_prox(L, lambda v, t: soft(v, t) * (1 + 1e-6)),
        "p = 3 by a difference": with_prox(
            RATIO, lambda v, t: v.sign() * ((1 + 12 * t * v.abs()).sqrt() - 1) / (6 * t)
        ),
        "NaN at zero": with_prox(L, nan_at_zero),
        "power of a power": with_prox(
            Lp(0.75, 1.5), lambda v, t: powers.prox_three_halves(v, t).sqrt() ** 2
        ),
    },
    laws.zero_stays_zero: {
        "an epsilon": with_prox(L, lambda v, t: soft(v + 1e-12, t)),
        "NaN at zero": with_prox(L, nan_at_zero),
    },
    laws.prox_is_odd_and_shrinks: {
        "positive only": with_prox(L, lambda v, t: (v - t).clamp(min=0.0)),
        "through zero": with_prox(L, lambda v, t: v - t * v.sign()),
        "outwards": with_prox(L2(0.75), lambda v, t: v * (1 + 2 * t)),
        "nothing": with_prox(L, lambda v, t: v),
    },
    laws.prox_rises_with_v: {
        "through zero": with_prox(L, lambda v, t: v - t * v.sign()),
        "falling": with_prox(L, lambda v, t: -soft(v, t)),
    },
    laws.prox_is_finite_everywhere: {
        "p = 1/2 as printed": with_prox(Lp(0.75, 0.5), half_as_printed),
        "p = 3 by a difference": with_prox(RATIO, three_by_difference),
        "NaN at zero": with_prox(L, nan_at_zero),
        "another dtype": mistaken(L, prox=lambda self, v, step=1.0: soft(v, v.abs() / 2).double()),
    },
    laws.low_precision_is_rounded_once: {
        "p = 3 in bfloat16": mistaken(RATIO, prox=not_widened),
        "a wide answer": mistaken(L, prox=lambda self, v, step: L.prox(v.float(), step)),
        "a sum in bfloat16": mistaken(L, value=lambda self, w: self.lam * w.abs().cumsum(0).sum()),
    },
    laws.nan_stays_nan: {
        "kept if above": with_prox(L0(0.5), keeps_if_above),
        "value of what is positive": mistaken(
            Lp(0.75, 0.5), value=lambda self, w: torch.where(w.abs() > 0, w.abs().sqrt(), 0).sum()
        ),
    },
    laws.a_metric_is_a_step_per_entry: {
        "mean of the metric": averaged(L),
        "step doubled in a metric": mistaken(
            ROWS, _prox=lambda self, v, s: Group._prox(self, v, s * (2 if s.dim() else 1))
        ),
    },
    laws.names_are_positions: {
        "x for v": OtherNames(0.5),
        "step of 2": mistaken(L, prox=lambda self, v, step=2.0: L.prox(v, step)),
    },
    laws.strengths_spread_over_rows: {
        "one largest for all rows": mistaken(LInf(0.5), _rows=lambda self, w: w.reshape(1, -1)),
        "one strength for all": mistaken(
            L, _prox=lambda self, v, s: soft(v, like(v, self.lam).mean() * s)
        ),
        "as one row": mistaken(
            L, _prox=lambda self, v, s: soft(v.reshape(1, -1), self.lam * s.reshape(1, -1))
        ),
    },
    laws.strengths_spread_over_slopes: {
        "one strength for all": mistaken(
            L, gradient=lambda self, w: like(w, self.lam).mean() * w.sign()
        ),
        "by autograd": mistaken(L, gradient=Penalty.gradient),
    },
    laws.gradient_is_the_slope_of_the_value: {
        "no 2": mistaken(L2(0.75), gradient=lambda self, w: self.lam * w),
        "no p": mistaken(RATIO, gradient=lambda self, w: self.lam * w.abs() * w),
        "sign lost": mistaken(L, gradient=lambda self, w: self.lam * w.sign().abs()),
        "no root of the size": mistaken(ROWS, gradient=lambda self, w: 0.5 * L2(0.5).gradient(w)),
        "mean for sum": mistaken(L, value=lambda self, w: self.lam * w.abs().mean()),
    },
    laws.autograd_agrees: {
        "infinite at zero": mistaken(
            Lp(0.75, 0.5), value=lambda self, w: self.lam * w.abs().sqrt().sum()
        ),
        "every tie alone": mistaken(LInf(0.5), gradient=slopes_of_all_ties),
        "one at zero": mistaken(L, gradient=lambda self, w: self.lam * torch.where(w < 0, -1.0, 1)),
    },
    laws.value_is_strength_times_shape: {
        "strength squared": mistaken(L, value=lambda self, w: self.lam**2 * w.abs().sum()),
        "shifted": mistaken(L, value=lambda self, w: self.lam * (w.abs().sum() + 1e-9)),
        "signed": mistaken(L, value=lambda self, w: self.lam * (w.abs() + 0.1 * w).sum()),
        "a vector": mistaken(L, value=lambda self, w: self.lam * w.abs().sum((0, 1))),
    },
    laws.data_goes_out_and_in: {
        "a strength forgotten": Forgetful(0.5, 0.25),
        "a list": Listed(0.5, []),
        "changes itself": Changing(0.5),
    },
    laws.a_stack_is_a_loop: {
        "asks for numbers": mistaken(L, value=lambda self, w: float(self.lam) * w.abs().sum()),
        "branches": mistaken(L, _prox=lambda self, v, s: soft(v, self.lam * s) if v.any() else v),
    },
    laws.lam_max_is_the_edge_of_zero: {
        "5 % off": mistaken(L, lam_max=lambda self, g: 1.05 * g.abs().amax()),
        "never for L2": mistaken(L2(0.75), lam_max=lambda self, g: g.abs().amax()),
        "always for L0": mistaken(L0(0.5), lam_max=lambda self, g: g.abs().amax()),
        "largest for LInf": mistaken(LInf(0.5), lam_max=lambda self, g: g.abs().amax()),
        "mean for Norm": mistaken(Norm(0.5, 2), lam_max=lambda self, g: g.norm() / 2),
        "no root of the size": mistaken(
            ROWS, lam_max=lambda self, g: g.flatten(1).norm(dim=1).amax()
        ),
        "ratio left out": mistaken(NET, lam_max=lambda self, g: g.abs().amax()),
        "of the first term": mistaken(
            L1(0.25) + Group(0.25, Rows()), lam_max=lambda self, g: 4 * g.abs().amax()
        ),
    },
    laws.distance_is_the_speed_of_the_prox: {
        "zeros ignored": mistaken(L, distance=ignoring_zeros),
        "zeros ignored, net": mistaken(NET, distance=ignoring_zeros),
        "zeros ignored, p < 1": mistaken(Lp(0.75, 0.5), distance=ignoring_zeros),
        "ties ignored": mistaken(LInf(0.5), distance=without_ties),
        "groups ignored": mistaken(Group(0.25, Columns()), distance=entry_by_entry),
        "ridge ignored": mistaken(NET, distance=lambda self, w, g: L1(0.125).distance(w, g)),
    },
    laws.distance_is_zero_at_the_prox: {
        "zeros ignored": mistaken(L, distance=ignoring_zeros),
        "always zero": mistaken(L, distance=lambda self, w, g: 0 * w),
        "other sign": mistaken(L2(0.75), distance=lambda self, w, g: (g - 1.5 * w).abs()),
    },
    laws.split_is_a_partition: {
        "twice the rest": mistaken(NET, split=lambda self: (L1(0.125), L2(0.375))),
        "all is homogeneous": mistaken(NET, split=lambda self: (self, None)),
        "homogeneous as rest": mistaken(L, split=lambda self: (None, self)),
        "nothing": mistaken(L, split=lambda self: (None, None)),
    },
}


def test_every_law_has_its_wrong_versions() -> None:
    assert set(WRONG) == {laws.prox_is_the_root, *laws.OF_THE_PROX, *laws.OF_ALL}


@pytest.mark.parametrize(
    ("law", "wrong"),
    [
        pytest.param(law, wrong, id=f"{law.__name__}: {mistake}")
        for law, cases in WRONG.items()
        for mistake, wrong in cases.items()
    ],
)
def test_a_wrong_version_is_found(law: laws.Law, wrong: Penalty) -> None:
    with pytest.raises((AssertionError, RuntimeError, TypeError)):
        law(wrong)
