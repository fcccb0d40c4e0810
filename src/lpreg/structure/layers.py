"""A layer's units, its outputs: the rows of a linear layer, the channels of a convolution."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
LAYERS = (nn.Linear, *CONVOLUTIONS)

Layout = Literal["channels", "features", "flat"]
"""Where units lie in a tensor: along dimension 1 as channels, along the last dimension, or there
as channels that were flattened, all places of one unit side by side."""


@dataclass(eq=False)
class Layer:
    """A linear layer or convolution, and what becomes of its units."""

    name: str
    module: Any
    lost: str | None = None
    """Why not all that reads its units is known, in words, or None."""
    is_output: bool = False
    """Its units, or what becomes of them one by one, are outputs of the model."""
    readers: list[Reader] = field(default_factory=list)
    followers: list[Any] = field(default_factory=list)
    """Modules on the way that keep numbers of their own for every unit."""
    in_place: bool = False
    forked: bool = False
    """Whether a step on the way changes its input, and whether one is followed by several."""

    @property
    def units(self) -> int:
        return len(self.module.weight)

    def silent(self) -> Tensor:
        """Which units have no incoming weight but zeros: bool, (units,)."""
        return (self.module.weight == 0).flatten(1).all(1)

    def unread(self) -> Tensor:
        """Which units no reader has a weight for that is not zero: bool, (units,)."""
        return torch.stack([~reader.uses() for reader in self.readers]).all(0)

    def dead(self) -> Tensor:
        """Which units say nothing: silent or, if all readers are known, unread: bool, (units,)."""
        known = self.readers and not self.lost and not self.is_output
        return self.silent() | self.unread() if known else self.silent()

    def lose(self, reason: str) -> None:
        """Remember the first reason."""
        self.lost = self.lost or reason


@dataclass(frozen=True)
class Reader:
    """A layer that reads the units of another; `constant` (units,) is what it reads, or NaN."""

    layer: Layer
    constant: Tensor

    def columns(self) -> Tensor:
        """Its weights by the unit that they read: (outputs, units, weights for each)."""
        weight = self.layer.module.weight.detach()
        return weight.reshape(len(weight), len(self.constant), -1)

    def uses(self) -> Tensor:
        """Which units it has a weight for that is not zero: bool, (units,)."""
        return (self.columns() != 0).any(2).any(0)

    def pads(self) -> bool:
        """Whether it puts zeros around a channel, which is then not constant any more."""
        module = self.layer.module
        if not isinstance(module, CONVOLUTIONS) or module.padding_mode != "zeros":
            return False
        return module.padding == "same" or (module.padding != "valid" and any(module.padding))


@dataclass(frozen=True)
class Signal:
    """The units of a layer on their way; `constant` (units,): their values, NaN where they vary."""

    layer: Layer
    layout: Layout
    constant: Tensor


def born(layer: Layer) -> Signal:
    """What comes out of a layer: units without incoming weights are as constant as their bias."""
    weight, bias = layer.module.weight.detach(), layer.module.bias
    value = weight.new_zeros(layer.units) if bias is None else bias.detach()
    layout = "features" if weight.dim() == 2 else "channels"
    return Signal(layer, layout, value.where(layer.silent(), torch.nan))
