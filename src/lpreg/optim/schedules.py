"""Strengths that change during training: functions of the number of steps made so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Schedule = Callable[[int], float]
"""Steps made so far -> factor >= 0 on all strengths. Any function of one integer will do."""


@dataclass(frozen=True)
class Ramp:
    """From 0 to 1: 0 for `start` steps, then up over `over` steps, then 1 for good.

    On the way the factor is 1 - (1 - t)^power for t from 0 to 1: power 1 is a straight line; 3
    rises fast at first, as the sparsity of Zhu & Gupta (2017), "To prune, or not to prune".
    """

    over: int
    start: int = 0
    power: float = 1.0

    def __post_init__(self) -> None:
        if not (self.over > 0 and self.start >= 0 and self.power > 0):
            raise ValueError(f"{self!r}: it must be over > 0, start >= 0 and power > 0.")

    def __call__(self, count: int) -> float:
        t = (count - self.start) / self.over
        return 1 - (1 - min(max(t, 0.0), 1.0)) ** self.power
