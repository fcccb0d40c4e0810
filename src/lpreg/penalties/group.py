"""Group lasso: the Euclidean norms of groups, which reach zero as wholes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from lpreg.penalties.base import Penalty, Strength, precise, wide
from lpreg.penalties.norms import direction, norm, prox_euclidean


class View(Protocol):
    """How a tensor falls into groups of equal size (`lpreg.views`): frozen, compared by value."""

    axis: ClassVar[int | None]
    """Slices along it hold whole groups; None if there is no such axis."""

    def groups(self, w: Tensor) -> Tensor:
        """w as (groups, size)."""
        ...

    def back(self, g: Tensor, like: Tensor) -> Tensor:
        """The tensor shaped like `like` that has these groups."""
        ...


@dataclass(frozen=True)
class Group(Penalty):
    """lam * sum over groups of sqrt(size) * ||group||, the groups as `view` shows them.

    Yuan and Lin (2006), "Model selection and estimation in regression with grouped variables".
    """

    lam: Strength
    view: View

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "axis", self.view.axis)

    def value(self, w: Tensor) -> Tensor:
        g = self.view.groups(wide(w))
        return self._lam(g) * norm(g, 2).sum()

    def gradient(self, w: Tensor) -> Tensor:
        g = self.view.groups(w)
        return self.view.back(self._lam(g) * direction(g, 2), w)

    def _prox(self, v: Tensor, step: Tensor) -> Tensor:
        g = self.view.groups(v)
        if step.dim():
            step = self.view.groups(step.expand_as(v))
        t = self._lam(g) * step.to(precise(v.device))
        return self.view.back(prox_euclidean(g, t), v)

    def lam_max(self, grad_at_zero: Tensor) -> Tensor:
        g = self.view.groups(grad_at_zero)
        return norm(g, 2).amax() / math.sqrt(g.shape[1])

    def distance(self, w: Tensor, grad: Tensor) -> Tensor:
        g, slope = self.view.groups(w), self.view.groups(grad)
        lam = self._lam(g)
        held = (norm(slope, 2) - lam).clamp(min=0.0)
        moved = norm(slope + lam * direction(g, 2), 2)
        return torch.where((g == 0).all(1, keepdim=True), held, moved).squeeze(1)

    def split(self) -> tuple[Penalty | None, Penalty | None]:
        return self, None

    def _lam(self, g: Tensor) -> Strength:
        """The weight of one group's norm: large groups count for as much as small ones."""
        return self.lam * math.sqrt(g.shape[1])
