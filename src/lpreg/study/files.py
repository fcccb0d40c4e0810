"""Files that are there as a whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lpreg.data.cache import sync

UNFINISHED = ".*.part"
"""Names of files that were being written."""


def replace(file: Path, write: Callable[[Path], Any]) -> None:
    """Write a file as a whole or not at all, whenever the power goes; its folder is made.

    Raises:
        OSError: as `write` does, or the folder cannot be written to.
    """
    file.parent.mkdir(exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    write(part)
    sync(part)
    part.replace(file)
    sync(file.parent)
