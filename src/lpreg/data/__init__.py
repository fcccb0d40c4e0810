"""Data sets as tensors in memory, and their splits. Knows nothing of training."""

from collections.abc import Callable
from typing import Any

from lpreg.data.arrays import arrays, from_arrays, store
from lpreg.data.cache import DataError, File, Source, find, folders
from lpreg.data.content import fingerprint
from lpreg.data.digits import DIGITS, digits
from lpreg.data.download import check
from lpreg.data.folder import images
from lpreg.data.housing import HOUSING, housing
from lpreg.data.mnist import FASHION_MNIST, MNIST, fashion_mnist, mnist
from lpreg.data.sets import Dataset, Parts, Pool, check_split, moments, sizes, split
from lpreg.data.table import TableReport, describe_table, from_frame, table
from lpreg.data.tiny_imagenet import TINY_IMAGENET, tiny_imagenet

DATA: dict[str, Callable[..., Dataset]] = {
    "digits": digits,
    "mnist": mnist,
    "fashion_mnist": fashion_mnist,
    "housing": housing,
    "tiny_imagenet": tiny_imagenet,
    "table": table,
    "images": images,
    "arrays": arrays,
}

SOURCES: dict[str, Source] = {
    "digits": DIGITS,
    "mnist": MNIST,
    "fashion_mnist": FASHION_MNIST,
    "housing": HOUSING,
    "tiny_imagenet": TINY_IMAGENET,
}
"""Where those come from that somebody has published; the others are people's own."""


def load(name: str, **options: Any) -> Dataset:
    """The data set of this name, with the options that its function takes.

    Raises:
        ValueError: no data set has this name, or an option has a value that is not allowed.
        DataError: its files are not there and cannot be downloaded, or are damaged.
    """
    if name not in DATA:
        raise ValueError(f"unknown data set {name!r}; allowed: {', '.join(DATA)}")
    return DATA[name](**options)


def verify(name: str) -> None:
    """Read all of a data set, and compare its files with their official checksums.

    Raises:
        DataError: a file is not there, or is damaged.
    """
    for file in SOURCES[name].files:
        path = find(file)
        if path is None:
            listed = " or ".join(map(str, folders()))
            raise DataError(
                f"{name} is not here: no {file.path} in {listed}; get it: lpreg data fetch {name}"
            )
        check(file, path)
    load(name)


__all__ = [
    "DATA",
    "SOURCES",
    "DataError",
    "Dataset",
    "File",
    "Parts",
    "Pool",
    "Source",
    "TableReport",
    "arrays",
    "check_split",
    "describe_table",
    "fingerprint",
    "from_arrays",
    "from_frame",
    "images",
    "load",
    "moments",
    "sizes",
    "split",
    "store",
    "table",
    "verify",
]
