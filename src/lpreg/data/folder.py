"""Images in folders, one per class: of people's own, all brought to one size."""

import json
from dataclasses import dataclass
from hashlib import sha256 as digest
from pathlib import Path

import numpy as np
import torch

from lpreg.data.cache import DataError, alone, folders, new_file, room, sync
from lpreg.data.content import check_content, fingerprint, visible
from lpreg.data.progress import bar
from lpreg.data.sets import Dataset, Pool
from lpreg.data.target import LEAST

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")

POOLS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
"""Folders that hold the samples of one part, by its name."""

GREY = ("1", "L", "LA")
"""Modes of images without a colour, in the words of PIL."""

FORMAT = 1
"""Of the images in the cache; another number makes them anew."""


@dataclass(frozen=True)
class Found:
    """Where the images of a folder are.

    Attributes:
        labels: names of the classes.
        files: of all images, pool after pool. classes: of each.
        pools: empty when there is one alone.
    """

    labels: tuple[str, ...]
    files: tuple[Path, ...]
    classes: tuple[int, ...]
    pools: tuple[Pool, ...]


def images(*, path: str, size: int = 32, sha256: str | None = None) -> Dataset:
    """The images in a folder, x (n, channels, size, size) uint8, y (n,) classes.

    There is a folder per class, whose name is that of the class; or there are folders `train` and
    `val` or `test` or both, and the classes in each: then these are the pools that the parts are
    drawn from. With one of the two, `test` makes the test part alone, and `val` both. Images are
    cut to a square about their middle and brought to the size; one channel if all are grey, else
    three. They are decoded once into the cache.

    Args:
        path: of the folder.
        size: of an image's side, in pixels.
        sha256: of the content, see `fingerprint`; another one is refused.

    Raises:
        DataError: the folder is not there or has changed, an image is broken, or no cache folder
            may be written.
        ValueError: there are no classes in it, or one of less than three images; or a size below 1.
    """
    if size < 1:
        raise ValueError(f"size = {size}; allowed: 1 or more pixels")
    place = Path(path)
    own = fingerprint(place)
    check_content(place, own, sha256)
    found = find(place)
    x = np.load(_decoded(found, own, size), mmap_mode="c")  # torch wants memory it may write to
    return Dataset(
        name=place.name,
        x=torch.from_numpy(x),
        y=torch.tensor(found.classes),
        task="classification",
        classes=len(found.labels),
        scale=255.0,
        pools=found.pools,
        labels=found.labels,
        stratified=True,
    )


def find(place: Path) -> Found:
    """The images of a folder; raises the ValueErrors of `images`."""
    if not place.is_dir():
        raise ValueError(f"{place} is no folder; allowed: one with a folder of images per class")
    inside = {folder.name: folder for folder in _folders(place)}
    parts = {part: [inside[n] for n in names if n in inside] for part, names in POOLS.items()}
    if parts["train"] and len(inside) == sum(map(len, parts.values())) > 1:
        own = {part: each[0] for part, each in parts.items() if each}
    else:
        own = {"": place}
    labels = tuple(sorted({each.name for part in own.values() for each in _folders(part)}))
    if len(labels) < 2:
        raise ValueError(
            f"{place} has {len(labels)} folders of images; allowed: one for each of two classes or "
            "more, or folders train and val that have these"
        )
    files: list[Path] = []
    classes: list[int] = []
    pools = []
    for part, folder in own.items():
        before = len(files)
        for number, name in enumerate(labels):
            here = _images(folder / name)
            _check_class(folder / name, len(here), alone=not part or part == "train")
            files += here
            classes += [number] * len(here)
        pools.append(Pool(_parts(part, own), len(files) - before))
    return Found(labels, tuple(files), tuple(classes), tuple(pools) if len(own) > 1 else ())


def _parts(part: str, there: dict[str, Path]) -> tuple[str, ...]:
    """The parts that are drawn from a pool: its own, and those that have none."""
    if part == "train" and "val" not in there:
        return ("train", "val")
    if part == "val" and "test" not in there:
        return ("val", "test")
    return (part,)


def _check_class(folder: Path, count: int, alone: bool) -> None:
    if alone and count < LEAST:
        raise ValueError(
            f"{folder} has {count} images; allowed: {LEAST} or more of each class, with one of the "
            f"endings {', '.join(ENDINGS)}"
        )


def _folders(place: Path) -> list[Path]:
    return sorted(each for each in place.glob("[!.]*") if each.is_dir())


def _images(folder: Path) -> list[Path]:
    return [f for f in visible(folder) if f.suffix.lower() in ENDINGS]


def _decoded(found: Found, content: str, size: int) -> Path:
    """The file in the cache with these images, made when it is not there."""
    key = digest(json.dumps([FORMAT, content, size]).encode()).hexdigest()[:16]
    name = f"images-{key}.npy"
    for folder in folders():
        if (folder / "decoded" / name).exists():
            return folder / "decoded" / name
    target = room("decoded") / name
    with alone(target.parent):
        if not target.exists():
            _decode(found, size, target)
    return target


def _decode(found: Found, size: int, target: Path) -> None:
    with bar("decoding", len(found.files)) as tick, new_file(target) as out:
        channels = 1 if all(_mode(file) in GREY for file in found.files) else 3
        header = {"descr": "|u1", "fortran_order": False}
        shape = (len(found.files), channels, size, size)
        np.lib.format.write_array_header_1_0(out, header | {"shape": shape})
        for file in found.files:
            out.write(_pixels(file, channels, size).tobytes())
            tick(1)
    sync(target.parent)


def _mode(file: Path) -> str:
    from PIL import Image

    try:
        with Image.open(file) as image:
            return image.mode
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _broken(file, error) from None


def _pixels(file: Path, channels: int, size: int) -> np.ndarray:
    """(channels, size, size) uint8."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:
            turned = ImageOps.exif_transpose(image).convert("L" if channels == 1 else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _broken(file, error) from None
    fitted = ImageOps.fit(turned, (size, size), Image.Resampling.BILINEAR)
    return np.asarray(fitted).reshape(size, size, channels).transpose(2, 0, 1)


def _broken(file: Path, error: Exception) -> DataError:
    return DataError(f"{file} is no image that can be decoded: {error}; put it right or delete it")
