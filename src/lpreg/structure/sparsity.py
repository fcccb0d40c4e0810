"""Zeros of a model: exact ones and nearly, by tensor, by unit, and by path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lpreg.select import Where, select
from lpreg.structure.layers import Layer
from lpreg.structure.paths import effective
from lpreg.structure.wiring import is_chain, layers, trace

THRESHOLDS = (0.0, *np.logspace(-8, 0, 25).tolist())
"""Magnitudes up to which weights are counted: zero, and from 1e-8 to 1, three to a decade."""

NEAR = 16
"""The place of the one that the table shows, 1e-3."""


@dataclass(frozen=True)
class Row:
    """One tensor as `sparsity` shows it.

    Attributes:
        name: of the parameter.
        shape: of the parameter.
        counts: how many weights are at most `THRESHOLDS` in size, one for each of them.
        units: of a linear layer or convolution, its outputs; None for other tensors.
        dead: how many units have no incoming weight but zeros or, where all that reads them is
            known, no outgoing one; None for other tensors.
        cut: how many weights lie on no path of nonzero weights from an input of the model to an
            output, zeros included; None if the layers of the model form no chain.
    """

    name: str
    shape: tuple[int, ...]
    counts: tuple[int, ...]
    units: int | None
    dead: int | None
    cut: int | None

    @property
    def size(self) -> int:
        """How many weights it has."""
        return torch.Size(self.shape).numel()

    @property
    def zeros(self) -> int:
        """How many are exactly zero."""
        return self.counts[0]

    @property
    def collapsed(self) -> bool:
        """Whether all are zero: of what comes in nothing gets through."""
        return self.size == self.zeros


@dataclass(frozen=True)
class Sparsity:
    """The zeros of a model by tensor, in the order of its parameters; printed, a table."""

    rows: tuple[Row, ...]

    @property
    def size(self) -> int:
        """How many weights there are."""
        return sum(row.size for row in self.rows)

    @property
    def zeros(self) -> int:
        """How many are exactly zero."""
        return sum(row.zeros for row in self.rows)

    @property
    def cut(self) -> int | None:
        """How many lie on no path from an input to an output; None where it is not known."""
        cuts = [row.cut for row in self.rows]
        return None if None in cuts else sum(filter(None, cuts))

    def __str__(self) -> str:
        head = (
            "parameter",
            "shape",
            "weights",
            "zeros",
            f"<= {THRESHOLDS[NEAR]:.0e}",
            "dead units",
            "on no path",
        )
        cells = [head, *(_cells(row) for row in self.rows)]
        widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
        table = [
            "  ".join(
                text.ljust(width) if column < 2 else text.rjust(width)
                for column, (text, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in cells
        ]
        told = f"{self.zeros:,} of {self.size:,} weights are zero, {_share(self.zeros, self.size)}"
        if self.cut is not None:
            told += f"; {self.cut:,} lie on no path, {_share(self.cut, self.size)}"
        collapsed = [row.name for row in self.rows if row.collapsed]
        if collapsed:
            told += f"; nothing gets through {', '.join(collapsed)}"
        return "\n".join([*table, told])


@torch.no_grad()
def sparsity(model: nn.Module, where: Where = "weights") -> Sparsity:
    """The zeros of `model`: exact and nearly, dead units, and weights that no path needs.

    Who reads the units of a layer is seen where torch.fx can trace the model's forward (see
    `lpreg.compact`); of other models a unit counts as dead by its incoming weights alone.

    Args:
        model: is not changed.
        where: as everywhere, see `lpreg.describe`.

    Raises:
        ValueError: for the reasons of `where`.

    Source: of the weights on no path, Vysogorets and Kempe, "Connectivity matters: neural network
    pruning through the lens of effective sparsity", JMLR 24, 2023.
    """
    chosen = select(model, where)
    try:
        found = layers(model, trace(model))
    except ValueError:
        found = []
    readers = {layer.module.weight: layer for layer in found}
    cuts = _cuts(found)
    return Sparsity(
        tuple(
            _row(name, weight, readers.get(weight), cuts.get(weight))
            for name, weight in chosen.items()
        )
    )


def counted(weight: Tensor) -> tuple[int, ...]:
    """How many weights are at most `THRESHOLDS` in size, for each of them; NaN is above all."""
    sizes = weight.detach().abs().flatten().double().cpu()
    places = torch.searchsorted(torch.tensor(THRESHOLDS, dtype=torch.float64), sizes)
    return tuple(torch.bincount(places, minlength=len(THRESHOLDS) + 1).cumsum(0)[:-1].tolist())


def _row(name: str, weight: Tensor, layer: Layer | None, cut: int | None) -> Row:
    shape, counts = tuple(weight.shape), counted(weight)
    if layer is None:
        return Row(name, shape, counts, None, None, cut)
    return Row(name, shape, counts, layer.units, int(layer.dead().sum()), cut)


def _cuts(found: Sequence[Layer]) -> dict[Tensor, int]:
    """How many weights of each layer of a chain are on no path."""
    if not is_chain(found):
        return {}
    chain = [layer.module.weight for layer in found]
    return {w: int((~kept).sum()) for w, kept in zip(chain, effective(chain), strict=True)}


def _cells(row: Row) -> tuple[str, ...]:
    near = row.counts[NEAR]
    return (
        row.name,
        " x ".join(map(str, row.shape)) or "()",
        f"{row.size:,}",
        _share(row.zeros, row.size),
        _share(near, row.size),
        "" if row.dead is None else f"{row.dead:,} of {row.units:,}",
        "" if row.cut is None else _share(row.cut, row.size),
    )


def _share(count: int, size: int) -> str:
    return f"{count / max(size, 1):.1%}".replace("%", " %")
