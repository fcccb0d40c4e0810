"""Data sets as tensors in memory, and their splits. Knows nothing of training."""

from lpreg.data.digits import digits
from lpreg.data.sets import Dataset, Parts, split

DATA = {"digits": digits}


def load(name: str) -> Dataset:
    """The data set of this name.

    Raises:
        ValueError: no data set has this name.
    """
    if name not in DATA:
        raise ValueError(f"unknown data set {name!r}; allowed: {', '.join(DATA)}")
    return DATA[name]()


__all__ = ["DATA", "Dataset", "Parts", "digits", "load", "split"]
