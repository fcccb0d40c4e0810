"""Zeros of weights: exact ones, by layer, after casting to fewer bits, after pruning.

A zero is `w == 0`; nearly zero is told as a whole curve over thresholds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from lpreg.analysis.stats import summarize
from lpreg.analysis.tables import CELL, KNOBS

DENSITIES = (1.0, 0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01)
"""Shares of the weights that pruning keeps, from all to the fewest."""


def zeros(weight: ArrayLike) -> int:
    """How many weights are exactly zero."""
    return int((np.asarray(weight) == 0).sum())


def bfloat16(weight: ArrayLike) -> np.ndarray:
    """Finite weights rounded to the nearest bfloat16, ties to even, as float32.

    A bfloat16 is the upper half of a float32, down to its smallest subnormal number, 2^-133: what
    is at most half of that becomes zero.
    """
    bits = np.ascontiguousarray(weight, dtype=np.float32).view(np.uint32)
    even = (bits >> 16) & 1
    return ((bits + 0x7FFF + even) & 0xFFFF0000).view(np.float32)


def int8(weight: ArrayLike) -> np.ndarray:
    """Weights in whole multiples of their largest magnitude / 127, rounded to the nearest, ties to
    even: symmetric quantisation with one scale per tensor. All 0 for weights that all are."""
    w = np.asarray(weight)
    scale = np.abs(w).max(initial=0) / 127
    return np.rint(np.divide(w, scale, out=np.zeros_like(w), where=scale > 0)).astype(np.int8)


def cutoffs(magnitudes: ArrayLike, densities: Sequence[float] = DENSITIES) -> np.ndarray:
    """The magnitudes from which on weights are kept when only the largest are.

    Args:
        magnitudes: (..., weights).
        densities: shares to keep, in (0, 1]; at least one weight is kept.

    Returns:
        (..., densities). Where several weights have that magnitude, all of them are kept.
    """
    values = np.asarray(magnitudes)
    count = values.shape[-1]
    places = [count - max(1, round(density * count)) for density in densities]
    return np.partition(values, sorted(set(places)), axis=-1)[..., places]


def pruned(weights: Mapping[str, np.ndarray], density: float) -> dict[str, np.ndarray]:
    """Which weights of a network magnitude pruning keeps: of all its tensors together the largest.

    Args:
        weights: by name.
        density: the share to keep, see `cutoffs`.

    Returns:
        bool, by name, of the shapes of the weights.
    """
    magnitudes = {name: np.abs(w) for name, w in weights.items()}
    (least,) = cutoffs(np.concatenate([m.ravel() for m in magnitudes.values()]), [density])
    return {name: m >= least for name, m in magnitudes.items()}


def threshold_curves(results: pd.DataFrame, sparsity: pd.DataFrame) -> pd.DataFrame:
    """How many weights are how small, at every setting.

    Args:
        results: one row per member.
        sparsity: one row per member, tensor and threshold, with `size` and `count`.

    Returns:
        One row per setting and threshold: the columns of its cell and its own, `threshold`, `n`
        (finished members) and `share_mean`, `_low`, `_high` of the share of all weights whose
        magnitude is at most the threshold.
    """
    sums = sparsity.groupby(["member", "threshold"], sort=False)[["count", "size"]].sum()
    shares = (sums["count"] / sums["size"]).rename("share").reset_index()
    return _by_setting(results, shares, "threshold", lambda rows: _interval("share", rows["share"]))


def layers(results: pd.DataFrame, sparsity: pd.DataFrame) -> pd.DataFrame:
    """Exact zeros layer by layer, at every setting.

    Args:
        results, sparsity: as for `threshold_curves`.

    Returns:
        One row per setting and tensor: the columns of its cell and its own, `tensor`, `n` (finished
        members), `size`, `zeros` (their mean number), `share` (of the tensor) and `collapsed` (the
        share of the members in which the layer is all zeros, so that nothing gets through).
    """
    exact = sparsity.loc[sparsity["threshold"] == 0, ["member", "tensor", "size", "count"]]
    return _by_setting(results, exact, "tensor", _layer)


def _layer(rows: pd.DataFrame) -> dict[str, float]:
    return {
        "size": rows["size"].iloc[0],
        "zeros": rows["count"].mean(),
        "share": (rows["count"] / rows["size"]).mean(),
        "collapsed": (rows["count"] == rows["size"]).mean(),
    }


def pruning_curves(results: pd.DataFrame, measures: pd.DataFrame) -> pd.DataFrame:
    """How well every setting predicts when only the largest weights are left.

    Args:
        results: one row per member.
        measures: `member`, `measure`, `at`, `value`, with the measures pruned_val_accuracy and
            pruned_test_accuracy, or those of mse, at densities.

    Returns:
        One row per setting and density: the columns of its cell and its own, `density`, `n`
        (members), `metric` ("accuracy" or "mse"), and for each of `val` and `test` the columns
        `_mean`, `_low`, `_high`. Settings of which nothing is measured are left out.
    """
    told = measures.loc[measures["measure"].str.startswith("pruned_")].reset_index(drop=True)
    names = told["measure"].str.extract(r"^pruned_(?P<part>[a-z]+)_(?P<metric>[a-z]+)$")
    long = told[["member", "at", "value"]].rename(columns={"at": "density"}).join(names)
    return _by_setting(results, long, "density", _parts)


def _parts(rows: pd.DataFrame) -> dict[str, object]:
    numbers: dict[str, object] = {"metric": rows["metric"].iloc[0]}
    for part in ("val", "test"):
        numbers |= _interval(part, rows.loc[rows["part"] == part, "value"])
    return numbers


def _interval(name: str, values: pd.Series) -> dict[str, float]:
    found = summarize(values)
    return {f"{name}_mean": found.mean, f"{name}_low": found.low, f"{name}_high": found.high}


def _by_setting(
    results: pd.DataFrame,
    rows: pd.DataFrame,
    over: str,
    describe: Callable[[pd.DataFrame], Mapping[str, object]],
) -> pd.DataFrame:
    """One row per setting, in order of first appearance, and value of the column `over`."""
    keys = [*CELL, *(knob for knob in KNOBS if knob in results)]
    finished = results.loc[results["status"] == "ok", ["member", *keys]]
    found = list(_described(finished.merge(rows, on="member"), keys, over, describe))
    return pd.DataFrame(found, columns=None if found else [*keys, over, "n"])


def _described(
    rows: pd.DataFrame,
    keys: list[str],
    over: str,
    describe: Callable[[pd.DataFrame], Mapping[str, object]],
) -> Iterator[dict[str, object]]:
    for values, group in rows.groupby([*keys, over], sort=False, dropna=False):
        told = dict(zip([*keys, over], values, strict=True))
        yield {**told, "n": group["member"].nunique(), **describe(group)}
