"""Images decoded once, and mapped from a file ever after."""

import json
import os
import shutil
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np

from lpreg.data import workers
from lpreg.data.cache import DataError, File, alone, folders, new_file, room, sync
from lpreg.data.download import check
from lpreg.data.layout import Layout, layout
from lpreg.data.pixels import BYTES, IMAGE, Job, Unfit
from lpreg.data.progress import bar, say

FORMAT = 1
"""Of the decoded images; another number makes them anew."""


class Decoded(NamedTuple):
    """Images, training images first, each half sorted by class.

    Attributes:
        images: (n, 3, 64, 64) uint8, mapped from a file.
        train, val: images of each class.
    """

    images: np.ndarray
    train: list[int]
    val: list[int]


def decoded(file: File, source: Path) -> Decoded:
    """The images of a source, which is `file` or stands in its place.

    They are decoded when the cache has them not, or those of a source of other names, sizes or
    times: a changed source is decoded anew.

    Raises:
        DataError: the source is damaged, or what was decoded is, or there is no room for it.
    """
    folder = _folder(file, source)
    try:
        counts = json.loads((folder / "counts.json").read_text("utf-8"))
        # copy on write: torch wants memory that may be written, and the file stays as it is
        images = np.load(folder / "images.npy", mmap_mode="c")
        return Decoded(images, counts["train"], counts["val"])
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{folder} is damaged: {error}; delete it, and the images are decoded again"
        ) from None


def _folder(file: File, source: Path) -> Path:
    name = f"{source.stem}-{_stamp(source)}"
    for folder in folders():
        if (folder / "decoded" / name).is_dir():
            return folder / "decoded" / name
    target = room("decoded") / name
    with alone(target.parent):
        if not target.is_dir():
            check(file, source)
            _decode(file, source, target)
    return target


def _stamp(source: Path) -> str:
    """Changes with the names, sizes and times of what is decoded."""
    paths = [source]
    if source.is_dir():
        paths = [Path(top, name) for top, _, names in os.walk(source) for name in names]
    stats = [(path.relative_to(source.parent).as_posix(), path.stat()) for path in sorted(paths)]
    parts = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    return sha256(json.dumps([FORMAT, parts]).encode()).hexdigest()[:12]


def _decode(file: File, source: Path, target: Path) -> None:
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        found = layout(source)
        say(f"decoding {len(found.names):,} images of {source} into {target}, once")
        part.mkdir()
        _write(source, found, part)
        part.replace(target)
        sync(target.parent)
    except (Unfit, BadZipFile) as error:
        raise DataError(
            f"{source} cannot be used: {error}; put it right or delete it: when nothing stands in "
            f"its place, the whole set is downloaded from {file.url}"
        ) from None
    except OSError as error:
        raise DataError(f"cannot decode {source} into {target}: {error}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write(source: Path, found: Layout, folder: Path) -> None:
    total, file = len(found.names), folder / "images.npy"
    with file.open("wb") as out:
        header = {"descr": "|u1", "fortran_order": False, "shape": (total, *IMAGE)}
        np.lib.format.write_array_header_1_0(out, header)
        start = out.tell()
        out.truncate(start + total * BYTES)
    with bar(f"decoding {source.name}", total) as tick:
        workers.decode(Job(str(source), found.names, str(file), start), tick)
    with new_file(folder / "counts.json") as out:
        out.write(json.dumps({"train": found.train, "val": found.val}).encode())
