"""What a data set is, and how it is cut into training, validation and test part."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise

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
        labels: names of the classes, in order; empty where their numbers are their names.
        gaps: x has NaN where nothing is known; `split` puts the means of the training part there.
        stratified: `split` gives every part its share of each class.
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
    labels: tuple[str, ...] = ()
    gaps: bool = False
    stratified: bool = False


def split(dataset: Dataset, sizes: Mapping[str, int], seed: int) -> Parts:
    """Cut a data set into parts at random, without overlap, each from its own pool.

    The order within a pool is numpy's `default_rng(seed).permutation`, pool after pool: the same on
    every machine. Every class of a data set that is `stratified` is then spread evenly over it.
    `gaps` are filled with the training part's mean of the same input: 0 once standardised, and the
    shares of all categories where one is not known.

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
        order = random.permutation(pool.size) + start
        if dataset.stratified:
            order = _spread(order, dataset.y.numpy()[order])
        cut = torch.from_numpy(order[: sum(own.values())])
        rows |= dict(zip(own, cut.split(list(own.values())), strict=True))
        start += pool.size
    parts = {part: (dataset.x[rows[part]], dataset.y[rows[part]]) for part in sizes}
    return _filled(parts) if dataset.gaps else parts


def _spread(order: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The order with each class at even distances: a run of it, wherever it begins, has the share
    of every class that the whole has, to within one sample."""
    places = np.empty(len(order))
    for each in np.unique(classes):
        own = classes == each
        places[own] = (np.arange(own.sum()) + 0.5) / own.sum()
    return order[np.argsort(places, kind="stable")]


def _filled(parts: Parts) -> Parts:
    # an input of which the training part knows nothing becomes a constant there: a dead input
    means = parts["train"][0].double().nanmean(0).nan_to_num()
    return {
        part: (torch.where(x.isnan(), means.to(x.dtype), x), y) for part, (x, y) in parts.items()
    }


def sizes(dataset: Dataset, shares: Mapping[str, float]) -> dict[str, int]:
    """Samples per part, for parts that are shares of the pool that each is drawn from.

    Raises:
        ValueError: the shares of a pool add up to more than 1, or a part would be empty.
    """
    counts: dict[str, int] = {}
    for pool in _pools(dataset, shares):
        own = {part: share for part, share in shares.items() if part in pool.parts}
        if sum(own.values()) > 1 + 1e-9:
            given = " + ".join(f"{part} {share:g}" for part, share in own.items())
            raise ValueError(f"split {given} is {sum(own.values()):g}; allowed: at most 1 together")
        ends = [round(end * pool.size) for end in accumulate(own.values(), initial=0.0)]
        counts |= {part: b - a for part, (a, b) in zip(own, pairwise(ends), strict=True)}
    check_split(dataset, counts)
    return {part: counts[part] for part in shares}


def check_split(dataset: Dataset, sizes: Mapping[str, int]) -> None:
    """Refuse, as `split` does, what it cannot cut, without copying anything."""
    for pool in _pools(dataset, sizes):
        _check_fits(dataset, _own(pool, sizes), pool)


def _pools(dataset: Dataset, sizes: Mapping[str, float]) -> tuple[Pool, ...]:
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
