"""The norms themselves, lam * ||w||_p: of a whole tensor here, of its groups in `group`.

A norm is the largest <x, q> over the q of its dual ball, which decides everything at w = 0:
no movement where the dual norm of the gradient is at most lam (1/p + 1/q = 1).

Prox of lam ||x||_2 in a diagonal metric, with t_i = lam step_i: x_i = v_i r / (r + t_i), where r,
the norm of x, solves sum (v_i / (r + t_i))^2 = 1; zero if the sum is at most 1 at r = 0 already.
Prox of lam max |x|: x = sign(v) min(|v|, tau), where sum max(|v_i| - tau, 0) / t_i = 1; zero if the
sum is at most 1 at tau = 0. Both roots are found from the left by Newton's method, on functions on
which it cannot overshoot.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lpreg.penalties.base import Penalty, Scope, Strength, checked, like, nonzero, precise, wide
from lpreg.penalties.lp import L1
from lpreg.penalties.powers import soft

RADIUS_STEPS, LEVEL_STEPS, LAST_STEPS = 24, 16, 2
"""Newton steps for the two roots. Searches among tensors of up to 8000 entries found none that
needs more than 18 and 12, with steps and entries spread over 24 decades; 40 decades took 24."""

SETTLED = 4.0
"""A radius that moves by less than so many times its last digit is left where it is."""

BLOCK = 2**17
"""Entries of a row that Newton's method for its level works on at once."""

SORTED_UP_TO = 4096
"""Entries up to which sorting finds the level of LInf faster (`level_by_sorting`)."""


class WholeNorm(Penalty):
    """What LInf and Norm share: lam * ||w||_p of a whole tensor, or of all tensors together."""

    lam: Strength
    p: float
    scope: Scope

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scope not in ("tensor", "model"):
            name = type(self).__name__
            raise ValueError(f"{name}: scope = {self.scope!r}, but it must be 'tensor' or 'model'.")

    @property
    def rowwise(self) -> bool:
        return True

    @property
    def _dual_p(self) -> float:
        return {1: math.inf, math.inf: 1.0}.get(self.p) or self.p / (self.p - 1)

    def value(self, w: Tensor) -> Tensor:
        return self.lam * norm(wide(w).reshape(1, -1), self.p).sum()

    def _rows(self, w: Tensor) -> Tensor:
        """(n, size): one row, or as many as there are strengths."""
        return w.reshape(
            len(self.lam) if isinstance(self.lam, Tensor) and self.lam.dim() else 1, -1
        )

    def gradient(self, w: Tensor) -> Tensor:
        return (self.lam * direction(self._rows(w), self.p)).view_as(w)

    def _prox(self, v: Tensor, step: Tensor) -> Tensor:
        if self.p not in PROX:
            raise ValueError(
                f"{self!r} has no exact prox: p must be 1, 2 or inf; use coupling 'loss', or "
                f"Lp({self.lam!r}, {self.p!r}), which has one for every p."
            )
        if self.p == 1:
            return soft(v, self.lam * step)
        if step.dim():
            step = self._rows(step.expand_as(v))
        t = self.lam * step.to(precise(v.device))
        return PROX[self.p](self._rows(v), t).view_as(v)

    def lam_max(self, grad_at_zero: Tensor) -> Tensor:
        return norm(grad_at_zero.reshape(1, -1), self._dual_p).squeeze()

    def distance(self, w: Tensor, grad: Tensor) -> Tensor:
        """(1,), Euclidean; at w = 0 and p outside {1, 2, inf} in the dual norm. p = 1: like w."""
        if self.p == 1:
            return L1(0.0).with_data((self.lam,)).distance(w, grad)
        rows, slope = w.reshape(1, -1), grad.reshape(1, -1)
        if self.p in PROX:  # outside the dual ball by v minus its projection, which is the prox
            held = norm(PROX[self.p](slope, like(slope, self.lam)), 2)
        else:
            held = (norm(slope, self._dual_p) - self.lam).clamp(min=0.0)
        if self.p == math.inf:
            moved = from_face(rows, slope, like(slope, self.lam))
        else:
            moved = norm(slope + self.lam * direction(rows, self.p), 2)
        return torch.where((rows == 0).all(-1, keepdim=True), held, moved).squeeze(-1)

    def split(self) -> tuple[Penalty | None, Penalty | None]:
        return (L1(0.0).with_data((self.lam,)) if self.p == 1 else self), None

    def parts(self) -> tuple[Strength | None, Strength | None, tuple[Penalty, ...]]:
        return (self.lam, None, ()) if self.p == 1 else super().parts()


