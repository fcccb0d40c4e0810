"""Copies of chosen tensors during training, for maps of the weights over time."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np
import torch
from torch import Tensor

from lpreg.train.stack import Stack


class Snapshots:
    """The values of some parameters of all members, in float32, and the steps they are from."""

    def __init__(self, stack: Stack, globs: Sequence[str]) -> None:
        self._stack, self._names = stack, chosen(stack.columns, globs)
        self._steps: list[int] = []
        self._taken: dict[str, list[Tensor]] = {name: [] for name in self._names}

    def take(self, step: int) -> None:
        """Copy the tensors as they are after this many steps."""
        self._steps.append(step)
        for name, taken in self._taken.items():
            values = self._stack.view(self._stack.flat.data, name)
            taken.append(values.to("cpu", torch.float32, copy=True).contiguous())

    def of(self, member: int) -> dict[str, np.ndarray]:
        """One member's, see `Outcome.snapshots`."""
        if not self._names:
            return {}
        taken = {
            name: np.stack([values[member].numpy() for values in all_members])
            for name, all_members in self._taken.items()
        }
        return {"step": np.array(self._steps)} | taken

    def saved(self) -> dict[str, Tensor]:
        """All copies so far, (k, members, ...)."""
        taken = {name: torch.stack(values) for name, values in self._taken.items() if values}
        return {"step": torch.tensor(self._steps, dtype=torch.int64), **taken}

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        """Take what `saved` gave."""
        self._steps = saved["step"].tolist()
        self._taken = {name: list(saved[name].cpu().unbind()) for name in self._names}


def chosen(names: Iterable[str], globs: Sequence[str]) -> list[str]:
    """The names that a glob matches, in their order.

    Raises:
        ValueError: a glob matches none.
    """
    names = list(names)
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in names):
            raise ValueError(
                f"snapshots of {glob!r}: no parameter has such a name; there are {', '.join(names)}"
            )
    return [name for name in names if any(fnmatchcase(name, glob) for glob in globs)]
