"""The progress bar of long work."""

from collections.abc import Sequence
from time import monotonic
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from lpreg.study.member import Member


class Bar:
    """A progress bar on stderr: members done, epochs per second, time left. Silent in a pipe."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._bar = self._progress.add_task("", total=None, speed="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        self._progress.update(self._bar, description=text)

    def begin(
        self, todo: Sequence[Sequence[Member]], costs: Sequence[float], done: Sequence[int]
    ) -> None:
        self._todo, self._costs = todo, costs
        self._begun, self._steps = done, list(done)
        self._members = 0
        self._start = monotonic()
        self._progress.reset(self._bar, total=sum(costs))
        self._show()

    def step(self, stack: int, steps: int) -> None:
        self._steps[stack] = steps
        self._show()

    def finish(self, stack: int) -> None:
        self._steps[stack] = self._todo[stack][0].steps
        self._members += len(self._todo[stack])
        self._show()

    def _show(self) -> None:
        done, epochs = 0.0, 0.0
        stacks = zip(self._todo, self._begun, self._steps, self._costs, strict=True)
        for stack, begun, steps, cost in stacks:
            done += cost * steps / stack[0].steps
            epochs += len(stack) * (steps - begun) / stack[0].steps_per_epoch
        speed = epochs / max(1e-3, monotonic() - self._start)
        self._progress.update(
            self._bar,
            completed=done,
            description=f"{self._members}/{sum(map(len, self._todo))} members",
            speed=f"{speed:,.0f} epochs/s",
        )
