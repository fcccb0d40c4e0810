"""Who trains: where a stack lives, whom it tells how far it is, and where it saves itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class Checkpoint(Protocol):
    """Where a stack saves itself, so that a killed run goes on with the same numbers."""

    seconds: float
    """The least time between two saves."""

    def load(self) -> dict[str, Tensor] | None:
        """What was saved last, None for a start from the beginning."""
        ...

    def save(self, state: dict[str, Tensor]) -> None:
        """Keep this instead of what was saved before; all or nothing.

        Names are free text. The tensors are those in use: they change with the next step.
        """


@dataclass(frozen=True)
class Host:
    """What surrounds a training run and does not change its numbers.

    Attributes:
        device: where the stack lives.
        tick: called after every step with the number of steps done.
        checkpoint: where it saves itself, asked between steps.
    """

    device: str = "cpu"
    tick: Callable[[int], None] | None = None
    checkpoint: Checkpoint | None = None
