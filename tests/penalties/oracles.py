"""The prox in the slowest way: a root by bisection, in float64, from the mathematics alone."""

import math

import torch
from torch import Tensor
from torch.func import vmap

from lpreg.penalties import Group, LInf, Norm, Penalty

HALVINGS = 120


def prox(penalty: Penalty, v: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """The prox like v, and where it is a tie: the two sides of a jump are equally good there."""
    v, step = v.double(), step.double().expand_as(v)
    if isinstance(penalty, Group):
        g, s = penalty.view.groups(v), penalty.view.groups(step)
        x = shrunk(g, penalty.lam * math.sqrt(g.shape[1]) * s)
        return penalty.view.back(x, v), torch.zeros_like(v, dtype=torch.bool)
    if isinstance(penalty, LInf | Norm) and penalty.p > 1:
        g, s = v.reshape(1, -1), step.reshape(1, -1)
        x = (cut if penalty.p == math.inf else shrunk)(g, penalty.lam * s)
        return x.view_as(v), torch.zeros_like(v, dtype=torch.bool)
    x, tie = stationary(penalty, v.abs().flatten(), step.flatten())
    return torch.copysign(x, v.flatten()).view_as(v), tie.view_as(v)


def stationary(penalty: Penalty, v: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """Entries v >= 0 of a separable penalty: the largest root x of x - v + step * slope(x), or 0.

    In u = log(v / x). The residual falls with x from v down to its minimum (for p >= 1: to 0), so
    the root is where it changes its sign on that way; x = 0 where that is better, or no root is.
    """

    def at(u: Tensor) -> Tensor:
        return v * (-u).exp()

    def residual(u: Tensor) -> Tensor:
        return (at(u) - v) + step * penalty.gradient(at(u))

    left, right = torch.zeros_like(v), torch.full_like(v, 600.0)
    for _ in range(HALVINGS):  # ternary search for the minimum
        a, b = (2 * left + right) / 3, (left + 2 * right) / 3
        falls = (residual(a) > residual(b)) | residual(a).isinf()
        left, right = torch.where(falls, a, left), torch.where(falls, right, b)
    bottom = right
    left, right = torch.zeros_like(v), bottom
    for _ in range(HALVINGS):
        middle = (left + right) / 2
        above = residual(middle) > 0
        left, right = torch.where(above, middle, left), torch.where(above, right, middle)
    x = at(right)
    gain = v - x / 2 - step * entries(penalty, x) / x  # (objective at 0 - objective at x) step / x
    tie = gain.abs() <= 1e-5 * v
    return torch.where((residual(bottom) < 0) & (gain > 0), x, 0.0), tie & ~torch.tensor(
        penalty.convex
    )


def entries(penalty: Penalty, x: Tensor) -> Tensor:
    """The penalty of every entry of a vector alone."""
    return vmap(lambda e: penalty.value(e.reshape(1)))(x)


def shrunk(g: Tensor, t: Tensor) -> Tensor:
    """Rows v r / (r + t) with sum (v / (r + t))^2 = 1: bisection of log r."""
    low, high = torch.full((len(g), 1), -300.0), torch.full((len(g), 1), 300.0)
    low, high = low.double(), high.double()
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        outside = (g / (middle.exp() + t)).square().sum(1, keepdim=True) > 1
        low, high = torch.where(outside, middle, low), torch.where(outside, high, middle)
    radius = torch.where((g / t).square().sum(1, keepdim=True) > 1, high.exp(), 0.0)
    return g * (radius / (radius + t))


def cut(g: Tensor, t: Tensor) -> Tensor:
    """Rows sign(v) min(|v|, tau) with sum max(|v| - tau, 0) / t = 1: bisection of tau."""
    a = g.abs()
    low, high = torch.zeros_like(a[:, :1]), a.amax(1, keepdim=True)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = ((a - middle).clamp(min=0) / t).sum(1, keepdim=True) > 1
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    tau = torch.where((a / t).sum(1, keepdim=True) > 1, high, 0.0)
    return torch.sign(g) * torch.minimum(a, tau)
