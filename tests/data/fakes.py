"""A Tiny-ImageNet of three classes, drawn here: one flat colour per image."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

WNIDS = ("n30", "n10", "n20")
"""The order of wnids.txt, which is not that of the alphabet."""

TRAIN, VAL = 4, 2
GREY = "train/n10/images/n10_1.JPEG"


def colour(name: str) -> tuple[int, int, int]:
    """Of the image with this name: another for each."""
    seed = sum(ord(letter) * (place + 1) for place, letter in enumerate(name))
    return tuple(np.random.default_rng(seed).integers(30, 220, 3).tolist())


def jpeg(name: str, mode: str = "RGB", size: tuple[int, int] = (64, 64), kind: str = "JPEG"):
    """An image in its colour, in 1000 bytes whatever the colour."""
    image = Image.new("RGB", size, colour(name)).convert(mode)
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue().ljust(1000, b"\0")


def tree() -> dict[str, bytes]:
    """Every file by its name in the set."""
    train = [f"train/{w}/images/{w}_{k}.JPEG" for w in WNIDS for k in range(TRAIN)]
    val = {f"val_{k}.JPEG": WNIDS[k % 3] for k in range(3 * VAL)}
    notes = "".join(f"{name}\t{wnid}\t0\t0\t9\t9\n" for name, wnid in val.items())
    files = {name: jpeg(name) for name in [*train, *(f"val/images/{name}" for name in val)]}
    files[GREY] = jpeg(GREY, "L")
    files["wnids.txt"] = "\n".join(WNIDS).encode()
    files["words.txt"] = b"n10\tten\n"
    files["val/val_annotations.txt"] = notes.encode()
    files["test/images/test_0.JPEG"] = jpeg("test_0")
    return files


def as_zip(path: Path, files: Mapping[str, bytes], root: str = "tiny-imagenet-200/") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name if name.startswith(("/", "..")) else root + name, content)
    return path


def as_folder(path: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path
