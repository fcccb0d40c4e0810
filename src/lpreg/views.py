"""Views: how a tensor falls into groups, for `Group` penalties.

A view shows a tensor as a matrix (groups, size) and puts such a matrix back; it knows nothing of
penalties. Views have no arguments: all views of one kind are equal. Slices of the tensor along
`axis` hold whole groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """One group per output: w[i], a row of a matrix, all filters of an output channel."""

    axis: ClassVar[int | None] = 0

    def groups(self, w: Tensor) -> Tensor:
        return at_least(2, w, self).flatten(1)

    def back(self, g: Tensor, like: Tensor) -> Tensor:
        return g.reshape(like.shape)


@dataclass(frozen=True)
class Columns:
    """One group per input: w[:, j], all that one input feature or channel feeds."""

    axis: ClassVar[int | None] = 1

    def groups(self, w: Tensor) -> Tensor:
        return at_least(2, w, self).transpose(0, 1).flatten(1)

    def back(self, g: Tensor, like: Tensor) -> Tensor:
        return g.reshape(like.transpose(0, 1).shape).transpose(0, 1)


@dataclass(frozen=True)
class Filters:
    """One group per filter of a convolution: w[i, j], what one output takes from one input."""

    axis: ClassVar[int | None] = 0

    def groups(self, w: Tensor) -> Tensor:
        return at_least(3, w, self).flatten(2).flatten(0, 1)

    def back(self, g: Tensor, like: Tensor) -> Tensor:
        return g.reshape(like.shape)


@dataclass(frozen=True)
class Whole:
    """The whole tensor is one group."""

    axis: ClassVar[int | None] = None

    def groups(self, w: Tensor) -> Tensor:
        return w.reshape(1, -1)

    def back(self, g: Tensor, like: Tensor) -> Tensor:
        return g.reshape(like.shape)


def at_least(dims: int, w: Tensor, view: object) -> Tensor:
    """w itself; `ValueError` if it has too few dimensions to be grouped like this."""
    if w.dim() < dims:
        raise ValueError(
            f"{view!r} groups tensors of {dims} dimensions or more, not one of shape "
            f"{tuple(w.shape)}: choose other tensors by `where`, or the view Whole()."
        )
    return w
