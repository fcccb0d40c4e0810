"""Learning-rate schedules: pure functions of the step, from 0 to 1."""

from collections.abc import Callable
from math import cos, pi


def constant(progress: float) -> float:
    """1 throughout."""
    return 1.0


def cosine(progress: float) -> float:
    """From 1 at the start to 0 at the end. Source: Loshchilov and Hutter, SGDR, ICLR 2017."""
    return (1 + cos(pi * progress)) / 2


SCHEDULES: dict[str, Callable[[float], float]] = {"constant": constant, "cosine": cosine}


def factor(schedule: str, step: int, steps: int, warmup: int = 0) -> float:
    """What the learning rate is multiplied by in step `step` of `steps`, counted from 0.

    During the first `warmup` steps it rises linearly, 1/warmup at first; the schedule's progress
    from 0 to 1 covers the steps after them.
    """
    if step < warmup:
        return (step + 1) / warmup
    return SCHEDULES[schedule]((step - warmup) / max(1, steps - warmup))
