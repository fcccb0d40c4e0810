"""The data of a training run: parts, and what turns stored inputs into those a network sees."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

Parts = Mapping[str, tuple[Tensor, Tensor]]
"""Part name to its inputs (n, features...) and targets (n,); "train" is what is trained on."""

PIECE = 2**23
"""Bytes of inputs that a network is evaluated on at once: 2675 images of MNIST in float32, or 170
of 3 x 64 x 64, whose outputs in a ResNet-18 take some hundred MB."""


@dataclass(frozen=True)
class Samples:
    """What is trained on and evaluated with.

    Attributes:
        parts: every part is evaluated. Inputs of whole numbers (uint8 images) stay as they are and
            are normalised batch by batch, others once.
        shift, scale: a network sees (inputs - shift) / scale; they broadcast over the samples.
        unit: how large 1 of a regression's targets is in the unit that errors are told in.
    """

    parts: Parts
    shift: Tensor | float = 0.0
    scale: Tensor | float = 1.0
    unit: float = 1.0

    def on(self, device: str, dtype: torch.dtype) -> "Samples":
        """The same there, floating inputs normalised already."""
        shift = torch.as_tensor(self.shift, dtype=dtype, device=device)
        scale = torch.as_tensor(self.scale, dtype=dtype, device=device)
        stored = replace(self, shift=shift, scale=scale)
        moved = {
            part: (
                stored.seen(_to(x, device, dtype)) if x.is_floating_point() else x.to(device),
                _to(y, device, dtype),
            )
            for part, (x, y) in self.parts.items()
        }
        return replace(stored, parts=moved)

    def seen(self, x: Tensor) -> Tensor:
        """What a network sees of inputs as they are stored; to be asked of what `on` gives."""
        return (x - self.shift) / self.scale

    def batch(self, x: Tensor) -> Tensor:
        """What a network sees of some inputs of a part of what `on` gives."""
        return x if x.is_floating_point() else self.seen(x)

    def only(self, rows: Sequence[int]) -> "Samples":
        """The same with these rows as the training part."""
        x, y = self.parts["train"]
        chosen = torch.tensor(rows, dtype=torch.int64, device=y.device)
        return replace(self, parts={**self.parts, "train": (x[chosen], y[chosen])})

    def pieces(self, part: str, rows: Tensor | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """A part of what `on` gives as a network sees it, with the targets, `PIECE` by `PIECE`.

        Given rows (members, n), it is these of the part for each member: (members, piece, ...).
        """
        x, y = self.parts[part]
        members, samples = (1, len(y)) if rows is None else rows.shape
        bytes_each = members * x[:1].numel() * torch.as_tensor(self.shift).element_size()
        size = max(1, PIECE // max(1, bytes_each))
        for start in range(0, samples, size):
            piece = slice(start, start + size)
            if rows is None:
                yield self.batch(x[piece]), y[piece]
            else:
                yield self.batch(taken(x, rows[:, piece])), taken(y, rows[:, piece])


def taken(tensor: Tensor, rows: Tensor) -> Tensor:
    """tensor[rows] for whole numbers of any shape, which for images takes ten times as long."""
    return tensor.index_select(0, rows.flatten()).unflatten(0, rows.shape)


def _to(tensor: Tensor, device: str, dtype: torch.dtype) -> Tensor:
    return tensor.to(device, dtype if tensor.is_floating_point() else None)
