"""The powers |w|^p, entry by entry: L0, L1, L2, any Lp, and the elastic net.

The proximal map of t |x|^p at v is v times a factor that depends on one number only. With a = |v|
and x = a z, stationarity reads

    z + k z^(p-1) = 1,      k = p t a^(p-2),

and the maps below are its solutions z, written so that nothing cancels, overflows or underflows
before the answer does, and so that z = 1 exactly at t = 0. For p < 1 this has two roots or none:
the larger is the minimum, as long as it beats x = 0. There x jumps: it is zero or at least a z*,

    z* = 2 (1 - p) / (2 - p),      k* = p / (2 - p) z*^(1-p),      zero where k >= k*.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

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

    Its prox is closed for p = 1/2, 2/3, 1, 4/3, 3/2, 2, 3, 4 (see `PROX`), else by Newton.
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
        return PROX.get(self.p, partial(prox_power, p=self.p))(v, self.lam * step)

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
        return self.lam * (self.l1_ratio * w.sign() + (1 - self.l1_ratio) * w)

    def _prox(self, v: Tensor, step: Tensor) -> Tensor:
        t = self.lam * step
        return soft(v, self.l1_ratio * t) / (1 + (1 - self.l1_ratio) * t)

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


def soft(v: Tensor, t: Tensor) -> Tensor:
    """Soft thresholding, the prox of t |x|: v without what of it lies within t of zero."""
    return v - v.clamp(-t, t)


def pulled(w: Tensor, grad: Tensor, l1: Strength) -> Tensor:
    """The gradient together with the subgradient of l1 |w| that cancels most of it."""
    return torch.where(w == 0, soft(grad, like(grad, l1)), grad + l1 * w.sign())


def free_at_zero(lam: Strength, w: Tensor, distance: Tensor) -> Tensor:
    """The distance where the slope at zero is infinite (p < 1): any gradient is held there."""
    return torch.where((w == 0) & (like(w, lam) > 0), 0.0, distance)


def finite_positive(x: float) -> bool:
    return 0 < x < math.inf


def prox_half(v: Tensor, t: Tensor) -> Tensor:
    """p = 1/2. Xu et al. (2012), "L1/2 regularization", with the arc measured from t = 0."""
    a = nonzero(v.abs())
    c = (0.75 * math.sqrt(3)) * (t / a) / a.sqrt()  # above sqrt(1/2): zero
    angle = (2 / 3) * c.clamp(max=1.0).asin()
    z = 1 - angle.sin() / math.sqrt(3) - (2 / 3) * (angle / 2).sin().square()
    return v * z * (c < math.sqrt(0.5))


def prox_two_thirds(v: Tensor, t: Tensor) -> Tensor:
    """p = 2/3. z = r^3 with r^4 - r + k = 0, by Ferrari; c + 4k/(3c) is the root of its cubic."""
    a = nonzero(v.abs())
    jump = 2 ** (-4 / 3)
    k = (2 / 3) * (t / a) / cube_root(a)
    q = (4 / 3) * k.clamp(max=jump)
    c = cube_root(0.5 + (0.25 - q**3).sqrt())
    s = (c + q / c).sqrt()
    r = (s + (2 / s - s * s).sqrt()) / 2
    return v * r * r * r * (k < jump)


def prox_four_thirds(v: Tensor, t: Tensor) -> Tensor:
    """p = 4/3. z = r^3 with r^3 + k r = 1, by Cardano; c^3 - e^3 = 1 undoes the cancellation."""
    a = nonzero(v.abs())
    third = ((4 / 9) * (t / cube_root(a).square())).clamp(max=torch.finfo(v.dtype).max ** 0.6)
    c = cube_root(0.5 + torch.hypot(third * third.sqrt(), third.new_full((), 0.5)))
    e = third / c
    r = 1 / (c * c + third + e * e)
    return v * r * r * r


def prox_three_halves(v: Tensor, t: Tensor) -> Tensor:
    """p = 3/2. z = r^2 with r^2 + k r = 1, in the form of the root that does not cancel."""
    k = 1.5 * (t / nonzero(v.abs()).sqrt())
    r = 2 / (k + torch.hypot(k, k.new_full((), 2.0)))
    return v * r * r


def prox_two(v: Tensor, t: Tensor) -> Tensor:
    """p = 2. z + k z = 1."""
    return v / (1 + 2 * t)


def prox_three(v: Tensor, t: Tensor) -> Tensor:
    """p = 3. z + k z^2 = 1, in the form of the root that does not cancel."""
    root = (12 * t).sqrt() * v.abs().sqrt()
    return 2 * v / (1 + torch.hypot(root, root.new_full((), 1.0)))


def prox_four(v: Tensor, t: Tensor) -> Tensor:
    """p = 4. z + k z^3 = 1: z = 3 / (1 + b^2 + 1/b^2) with b^3 = s + sqrt(s^2 + 1), s^2 = 27k/4."""
    a = nonzero(v.abs())
    s = (27 * t).sqrt()  # divided by a, so that s does not overflow where the answer is of order 1
    b = cube_root(a) * cube_root(s + torch.hypot(s.expand_as(a), 1 / a))
    return v / (1 + (b - 1 / b).square() / 3)


def prox_power(v: Tensor, t: Tensor, p: float) -> Tensor:
    """Any other p, by Newton's method on y = log z, in the longest dtype of the device.

    log(exp(log k + (p-1) y) + exp(y)) = 0: convex in y and nearly piecewise linear, with slopes
    p - 1 and 1. From the right of the larger root every step stays there and none can overshoot.
    """
    long = precise(v.device)
    a = v.abs().to(long)
    log_k = math.log(p) + t.to(long).log() + (p - 2) * nonzero(a).log()
    log_k = log_k.clamp(-1e5, 1e5)
    y = torch.zeros_like(log_k) if p < 1 else (-log_k / (p - 1)).clamp(max=0.0)
    for _ in range(NEWTON_STEPS):
        pull = log_k + (p - 1) * y
        whole = torch.logaddexp(pull, y)
        slope = 1 + (p - 2) * (pull - whole).exp()
        y = y - whole / slope.clamp(min=min(1.0, abs(p - 1)) / 2)
    x = (v * y.exp()).to(v.dtype)
    if p > 1:
        return x
    least = 2 * (1 - p) / (2 - p)
    jump = math.log(p / (2 - p)) + (1 - p) * math.log(least)
    return x * (log_k < jump)


def cube_root(a: Tensor) -> Tensor:
    """Of positive a; one Newton step repairs what rounding 1/3 costs far from 1."""
    root = a ** (1 / 3)
    return root - (root - a / (root * root)) / 3


NEWTON_STEPS = 12

PROX: dict[float, Callable[[Tensor, Tensor], Tensor]] = {
    1 / 2: prox_half,
    2 / 3: prox_two_thirds,
    1.0: soft,
    4 / 3: prox_four_thirds,
    3 / 2: prox_three_halves,
    2.0: prox_two,
    3.0: prox_three,
    4.0: prox_four,
}
"""The prox of t |x|^p as a function of (v, t), for the p that have a closed form."""
