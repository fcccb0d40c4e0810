"""Where the images lie in a folder or an archive of Tiny-ImageNet."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from lpreg.data.pixels import Tree, Unfit

Images = Mapping[str, list[str]]
"""The images of each folder, by name."""


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
        wnids = tree.read(index).decode(errors="replace").split()
        lines = tree.read(notes).decode(errors="replace").splitlines()
    if not wnids or len(set(wnids)) < len(wnids):
        raise Unfit("its wnids.txt names no class, or one of them twice")
    images = _by_folder(names)
    train = _training(images, root, wnids)
    val = _validation(images, root, wnids, lines)
    return Layout(
        names=[name for each in (*train, *val) for name in each],
        train=[len(each) for each in train],
        val=[len(each) for each in val],
    )


def _training(images: Images, root: str, wnids: list[str]) -> list[list[str]]:
    """The images of each class."""
    train = [images[f"{root}train/{wnid}/images"] for wnid in wnids]
    for wnid, own in zip(wnids, train, strict=True):
        if not own:
            raise Unfit(f"it has no training images of {wnid}, a class of wnids.txt")
    return train


def _validation(
    images: Images, root: str, wnids: list[str], lines: list[str]
) -> Iterable[list[str]]:
    """The images of each class, by the lines "image, class, four numbers" of the annotations."""
    val: dict[str, list[str]] = {wnid: [] for wnid in wnids}
    there = set(images[f"{root}val/images"])
    for line in lines:
        name, wnid, *_ = [*line.split(), "", ""]
        if wnid in val:
            val[wnid].append(f"{root}val/images/{name}")
            if val[wnid][-1] not in there:
                raise Unfit(f"it has no val/images/{name}, which val_annotations.txt names")
    return val.values()


def _refuse_escapes(names: Iterable[str]) -> None:
    for name in names:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise Unfit(f"it holds {name!r}, which leads out of it")


def _by_folder(names: Iterable[str]) -> Images:
    images: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        if name.lower().endswith((".jpeg", ".jpg")):
            images[str(PurePosixPath(name).parent)].append(name)
    return images
