"""The proximal maps of t |x|^p for single numbers, in closed form where there is one.

With a = |v| and x = a z, the stationarity of t |x|^p + (x - v)^2 / 2 reads

    z + k z^(p-1) = 1,      k = p t a^(p-2),

so that the map is v times a factor z that depends on one number only. The functions below solve
for it, written so that nothing cancels, overflows or underflows before the answer does, and so that
z = 1 exactly at t = 0. For p < 1 there are two roots or none: the larger is the minimum, as long as
it beats x = 0. There x jumps, as it is zero or at least a z*:

    z* = 2 (1 - p) / (2 - p),      k* = p / (2 - p) z*^(1-p),      zero where k >= k*.

t is 0-d or like v, and never negative. NaN stays NaN, which is why zeros are made by a factor.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lpreg.penalties.base import nonzero


def soft(v: Tensor, t: Tensor) -> Tensor:
    """Soft thresholding, the prox of t |x|: v without what of it lies within t of zero."""
    return v - v.clamp(-t, t)


def prox_half(v: Tensor, t: Tensor) -> Tensor:
    """p = 1/2. Xu et al. (2012), "L1/2 regularization", with the arc measured from t = 0.

    That is z = 1 - sin(2h) / sqrt(3) - 2/3 sin(h)^2 with sin(3h) = c, written in s = sin(h).
    """
    a = nonzero(v.abs())
    c = (0.75 * math.sqrt(3)) * (t / a) / a.sqrt()  # above sqrt(1/2): zero
    s = (c.clamp(max=1.0).asin() / 3).sin()
    z = 1 - (2 / math.sqrt(3)) * s * (1 - s * s).sqrt() - (2 / 3) * s * s
    return v * above(z, 2 / 3)


def prox_two_thirds(v: Tensor, t: Tensor) -> Tensor:
    """p = 2/3. z = r^3 with r^4 - r + k = 0, by Ferrari; c + 4k/(3c) is the root of its cubic."""
    a = nonzero(v.abs())
    k = (2 / 3) * (t / a) / cube_root(a)
    q = (4 / 3) * k.clamp(max=0.47)  # zero above 2^(-4/3) = 0.40; no root above 0.4725
    c = cube_root(0.5 + (0.25 - q * q * q).sqrt())
    s = (c + q / c).sqrt()
    r = (s + (2 / s - s * s).sqrt()) / 2
    return v * above(r * r * r, 1 / 2)


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
    """Any other p, by Halley's method on y = log2 z, at last in the dtype of t, the longest.

    log2(2^(log2 k + (p-1) y) + 2^y) = 0: convex in y and nearly piecewise linear, with slopes p - 1
    and 1, so that from the right of the larger root no step overshoots by much. As a step leaves
    about the cube of the error, float32 will do for all but the last.
    """
    long = v.to(t.dtype)
    log_k = torch.add(t.log2(), nonzero(long.abs()).log2(), alpha=p - 2) + math.log2(p)
    log_k = log_k.clamp(-1e5, 1e5 if p > 1 else beyond_jump(p))
    short = log_k.float()
    y = (short / (1 - p)).clamp(max=0.0) if p > 1 else torch.zeros_like(short)
    for _ in range(halley_steps(p)):
        y = halley(y, short, p)
    y = y.to(t.dtype)
    for _ in range(1 if v.dtype == torch.float32 else 2):
        y = halley(y, log_k, p)
    z = y.exp2() if p > 1 else above(y.exp2(), 2 * (1 - p) / (2 - p))
    return (long * z).to(v.dtype)


def halley(y: Tensor, log_k: Tensor, p: float) -> Tensor:
    """One step towards f = log2(2^(log_k + (p-1) y) + 2^y) = 0; what can be in place is."""
    pull = torch.add(log_k, y, alpha=p - 1).exp2_()
    whole = y.exp2().add_(pull)
    slope = pull.div_(whole).mul_(p - 2).add_(1)
    bend = slope.reciprocal().mul_(1 - p).sub_(slope).add_(p)  # f'' / (f' log 2)
    f = whole.log2_()
    return y - f.div_(torch.addcmul(slope, f, bend, value=-math.log(2) / 2))


def halley_steps(p: float) -> int:
    """In float32: one step more in float64 leaves y off by less than 1e-7, two 1e-12 (searched)."""
    spread = abs(math.log2(abs(p - 1)))
    return math.ceil((1 + spread) / 3) if p > 1 else math.ceil(0.9 + 0.45 * spread)


def beyond_jump(p: float) -> float:
    """For p < 1 more than log2 k*, where the prox becomes zero, but there is a root, z < z*."""
    return math.log2(p / (2 - p)) + (1 - p) * (math.log2(2 * (1 - p) / (2 - p)) + 0.1)


def above(z: Tensor, jump: float) -> Tensor:
    """z where it is above the jump, else 0; a product with a comparison takes ten times as long."""
    return torch.nn.functional.threshold(z, jump, 0.0)


def cube_root(a: Tensor) -> Tensor:
    """Of positive a; one Newton step repairs what the logarithm costs far from 1."""
    root = (a.log2() / 3).exp2()
    return root - (root - a / (root * root)) / 3


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
