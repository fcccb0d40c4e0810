"""Going on where a killed run stopped, to the last bit."""

from collections.abc import Mapping
from time import perf_counter
from typing import Protocol

import torch
from torch import Tensor

from lpreg.train.host import Checkpoint


class Saved(Protocol):
    """Something with a state that outlives a step."""

    def saved(self) -> dict[str, Tensor]:
        """All of it, as tensors."""
        ...

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        """Take what `saved` gave another one that was built alike."""


class Progress:
    """How far a training run is, and the states of all that takes part in it."""

    def __init__(self, parts: Mapping[str, Saved], checkpoint: Checkpoint | None) -> None:
        self._parts, self._checkpoint = parts, checkpoint
        self._before, self._start = 0.0, perf_counter()
        self._last = self._start

    def resume(self) -> int:
        """Restore what is saved, if anything is, and tell the number of steps done."""
        state = self._checkpoint.load() if self._checkpoint else None
        if state is None:
            return 0
        for name, part in self._parts.items():
            prefix = f"{name}/"
            own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            part.restore(own)
        self._before = float(state["seconds"])
        return int(state["step"])

    def done(self, step: int) -> None:
        """So many steps are done: save the state, if it is time."""
        now = perf_counter()
        if self._checkpoint is None or now - self._last < self._checkpoint.seconds:
            return
        state = {
            f"{name}/{key}": value
            for name, part in self._parts.items()
            for key, value in part.saved().items()
        }
        state["step"] = torch.tensor(step)
        state["seconds"] = torch.tensor(self.seconds, dtype=torch.float64)
        self._checkpoint.save(state)
        self._last = perf_counter()

    @property
    def seconds(self) -> float:
        """Time since the start, that of the runs which were killed included."""
        return self._before + perf_counter() - self._start
