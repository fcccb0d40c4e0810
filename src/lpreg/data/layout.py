"""Where the images lie in a folder or an archive of Tiny-ImageNet."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from lpreg.data.pixels import Tree, Unfit


class Layout(NamedTuple):
    """The images of a source, training images first, each half sorted by class.

    Attributes:
        names: of the images in the source.
        train, val: images of each class.
    """

    names: list[str]
    train: list[int]
    val: list[int]


def layout(source: Path) -> Layout:
    """The layout that the official archive has: wnids.txt, train/WNID/images, val/images.

    Classes come in the order of wnids.txt. A part may lack classes of the annotations.

    Raises:
        Unfit: something is missing, or a name leads out of the source.
        BadZipFile: it is no archive.
    """
    with closing(Tree(source)) as tree:
        names = tree.names()
        _refuse_escapes(names)
        index = min((n for n in names if PurePosixPath(n).name == "wnids.txt"), key=len, default="")
        if not index:
            raise Unfit("it has no wnids.txt, so it is not laid out as Tiny-ImageNet")
        root = index.removesuffix("wnids.txt")
        notes = f"{root}val/val_annotations.txt"
        if notes not in names:
            raise Unfit("it has no val/val_annotations.txt")
        wnids = tree.read(index).decode().split()
        labels = [line.split()[:2] for line in tree.read(notes).decode().splitlines() if line]
    images = _by_folder(names)
    train = [images[f"{root}train/{wnid}/images"] for wnid in wnids]
    for wnid, own in zip(wnids, train, strict=True):
        if not own:
            raise Unfit(f"it has no training images of {wnid}, a class of wnids.txt")
    val: dict[str, list[str]] = {wnid: [] for wnid in wnids}
    there = set(images[f"{root}val/images"])
    for name, wnid in labels:
        if wnid in val:
            val[wnid].append(f"{root}val/images/{name}")
            if val[wnid][-1] not in there:
                raise Unfit(f"it has no val/images/{name}, which val_annotations.txt names")
    return Layout(
        names=[name for each in (*train, *val.values()) for name in each],
        train=[len(each) for each in train],
        val=[len(each) for each in val.values()],
    )


def _refuse_escapes(names: Iterable[str]) -> None:
    for name in names:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise Unfit(f"it holds {name!r}, which leads out of it")


def _by_folder(names: Iterable[str]) -> dict[str, list[str]]:
    images: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        if name.lower().endswith((".jpeg", ".jpg")):
            images[str(PurePosixPath(name).parent)].append(name)
    return images
