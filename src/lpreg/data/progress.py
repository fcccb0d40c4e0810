"""What people see while data are fetched: a line on stderr, and a bar where that is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tick = Callable[[int], object]
"""Told how much more is done."""


def say(line: str) -> None:
    """A line on stderr: results alone go to stdout."""
    print(f"lpreg: {line}", file=sys.stderr, flush=True)


@contextmanager
def bar(what: str, total: int | None, in_bytes: bool = False) -> Iterator[Tick]:
    """A progress bar for the block; none in a pipe, nor without rich, which only the lab brings.

    Args:
        what: is being done.
        total: bytes or items; None when nobody knows.
        in_bytes: counted in bytes rather than in items.
    """
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )
    except ModuleNotFoundError:
        yield lambda _: None
        return
    console = Console(stderr=True)
    count = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), count, TimeRemainingColumn())
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task(what, total=total)
        yield lambda more: progress.advance(task, more)