@dataclass(frozen=True)
class LInf(WholeNorm):
    """lam * max |w|. Its prox cuts the largest entries down to one level.

    `scope="model"`: the largest of all penalised tensors together (coupling 'loss' only).
    """

    lam: Strength
    scope: Scope = "tensor"
    p = math.inf


@dataclass(frozen=True)
class Norm(WholeNorm):
    """lam * (sum |w|^p)^(1/p), the norm itself, 1 <= p <= inf. Exact prox for p = 1, 2 and inf.

    `scope="model"`: the norm of all penalised tensors together (coupling 'loss' only).
    """

    lam: Strength
    p: float
    scope: Scope = "tensor"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "p", checked(self, "p", "from 1 to inf", lambda p: p >= 1))
        object.__setattr__(self, "separable", self.p == 1)


def norm(g: Tensor, p: float) -> Tensor:
    """(groups, 1) from (groups, size), for any magnitudes; its autograd gradient at 0 is 0."""
    peak = g.detach().abs().amax(-1, keepdim=True)
    peak = torch.where(peak > 0, peak, 1.0)
    return peak * torch.linalg.vector_norm(g / peak, p, dim=-1, keepdim=True)


def direction(g: Tensor, p: float) -> Tensor:
    """The gradient of `norm`, like g: 0 at g = 0, shared by the largest entries if p = inf."""
    if p == math.inf:
        a = g.abs()
        largest = (a - a.amax(-1, keepdim=True)).sign_().add_(1.0)  # 1 there, 0 elsewhere
        return g.sign().mul_(largest / largest.sum(-1, keepdim=True))
    size = norm(g, p)
    share = g / torch.where(size > 0, size, 1.0)
    return share if p == 2 else share.sign() * share.abs() ** (p - 1)


def prox_euclidean(v: Tensor, t: Tensor) -> Tensor:
    """Prox of the Euclidean norm of each row: v (groups, size), t = lam * step, 0-d, (groups, 1) or
    like v."""
    rows, t = v.to(precise(v.device)), t.to(precise(v.device))
    if not t.dim() or t.shape[-1] == 1:
        size = norm(rows, 2)
        return (rows * ((size - t).clamp(min=0.0) / nonzero(size))).to(v.dtype)
    peak = nonzero(rows.abs().amax(-1, keepdim=True))
    t = t / peak
    radius = euclidean_root(rows / peak, t)
    return (rows * torch.where(t > 0, radius / nonzero(radius + t), 1.0)).to(v.dtype)


def euclidean_root(v: Tensor, t: Tensor) -> Tensor:
    """The root r >= 0 of sum (v / (r + t))^2 = 1 per row, or 0: Newton on 1/sqrt(sum) = 1.

    That function is concave and increasing, and linear if all t agree (More and Sorensen 1983).
    """
    t = nonzero(t)
    radius = (v.abs() - t).amax(-1, keepdim=True).clamp(min=0.0)
    moving, watched = torch.ones_like(radius, dtype=torch.bool), can_be_asked(radius)
    for _ in range(RADIUS_STEPS):
        reach = (radius + t).reciprocal_()
        square = (v * reach).pow_(2)
        total = square.sum(-1, keepdim=True)
        slope = torch.linalg.vecdot(square, reach).unsqueeze(-1)
        new = (radius + (total.sqrt() - 1) * (total / nonzero(slope))).clamp(min=0.0)
        # a step is at least (sqrt(total) - 1) radius: one below rounding ends at the root
        moves = (new - radius).abs() > SETTLED * torch.finfo(new.dtype).eps * new
        radius = torch.where(moving, new, radius)
        moving = moving & moves
        if watched and not moving.any():
            break
    return radius


def prox_largest(v: Tensor, t: Tensor) -> Tensor:
    """Prox of the largest magnitude of each row: v and t as in `prox_euclidean`."""
    level = water_level(v.abs(), t).clamp(min=0.0).to(v.dtype)
    return v.clamp(-level, level)


