"""What a data set is, and how it is cut into training, validation and test part."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

Parts = dict[str, tuple[Tensor, Tensor]]
"""Part name ("train", "val", "test") to its inputs (n, features...) and targets (n,)."""

CHUNK = 4096
"""Samples of which the moments are taken at once."""


@dataclass(frozen=True)
class Pool:
    """Consecutive samples from which some parts are drawn: what the source calls a set of its own.

    Attributes:
        parts: the parts drawn from it.
        size: its number of samples.
    """

    parts: tuple[str, ...]
    size: int


@dataclass(frozen=True)
class Dataset:
    """A data set in memory, or mapped into it.

    Attributes:
        name: its name in the registry.
        x: inputs in the source's own unit, (n, features...): float32, or for images uint8
            (n, channels, height, width).
        y: targets, (n,): int64 classes, or float32 values for a regression.
        task: "classification" or "regression".
        classes: the outputs that a model needs: number of classes, 1 for a regression.
        scale: what inputs are divided by to be of order one.
        features: names of the inputs of a table; empty for images.
        unit: of the target of a regression.
        pools: which samples may go into which part, in order; empty when all may go anywhere.
    """

    name: str
    x: Tensor
    y: Tensor
    task: str
    classes: int
    scale: float = 1.0
    features: tuple[str, ...] = ()
    unit: str = ""
    pools: tuple[Pool, ...] = ()


def split(dataset: Dataset, sizes: Mapping[str, int], seed: int) -> Parts:
    """Cut a data set into parts at random, without overlap, each from its own pool.

    The order within a pool is numpy's `default_rng(seed).permutation`, pool after pool: the same on
    every machine.

    Args:
        dataset: what to cut.
        sizes: samples per part, in order; what is left over belongs to no part.
        seed: of the permutation.

    Raises:
        ValueError: the parts of a pool together are larger than it, or one is empty.
    """
    check_split(dataset, sizes)
    random, start = np.random.default_rng(seed), 0
    rows: dict[str, Tensor] = {}
    for pool in _pools(dataset, sizes):
        own = _own(pool, sizes)
        order = torch.from_numpy(random.permutation(pool.size)) + start
        rows |= dict(zip(own, order[: sum(own.values())].split(list(own.values())), strict=True))
        start += pool.size
    return {part: (dataset.x[rows[part]], dataset.y[rows[part]]) for part in sizes}


def check_split(dataset: Dataset, sizes: Mapping[str, int]) -> None:
    """Refuse, as `split` does, what it cannot cut, without copying anything."""
    for pool in _pools(dataset, sizes):
        _check_fits(dataset, _own(pool, sizes), pool)


def _pools(dataset: Dataset, sizes: Mapping[str, int]) -> tuple[Pool, ...]:
    return dataset.pools or (Pool(tuple(sizes), len(dataset.y)),)


def _own(pool: Pool, sizes: Mapping[str, int]) -> dict[str, int]:
    return {part: size for part, size in sizes.items() if part in pool.parts}


def _check_fits(dataset: Dataset, sizes: Mapping[str, int], pool: Pool) -> None:
    total = sum(sizes.values())
    if sizes and (total > pool.size or min(sizes.values()) < 1):
        given = " + ".join(f"{part} {size}" for part, size in sizes.items())
        there = f"which has {pool.size} samples" + (" for them" if dataset.pools else "")
        raise ValueError(
            f"split {given} = {total} does not fit {dataset.name!r}, {there}; "
            "every part needs at least 1 and all together at most that many"
        )


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of inputs x (n, features...), to broadcast over samples.

    Of images (n, channels, height, width) per channel, of anything else per feature; 1 in the place
    of a deviation that is zero. float64, computed in pieces, so that x may be mapped from a file.
    """
    over = (0, 2, 3) if x.dim() == 4 else (0,)
    count = x.numel() // (x.shape[1] if x.dim() == 4 else x[0].numel())
    pieces = x.split(CHUNK)
    sums = [piece.double().sum(over, keepdim=True) for piece in pieces]
    mean = torch.cat(sums).sum(0, keepdim=True) / count
    squares = [(piece.double() - mean).square().sum(over, keepdim=True) for piece in pieces]
    deviation = (torch.cat(squares).sum(0) / count).sqrt()
    return mean[0], torch.where(deviation > 0, deviation, 1.0)
