"""`lpreg explain`: topics into a folder, and the page that shows them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Columns

from lpreg.explain.page import index
from lpreg.explain.topics import TOPICS, make
from lpreg.study.errors import FolderError, SpecError, unknown
from lpreg.study.files import replace

INDEX = "index.html"


class Bar:
    """A progress bar over topics on stderr, silent in a pipe: what topics are given as progress."""

    def __init__(self, topics: int, quick: bool) -> None:
        self.quick = quick
        console = Console(stderr=True)
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
        hidden = not console.is_terminal
        clock = TimeElapsedColumn()
        self._columns = Columns(*columns, clock, console=console, transient=True, disable=hidden)
        self._bar = self._columns.add_task("", total=topics)
        self._topic = ""

    def __enter__(self) -> Self:
        self._columns.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._columns.stop()

    def __call__(self, part: str) -> None:
        self._columns.update(self._bar, description=f"{self._topic}: {part}")

    def begin(self, topic: str) -> None:
        """The next topic."""
        self._topic = topic
        self._columns.update(self._bar, description=topic)

    def finish(self) -> None:
        """It is done."""
        self._columns.advance(self._bar)


def check(names: Sequence[str]) -> list[str]:
    """The topics that are asked for, all when none is named.

    Raises:
        SpecError: there is no such topic.
    """
    for name in names:
        if name not in TOPICS:
            raise SpecError(unknown("topic", name, TOPICS))
    return list(dict.fromkeys(names)) or list(TOPICS)


def titles(names: Sequence[str]) -> dict[str, str]:
    """Names of topics and their titles."""
    return {name: TOPICS[name].title for name in names}


def write(names: Sequence[str], out: Path, quick: bool) -> Path:
    """Make topics in a folder, and its index page of all that it holds.

    Raises:
        FolderError: the folder cannot be written to.
    """
    try:
        with Bar(len(names), quick) as bar:
            for name in names:
                bar.begin(name)
                make(TOPICS[name], out, bar)
                bar.finish()
        page = out / INDEX
        replace(page, lambda part: part.write_text(index(out), "utf-8"))
    except OSError as error:
        raise FolderError(f"cannot write to {out}: {error.strerror or error}") from None
    return page


def lacking(out: Path) -> list[str]:
    """The topics that a folder does not hold yet."""
    return [name for name in TOPICS if not (out / name).exists()]