def water_level(a: Tensor, t: Tensor) -> Tensor:
    """(groups, 1): the tau with sum max(a - tau, 0) / t = 1 per row; -inf in a is left out."""
    t = t.to(precise(a.device))
    return level_by_sorting(a, t) if a.shape[-1] <= SORTED_UP_TO else level_by_newton(a, t)


def level_by_sorting(a: Tensor, t: Tensor) -> Tensor:
    """The largest of the levels at which the k largest entries alone would do, over all k.

    A dozen operations, where Newton's method takes two hundred, each far cheaper than a sort.
    """
    a = a.to(t.dtype)
    share, least = inverse(a, t)
    a, order = a.sort(-1, descending=True)
    share = share.gather(-1, order)
    return (((share * a).cumsum(-1) - least) / share.cumsum(-1)).amax(-1, keepdim=True)


def level_by_newton(a: Tensor, t: Tensor) -> Tensor:
    """Newton's method on a convex piecewise linear function, from the level for one entry alone.

    Each step at least halves the slope or the excess. The last steps are taken in the longest dtype
    of the device and may go down, by what rounding had added. The sums are taken block by block, in
    the cache.
    """
    blocks = list(zip(a.split(BLOCK, -1), t.expand_as(a).split(BLOCK, -1), strict=True))
    alone = torch.cat([(x - s.to(x.dtype)).amax(-1, keepdim=True) for x, s in blocks], -1)
    smallest = torch.cat([nonzero(s).amin(-1, keepdim=True) for _, s in blocks], -1)
    level, least = alone.amax(-1, keepdim=True), smallest.amin(-1, keepdim=True)
    watched = can_be_asked(level)
    for _ in range(LEVEL_STEPS):
        level, before = level + rise(blocks, least, level).clamp(min=0.0), level
        if watched and torch.equal(level, before):
            break
    level = level.to(t.dtype)
    for _ in range(LAST_STEPS):
        level = level + rise(blocks, least, level)
    return level


def can_be_asked(x: Tensor) -> bool:
    """Whether a loop may end early by what x holds: not in a stack or a compiler, where that has no
    answer, nor on a device, which would be waited for. Nobody's result depends on it."""
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return False
    try:
        bool(x.isnan().any())
    except RuntimeError:  # vmap
        return False
    return True


def inverse(a: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """1 / t like a, and 1, both times the smallest t of the row, so that nothing overflows."""
    t = nonzero(t).expand_as(a)
    least = t.amin(-1, keepdim=True)
    return least / t, least


def rise(blocks: list[tuple[Tensor, Tensor]], least: Tensor, level: Tensor) -> Tensor:
    """The Newton step of `water_level`, for columns (a, t), in the dtype of the level.

    1 / t is taken times the smallest t of the row, so that nothing overflows.
    """
    least = nonzero(least.to(level.dtype))
    excess, slope = -least, torch.zeros_like(level)
    for a, t in blocks:
        share = least / nonzero(t.to(level.dtype))
        over = (a.to(level.dtype) - level).relu_()
        excess = excess + torch.linalg.vecdot(over, share).unsqueeze(-1)
        slope = slope + torch.linalg.vecdot(over.sign_(), share).unsqueeze(-1)
    return torch.where(slope > 0, excess / slope, 0.0)


def from_face(w: Tensor, slope: Tensor, lam: Tensor) -> Tensor:
    """(groups, 1): distance of -slope from the subgradients of lam max |w| at w != 0.

    Those live on the entries of largest magnitude, with the sign of w, and sum to lam there.
    """
    a = w.abs()
    top = a == a.amax(-1, keepdim=True)
    pull = -slope * w.sign()
    level = water_level(torch.where(top, pull, -torch.inf), lam)
    held = torch.where(top, (pull - level).clamp(min=0.0), 0.0)
    return norm(pull - held, 2)


PROX: dict[float, Callable[[Tensor, Tensor], Tensor]] = {
    1.0: soft,
    2.0: prox_euclidean,
    math.inf: prox_largest,
}
"""The prox of t ||x||_p for rows x, as a function of (v, t)."""
