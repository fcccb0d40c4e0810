"""The powers |w|^p, entry by entry: L0, L1, L2, any Lp, and the elastic net.

Every class says its value, its slope and its prox; how the prox of |x|^p is solved for is in
`powers`, and what all the methods mean is in `base`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lpreg.penalties.base import (
    Penalty,
    Strength,
    check_strength,
    checked,
    infinite_unless_zero,
    like,
    nonzero,
    precise,
    wide,
)
from lpreg.penalties.powers import PROX, prox_power, soft


@dataclass(frozen=True)
class L0(Penalty):
    """lam * count(w != 0). Its prox keeps v where |v| > sqrt(2 lam step) and drops the rest."""

    lam: Strength
    convex = False
    separable = True

    def value(self, w: Tensor) -> Tensor:
        return self.lam * wide((w != 0).to(w.dtype)).sum()

    def gradient(self, w: Tensor) -> Tensor:
        return torch.zeros_like(w)

    def _prox(self, v: Tensor, step: Tensor) -> Tensor:
        return v * (v.abs() > (2 * self.lam * step).sqrt())

    def lam_max(self, grad_at_zero: Tensor) -> Tensor:
        return grad_at_zero.new_zeros(())  # w = 0 is always a local minimum

    def distance(self, w: Tensor, grad: Tensor) -> Tensor:
        return free_at_zero(self.lam, w, grad.abs())

    def split(self) -> tuple[Penalty | None, Penalty | None]:
        return None, self


@dataclass(frozen=True)
class L1(Penalty):
    """lam * sum |w|. Its prox is soft thresholding: nearer to zero by lam step, and no further."""

    lam: Strength
    separable = True

    def value(self, w: Tensor) -> Tensor:
        return self.lam * wide(w).abs().sum()

    def gradient(self, w: Tensor) -> Tensor:
        return self.lam * w.sign()

    def _prox(self, v: Tensor, step: Tensor) -> Tensor:
        return soft(v, self.lam * step)

    def prox_dual(self, v: Tensor, dual: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        lam = like(dual, self.lam)
        w = v - v.clamp(step * (-lam - dual), step * (lam - dual))
        return w, (dual + v / step).clamp(-lam, lam)

    def lam_max(self, grad_at_zero: Tensor) -> Tensor:
        return grad_at_zero.abs().amax()

    def distance(self, w: Tensor, grad: Tensor) -> Tensor:
        return pulled(w, grad, self.lam).abs()

    def split(self) -> tuple[Penalty | None, Penalty | None]:
        return self, None

    def parts(self) -> tuple[Strength | None, Strength | None, tuple[Penalty, ...]]:
        return self.lam, None, ()


@dataclass(frozen=True)
class L2(Penalty):
    """lam * sum w^2 (no 1/2: its gradient is 2 lam w). Its prox is v / (1 + 2 lam step)."""

    lam: Strength
    separable = True
    smooth = True

    def value(self, w: Tensor) -> Tensor:
        return self.lam * wide(w).square().sum()

    def gradient(self, w: Tensor) -> Tensor:
        return 2 * self.lam * w

    def _prox(self, v: Tensor, step: Tensor) -> Tensor:
        return v / (1 + 2 * self.lam * step)

    def lam_max(self, grad_at_zero: Tensor) -> Tensor:
        return infinite_unless_zero(grad_at_zero)

    def distance(self, w: Tensor, grad: Tensor) -> Tensor:
        return (grad + self.gradient(w)).abs()

    def split(self) -> tuple[Penalty | None, Penalty | None]:
        return None, self

    def parts(self) -> tuple[Strength | None, Strength | None, tuple[Penalty, ...]]:
        return None, self.lam, ()


@dataclass(frozen=True)
class Lp(Penalty):
    """lam * sum |w|^p for any finite p > 0.

    Its prox is closed for p = 1/2, 2/3, 1, 4/3, 3/2, 2, 3, 4 (see `powers`), else by Newton.
    """

    lam: Strength
    p: float
    separable = True

    def __post_init__(self) -> None:
        super().__post_init__()
        p = checked(self, "p", "a finite number > 0 (L0 and LInf are the ends)", finite_positive)
        object.__setattr__(self, "p", float(p))
        object.__setattr__(self, "convex", self.p >= 1)
        object.__setattr__(self, "smooth", self.p > 1)

    def value(self, w: Tensor) -> Tensor:
        a = wide(w).abs()
        if self.p >= 1:
            return self.lam * (a**self.p).sum()
        away = torch.where(a == 0, 1.0, a)  # autograd must not meet the infinite slope at 0
        return self.lam * torch.where(a == 0, 0.0, away**self.p).sum()

    def gradient(self, w: Tensor) -> Tensor:
        a = w.abs() if self.p >= 1 else nonzero(w.abs())  # the slope at 0 is infinite for p < 1
        return (self.lam * self.p) * a ** (self.p - 1) * w.sign()

    def _prox(self, v: Tensor, step: Tensor) -> Tensor:
        if self.p in PROX:
            return PROX[self.p](v, self.lam * step)
        step = step.to(precise(v.device))
        return prox_power(v, like(step, self.lam).to(step.dtype) * step, self.p)

    def lam_max(self, grad_at_zero: Tensor) -> Tensor:
        return self._twin().lam_max(grad_at_zero)

    def distance(self, w: Tensor, grad: Tensor) -> Tensor:
        if self.p == 1:
            return self._twin().distance(w, grad)
        away = (grad + self.gradient(w)).abs()
        return away if self.smooth else free_at_zero(self.lam, w, away)

    def split(self) -> tuple[Penalty | None, Penalty | None]:
        return self._twin().split() if self.p == 1 else (None, self)

    def parts(self) -> tuple[Strength | None, Strength | None, tuple[Penalty, ...]]:
        return self._twin().parts() if self.p in (1, 2) else (None, None, (self,))

    def _twin(self) -> Penalty:
        """Of the penalties above, the one that is like this at zero."""
        return (L2 if self.smooth else L1 if self.convex else L0)(0.0).with_data((self.lam,))


@dataclass(frozen=True)
class ElasticNet(Penalty):
    """lam * (l1_ratio * sum |w| + (1 - l1_ratio) / 2 * sum w^2), as in scikit-learn.

    Its prox is soft thresholding by lam l1_ratio step, then v / (1 + lam (1 - l1_ratio) step).
    """

    lam: Strength
    l1_ratio: Strength = 0.5
    separable = True
    strengths = ("lam", "l1_ratio")

    def __post_init__(self) -> None:
        super().__post_init__()
        checked(self, "l1_ratio", "a number from 0 to 1", lambda x: 0 <= x <= 1)
        check_strength(self, "l1_ratio")

    def value(self, w: Tensor) -> Tensor:
        l1, l2 = self._both()
        return l1.value(w) + l2.value(w)

    def gradient(self, w: Tensor) -> Tensor:
        return self.lam * self.l1_ratio * w.sign() + self.lam * (1 - self.l1_ratio) * w

    def _prox(self, v: Tensor, step: Tensor) -> Tensor:
        l1, l2 = self.lam * self.l1_ratio, self.lam * (1 - self.l1_ratio)
        return soft(v, l1 * step) / (1 + l2 * step)

    def lam_max(self, grad_at_zero: Tensor) -> Tensor:
        largest = grad_at_zero.abs().amax()
        return torch.where(largest > 0, largest / self.l1_ratio, 0.0)

    def distance(self, w: Tensor, grad: Tensor) -> Tensor:
        l1, l2 = self._both()
        return l1.distance(w, grad + l2.gradient(w))

    def split(self) -> tuple[Penalty | None, Penalty | None]:
        return self._both()

    def parts(self) -> tuple[Strength | None, Strength | None, tuple[Penalty, ...]]:
        l1, l2 = self._both()
        return l1.lam, l2.lam, ()

    def _both(self) -> tuple[L1, L2]:
        l1, l2 = self.lam * self.l1_ratio, self.lam * (1 - self.l1_ratio) / 2
        return L1(0.0).with_data((l1,)), L2(0.0).with_data((l2,))


def pulled(w: Tensor, grad: Tensor, l1: Strength) -> Tensor:
    """The gradient together with the subgradient of l1 |w| that cancels most of it."""
    return torch.where(w == 0, soft(grad, like(grad, l1)), grad + l1 * w.sign())


def free_at_zero(lam: Strength, w: Tensor, distance: Tensor) -> Tensor:
    """The distance where the slope at zero is infinite (p < 1): any gradient is held there."""
    return torch.where((w == 0) & (like(w, lam) > 0), 0.0, distance)


def finite_positive(x: float) -> bool:
    return 0 < x < math.inf
