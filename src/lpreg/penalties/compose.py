"""Sums of penalties, with an exact prox where there is one.

Two facts, both in any diagonal metric (s_i is the step of entry i):

- A ridge only rescales: completing the square in l2 x^2 + (x - v)^2 / (2 s) shows that
  prox of (g + l2 sum x^2) at (v, s) = prox of g at (v / (1 + 2 l2 s), s / (1 + 2 l2 s)), any g.
- Soft thresholding goes first: prox of (g + l1 sum |x|) at (v, s) = prox of g at (soft(v, l1 s), s)
  for every g that depends on magnitudes alone and falls with none of them, convex or not. For
  v >= 0 the minimum is at some x >= 0, where the two quadratics differ by a constant, and where a
  negative v_i - l1 s_i serves like 0, as x_i = 0 for both. (Yu 2013, "On decomposing the proximal
  map", has it for the group norm in a scalar metric: the sparse group lasso.)

So the prox is exact as long as at most one term is something other than L1, L2 or ElasticNet.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Self

import torch
from torch import Tensor

from lpreg.penalties.base import Penalty, Strength, infinite_unless_zero
from lpreg.penalties.lp import pulled
from lpreg.penalties.powers import soft

BISECTIONS = 60


@dataclass(frozen=True)
class Sum(Penalty):
    """The sum of its terms, `L1(1e-4) + L2(1e-3)`. Its strengths are theirs, in their order.

    Value and gradient always exist; `prox`, `distance` and `lam_max` raise `ValueError` for terms
    that have no exact one together.
    """

    terms: tuple[Penalty, ...]

    def __post_init__(self) -> None:
        terms = tuple(part for term in self.terms for part in term.addends())
        if not terms:
            raise ValueError("Sum: terms = (), but it must be one penalty or more.")
        joint = {term.scope for term in terms if not term.separable}
        if len(joint) > 1:
            raise ValueError(
                f"{_named(terms)} mixes scope='tensor' and scope='model': give all the same scope."
            )
        object.__setattr__(self, "terms", terms)
        object.__setattr__(self, "scope", next(iter(joint), "tensor"))
        axes = {term.axis for term in terms if not term.separable}
        object.__setattr__(self, "axis", axes.pop() if len(axes) == 1 else None)
        for trait in ("convex", "separable", "smooth"):
            object.__setattr__(self, trait, all(getattr(term, trait) for term in terms))

    def value(self, w: Tensor) -> Tensor:
        return reduce(torch.add, (term.value(w) for term in self.terms))

    def gradient(self, w: Tensor) -> Tensor:
        return reduce(torch.add, (term.gradient(w) for term in self.terms))

    def _prox(self, v: Tensor, step: Tensor) -> Tensor:
        l1, l2, others = self.parts()
        other = self._only(others, "prox")
        if l1 is not None:
            v = soft(v, l1 * step)
        if l2 is not None:
            shrink = 1 + 2 * l2 * step
            v, step = v / shrink, step / shrink
        return v if other is None else other.prox(v, step)

    def distance(self, w: Tensor, grad: Tensor) -> Tensor:
        l1, l2, others = self.parts()
        other = self._only(_rough(others), "distance")
        if l2 is not None:
            grad = grad + 2 * l2 * w
        grad = sum((term.gradient(w) for term in others if term.smooth), grad)
        if l1 is not None:
            grad = pulled(w, grad, l1)
        return grad.abs() if other is None else other.distance(w, grad)

    def lam_max(self, grad_at_zero: Tensor) -> Tensor:
        """The factor on all strengths together from which on w = 0 is stationary, 0-d."""
        l1, _, others = self.parts()
        other = self._only(_rough(others), "lam_max")
        if l1 is None and other is None:
            return infinite_unless_zero(grad_at_zero)
        alone = grad_at_zero.abs().amax() if l1 is None else _ratio(grad_at_zero.abs().amax(), l1)
        if other is None:
            return alone
        (lam,) = other.data()
        factor = _ratio(other.lam_max(grad_at_zero), lam)
        if l1 is None:
            return factor
        high = torch.minimum(alone, factor)
        low = torch.zeros_like(high)
        for _ in range(BISECTIONS):  # what L1 leaves of the gradient, the other term must hold
            middle = (low + high) / 2
            holds = other.lam_max(soft(grad_at_zero, middle * l1)) <= middle * lam
            low, high = torch.where(holds, low, middle), torch.where(holds, middle, high)
        return high

    def split(self) -> tuple[Penalty | None, Penalty | None]:
        homogeneous, rest = zip(*(term.split() for term in self.terms), strict=True)
        return _joined(homogeneous), _joined(rest)

    def parts(self) -> tuple[Strength | None, Strength | None, tuple[Penalty, ...]]:
        l1, l2, others = zip(*(term.parts() for term in self.terms), strict=True)
        return _added(l1), _added(l2), tuple(other for some in others for other in some)

    def data(self) -> tuple[Strength, ...]:
        return tuple(strength for term in self.terms for strength in term.data())

    def with_data(self, data: tuple[Strength, ...]) -> Self:
        left, terms = list(data), []
        for term in self.terms:
            count = len(term.data())
            terms.append(term.with_data(tuple(left[:count])))
            del left[:count]
        if left:
            raise ValueError(f"{len(data)} strengths for {_named(self.terms)}")
        return type(self)(tuple(terms))

    def scaled(self, factor: Strength) -> Self:
        return type(self)(tuple(term.scaled(factor) for term in self.terms))

    def addends(self) -> tuple[Penalty, ...]:
        return self.terms

    def _only(self, others: tuple[Penalty, ...], what: str) -> Penalty | None:
        if len(others) > 1:
            raise ValueError(
                f"{_named(self.terms)} has no exact {what}, because {_named(others)} act together: "
                "of such penalties a sum may have one (beside L1, L2 and ElasticNet), unless the "
                "coupling is 'loss', which needs only the gradient."
            )
        return others[0] if others else None


def _rough(terms: tuple[Penalty, ...]) -> tuple[Penalty, ...]:
    return tuple(term for term in terms if not term.smooth)


def _joined(terms: tuple[Penalty | None, ...]) -> Penalty | None:
    there = tuple(term for term in terms if term is not None)
    return there[0] if len(there) == 1 else Sum(there) if there else None


def _added(strengths: tuple[Strength | None, ...]) -> Strength | None:
    there = [strength for strength in strengths if strength is not None]
    return sum(there[1:], there[0]) if there else None


def _ratio(size: Tensor, lam: Strength) -> Tensor:
    return torch.where(size > 0, size / lam, 0.0)


def _named(terms: tuple[Penalty, ...]) -> str:
    return " + ".join(map(repr, terms))
