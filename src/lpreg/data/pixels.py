"""JPEGs to pixels. Also a program, which imports nothing of lpreg: what `workers` starts."""

import json
import os
import sys
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 64
IMAGE = (3, SIDE, SIDE)
BYTES = 3 * SIDE * SIDE

PIECE = 200
"""Images after which a worker writes, and says so."""


class Tree:
    """The files of a folder or of a zip archive, by their names in it. Close it after use."""

    def __init__(self, path: Path) -> None:
        self._zip = None if path.is_dir() else zipfile.ZipFile(path)
        self._path = path

    def names(self) -> list[str]:
        """The files in it, "/" between folders."""
        if self._zip is not None:
            return [name for name in self._zip.namelist() if not name.endswith("/")]
        files = ((top, name) for top, _, names in os.walk(self._path) for name in names)
        return [Path(top, name).relative_to(self._path).as_posix() for top, name in files]

    def read(self, name: str) -> bytes:
        return (self._path / name).read_bytes() if self._zip is None else self._zip.read(name)

    def close(self) -> None:
        if self._zip is not None:
            self._zip.close()


@dataclass(frozen=True)
class Job:
    """Images to decode, and the place of the first one's pixels in a file."""

    source: str
    names: list[str]
    target: str
    offset: int


class Unfit(Exception):
    """What cannot be decoded, and why."""


def pixels(content: bytes) -> np.ndarray:
    """The pixels of a JPEG of 64 x 64, (3, 64, 64) uint8; grey ones in three equal channels.

    Raises:
        Unfit: it is broken, no JPEG, or of another size.
    """
    from PIL import Image

    try:
        with Image.open(BytesIO(content), formats=["JPEG"]) as image:
            if image.size != (SIDE, SIDE):
                wide, high = image.size
                raise Unfit(f"is {wide} x {high} pixels large instead of {SIDE} x {SIDE}")
            return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Unfit(f"is no JPEG that can be decoded: {error}") from None


def decode(job: Job, tick: Callable[[int], Any]) -> None:
    """Decode images into a file that is there; `tick` is told how many more are done.

    Raises:
        Unfit: an image is broken, with its name.
        OSError: the source cannot be read, or the target written.
    """
    with closing(Tree(Path(job.source))) as tree, open(job.target, "r+b") as out:
        out.seek(job.offset)
        for first in range(0, len(job.names), PIECE):
            names = job.names[first : first + PIECE]
            out.write(b"".join(_bytes(tree, name) for name in names))
            tick(len(names))
        out.flush()
        os.fsync(out.fileno())


def _bytes(tree: Tree, name: str) -> bytes:
    try:
        return pixels(tree.read(name)).tobytes()
    except (Unfit, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise Unfit(f"{name} {error}") from None


def main() -> int:
    """Do the job that stands on stdin; a line for every piece, and one for what went wrong."""
    job = Job(**json.load(sys.stdin))
    try:
        decode(job, lambda more: print(more, flush=True))
    except (Unfit, OSError) as error:
        print(f"{type(error).__name__} {error}", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
