"""What a penalty is: a function of one tensor and one strength, with its proximal map."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import torch
from torch import Tensor

if TYPE_CHECKING:
    from lpreg.penalties.compose import Sum

Scope = Literal["tensor", "model"]
Strength = float | Tensor
"""A number for people, a (batched) 0-d tensor inside a stack."""


class Penalty(ABC):
    """A function of one tensor `w` of any shape, scaled by a strength `lam` >= 0.

    Concrete penalties are frozen dataclasses of about twenty lines. Their strengths (`data`) may be
    tensors under `torch.func.vmap`; everything else (p, scope, view) is structure. No method asks
    for the values of a tensor, so all of them vmap. bfloat16 and float16 are computed in float32
    and rounded back once; NaN stays NaN.
    """

    convex: bool = True
    separable: bool = False
    """A sum over the entries of w."""
    axis: int | None = None
    """Where it is not separable, but a sum over the slices of w along an axis: that axis."""
    smooth: bool = False
    """Differentiable everywhere."""
    scope: Scope = "tensor"
    """"tensor", or "model": one value over all penalised tensors together, as one vector."""
    strengths: ClassVar[tuple[str, ...]] = ("lam",)
    """The fields that are data."""

    @property
    def rowwise(self) -> bool:
        """Whether `prox` and `gradient` take n tensors at once, each a row of v (n, size), with
        strengths (n, 1) and steps that broadcast against v."""
        return self.separable

    def __post_init__(self) -> None:
        """Check what a person wrote; `with_data` does not come here."""
        check_strength(self, "lam")

    @abstractmethod
    def value(self, w: Tensor) -> Tensor:
        """The penalty, a 0-d tensor in the dtype of w or float32 if that is wider.

        Its gradient by autograd is finite everywhere, and 0 where the mathematics has none.
        """

    def gradient(self, w: Tensor) -> Tensor:
        """A (sub)gradient of `value`, like w: 0 where the mathematics has none."""
        return torch.func.grad(self.value)(w)

    def prox(self, v: Tensor, step: float | Tensor = 1.0) -> Tensor:
        """The argmin over x of value(x) + sum (x - v)^2 / (2 step), like v.

        `step` >= 0 is a number, a 0-d tensor, or a tensor like v: a diagonal metric, as Adam's.
        """
        x = wide(v)
        return self._prox(x, like(x, step).to(x.dtype)).to(v.dtype)

    @abstractmethod
    def _prox(self, v: Tensor, step: Tensor) -> Tensor:
        """`prox` for float32 or float64, v and step of one dtype."""

    def prox_dual(self, v: Tensor, dual: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """w = prox(z, step) and (z - w) / step for z = v + step * dual, both like v.

        For homogeneous penalties (`split`). The dual is bounded by the strength while z and step
        grow without bound, which is why z is never formed in the precision of v: step may be 1e7 in
        float32. What storing the dual rounds off is the caller's to keep (`DualAveraging`).
        """
        long = precise(v.device)
        step = step.to(long)
        z = v.to(long) + step * dual.to(long)
        w = self.prox(z, step)
        return w.to(v.dtype), ((z - w) / step).to(v.dtype)

    @abstractmethod
    def lam_max(self, grad_at_zero: Tensor) -> Tensor:
        """The smallest strength at which w = 0 is stationary, 0-d, for the task gradient there."""

    @abstractmethod
    def distance(self, w: Tensor, grad: Tensor) -> Tensor:
        """Distance of -grad from the subdifferential at w: 0 where w is stationary.

        `grad` (like w) is the gradient of the task loss. Like w if separable, else (groups,).
        Zeros and ties count when they are exact, as the prox leaves them.
        """

    @abstractmethod
    def split(self) -> tuple[Penalty | None, Penalty | None]:
        """The positively homogeneous part, whose prox makes zeros, and the rest."""

    def parts(self) -> tuple[Strength | None, Strength | None, tuple[Penalty, ...]]:
        """The strengths of its L1 and of its L2 part (None: has none), and what else it is."""
        return None, None, (self,)

    def data(self) -> tuple[Strength, ...]:
        """The strengths, in the order of `with_data`."""
        return tuple(getattr(self, name) for name in self.strengths)

    def with_data(self, data: tuple[Strength, ...]) -> Self:
        """The same structure with other strengths, which are not checked."""
        other = copy.copy(self)
        for name, strength in zip(self.strengths, data, strict=True):
            object.__setattr__(other, name, strength)
        return other

    def scaled(self, factor: Strength) -> Self:
        """`factor` times as strong: factor * value for every w."""
        data = zip(self.strengths, self.data(), strict=True)
        return self.with_data(tuple(v * factor if name == "lam" else v for name, v in data))

    def addends(self) -> tuple[Penalty, ...]:
        """The terms of which it is the sum."""
        return (self,)

    def structure(self) -> Self:
        """The same without its strengths: equal for penalties that differ in strength alone."""
        return self.with_data((0.0,) * len(self.data()))

    def __add__(self, other: Penalty) -> Sum:
        from lpreg.penalties.compose import Sum  # which is built on this module

        return Sum((self, other)) if isinstance(other, Penalty) else NotImplemented


def check_strength(penalty: Penalty, name: str) -> None:
    """Keep a strength as a float (a 0-d tensor as it is), or raise `ValueError`."""
    value = checked(penalty, name, "a finite number >= 0", lambda x: 0 <= x < math.inf)
    object.__setattr__(penalty, name, value)


def checked(owner: object, name: str, allowed: str, holds: Callable[[float], bool]) -> Any:
    """The named field as a float (a tensor as it is); `ValueError` unless `holds` of it."""
    value = getattr(owner, name)
    try:
        number = float(value.detach() if isinstance(value, Tensor) else value * 1.0)  # not "1.0"
    except (TypeError, ValueError, RuntimeError):
        number = None
    if number is None or not holds(number):
        raise ValueError(f"{type(owner).__name__}: {name} = {value!r}, but it must be {allowed}.")
    return value if isinstance(value, Tensor) else number


def like(x: Tensor, number: float | Tensor) -> Tensor:
    """A number as a 0-d tensor like x; a tensor as it is."""
    if isinstance(number, Tensor):
        return number
    return torch.full((), number, dtype=x.dtype, device=x.device)


def precise(device: torch.device) -> torch.dtype:
    """The longest dtype of a device."""
    return torch.float32 if device.type == "mps" else torch.float64


def nonzero(a: Tensor) -> Tensor:
    """Magnitudes, never below the smallest normal number."""
    return a.clamp(min=torch.finfo(a.dtype).tiny)


def wide(x: Tensor) -> Tensor:
    """x in float32 at least."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def infinite_unless_zero(grad: Tensor) -> Tensor:
    """`lam_max` of what is smooth at 0: no strength holds w = 0 against a gradient."""
    return torch.where(grad.abs().amax() > 0, torch.inf, 0.0).to(grad.dtype)
