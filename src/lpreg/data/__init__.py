"""Data sets as tensors in memory, and their splits. Knows nothing of training."""

from collections.abc import Callable
from typing import Any

from lpreg.data.digits import digits
from lpreg.data.sets import Dataset, Parts, Pool, moments, split

DATA: dict[str, Callable[..., Dataset]] = {"digits": digits}


def load(name: str, **options: Any) -> Dataset:
    """The data set of this name, with the options that its function takes.

    Raises:
        ValueError: no data set has this name, or an option has a value that is not allowed.
    """
    if name not in DATA:
        raise ValueError(f"unknown data set {name!r}; allowed: {', '.join(DATA)}")
    return DATA[name](**options)


__all__ = ["DATA", "Dataset", "Parts", "Pool", "digits", "load", "moments", "split"]
