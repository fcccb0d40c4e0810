"""What a data set is, and how it is cut into training, validation and test part."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

Parts = dict[str, tuple[Tensor, Tensor]]
"""Part name ("train", "val", "test") to its inputs (n, features...) and targets (n,)."""


@dataclass(frozen=True)
class Dataset:
    """A data set in memory.

    Attributes:
        name: its name in the registry.
        x: inputs, float32, (n, features...), in the source's own unit.
        y: targets, (n,): int64 classes, or float32 values for a regression.
        task: "classification" or "regression".
        classes: number of classes; the outputs that a model needs.
        scale: the value that `scaled` divides the inputs by.
    """

    name: str
    x: Tensor
    y: Tensor
    task: str
    classes: int
    scale: float = 1.0

    def scaled(self) -> "Dataset":
        """The same data with inputs of order one: divided by `scale`."""
        return replace(self, x=self.x / self.scale, scale=1.0)


def split(dataset: Dataset, sizes: Mapping[str, int], seed: int) -> Parts:
    """Cut a data set into parts at random, without overlap.

    The order is numpy's `default_rng(seed).permutation`, the same on every machine.

    Args:
        dataset: what to cut.
        sizes: samples per part, in order; what is left over belongs to no part.
        seed: of the permutation.

    Raises:
        ValueError: the parts together are larger than the data, or one is empty.
    """
    total, n = sum(sizes.values()), len(dataset.y)
    if total > n or min(sizes.values()) < 1:
        given = " + ".join(f"{part} {size}" for part, size in sizes.items())
        raise ValueError(
            f"split {given} = {total} does not fit {dataset.name!r}, which has {n} samples; "
            "every part needs at least 1 and all together at most that many"
        )
    order = torch.from_numpy(np.random.default_rng(seed).permutation(n))
    pieces = order[:total].split(list(sizes.values()))
    return {
        part: (dataset.x[piece].contiguous(), dataset.y[piece])
        for part, piece in zip(sizes, pieces, strict=True)
    }
