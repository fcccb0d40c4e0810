"""Where data sets lie on disk, and how their files come there: whole and checked, or not at all."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lpreg.data.progress import say

FOLDER = "LPREG_DATA"
"""Environment variable with the cache folder."""


class DataError(OSError):
    """Data that cannot be had: the file, its address and folder, what is wrong, the way out."""


@dataclass(frozen=True)
class File:
    """A file of the cache, and where it comes from.

    Attributes:
        path: inside the cache folder.
        url: the official source.
        checksum: of what the address gives, "md5:..." or "sha256:...".
        size: of what the address gives, bytes, about.
        member: of the .tar.gz that the address gives, when that member is the file.
        accepts: what may stand in its place, patterns inside the cache folder, the first one found;
            `path` alone when left out.
    """

    path: str
    url: str
    checksum: str
    size: int
    member: str = ""
    accepts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """What a data set is, and the files that it is read from; none when a package carries it."""

    about: str
    samples: int
    files: tuple[File, ...] = ()


def folders() -> tuple[Path, ...]:
    """The cache folders: `$LPREG_DATA` when it is set, then the user's own.

    Files are looked for in this order, and new ones go to the first folder that may be written.
    """
    if sys.platform == "darwin":
        caches = Path.home() / "Library" / "Caches"
    else:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    named = os.environ.get(FOLDER)
    return (*([Path(named).expanduser().absolute()] if named else []), caches / "lpreg")


def find(file: File) -> Path | None:
    """The file, or what stands in its place; None when it is not there."""
    for folder in folders():
        for pattern in file.accepts or (file.path,):
            if found := sorted(folder.glob(pattern)):
                return found[0]
    return None


def room(inside: str) -> Path:
    """The folder of this name in the first cache folder that may be written, made when missing.

    Raises:
        DataError: none may.
    """
    for folder in folders():
        if _may_write(folder / inside):
            (folder / inside).mkdir(parents=True, exist_ok=True)
            return folder / inside
    listed = ", ".join(str(folder / inside) for folder in folders())
    raise DataError(f"none of these can be written: {listed}; set {FOLDER} to a folder that can")


def _may_write(folder: Path) -> bool:
    there = next(each for each in (folder, *folder.absolute().parents) if os.path.exists(each))
    # root may write everywhere; a folder that nobody is meant to write is left alone all the same
    return there.is_dir() and os.access(there, os.W_OK) and bool(there.stat().st_mode & 0o222)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes from adding to a folder; waits for one that does. Ends with this one."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that is filling {folder}")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def new_file(target: Path) -> Iterator[BinaryIO]:
    """A file that is there whole or not at all: written beside, synced, renamed. Only `alone`."""
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        part.replace(target)
        sync(target.parent)
    finally:
        part.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
