"""When training has converged: by the curve of the task loss, and by the weight map.

What has converged has been near where it ends for a good share of the training. What has not is
censored: all that is known is that it takes longer than it was watched.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite, nan
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from lpreg.analysis.tables import CELL, KNOBS


class Convergence(NamedTuple):
    """When something converged.

    Attributes:
        epoch: from which it stays near where it ends; the last epoch when it has not converged, and
            NaN when it holds a NaN or an infinity.
        converged: whether it has; otherwise it is censored at `epoch`.
    """

    epoch: float
    converged: bool


@dataclass(frozen=True)
class Rule:
    """What counts as convergence of a curve.

    Attributes:
        window: evaluations in the running median that smooths the curve, an odd number. It narrows
            towards both ends, so that a curve that only falls stays as it is.
        tail: the plateau is the median of the smoothed curve over this last share of the training.
        tolerance: how far from the plateau is near, as a share of the way from the first value to
            the plateau.
        stay: share of the training for which it must have been near. Of an exponential decay it
            takes 4.5 time constants to see, at these values, that it has converged after 3.
    """

    window: int = 5
    tail: float = 0.2
    tolerance: float = 0.05
    stay: float = 0.4


@dataclass(frozen=True)
class MapRule:
    """What counts as convergence of a weight map.

    Attributes:
        tolerance: how far from the last map is near, as a share of the way from the first to it,
            where the way is 1 - cosine.
        stay: as in `Rule`.
    """

    tolerance: float = 0.05
    stay: float = 0.4


def curve_convergence(
    epochs: ArrayLike, values: ArrayLike, rule: Rule | None = None
) -> Convergence:
    """When a curve reached its plateau, falling or rising.

    Args:
        epochs: of the evaluations, (k,), increasing; they need not be evenly spaced.
        values: of the curve at these epochs, (k,).
        rule: what counts; the default `Rule` when left out.

    Returns:
        A `Convergence`. A constant curve converged at its first epoch; of a single evaluation
        nothing is known, so that it is censored there.
    """
    rule = rule or Rule()
    at, curve = np.asarray(epochs, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if not np.isfinite(curve).all() or not len(curve):
        return Convergence(nan, False)
    smooth = running_median(curve, rule.window)
    plateau = np.median(smooth[at >= at[-1] - rule.tail * (at[-1] - at[0])])
    distance = np.abs(smooth - plateau)
    return _settled(at, distance, rule.tolerance * distance[0], rule.stay)


def map_convergence(epochs: ArrayLike, maps: ArrayLike, rule: MapRule | None = None) -> Convergence:
    """When a weight map stopped changing.

    Two maps are 1 - cosine apart, so that the scale of the weights does not count, and a small
    jitter little.

    Args:
        epochs: of the maps, (k,), increasing.
        maps: scores of the inputs at these epochs, (k, inputs).
        rule: what counts; the default `MapRule` when left out.

    Returns:
        A `Convergence`, as `curve_convergence` does.
    """
    rule = rule or MapRule()
    at, vectors = np.asarray(epochs, dtype=np.float64), np.asarray(maps, dtype=np.float64)
    if not np.isfinite(vectors).all() or not len(vectors):
        return Convergence(nan, False)
    sizes = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions = np.divide(vectors, sizes, out=np.zeros_like(vectors), where=sizes > 0)
    distance = np.square(directions - directions[-1]).sum(1) / 2  # 1 - cosine, 0 apart from itself
    return _settled(at, distance, rule.tolerance * distance[0], rule.stay)


def loss_epochs(
    results: pd.DataFrame, curves: pd.DataFrame, rule: Rule | None = None, part: str = "train"
) -> pd.DataFrame:
    """When the task loss of every member converged.

    Args:
        results: one row per member.
        curves: one row per member and evaluated epoch.
        rule: as in `curve_convergence`.
        part: whose loss.

    Returns:
        One row per member of `results`, in their order: `member`, `epoch`, `converged`. A diverged
        member has no epoch.
    """
    found = {
        str(member): curve_convergence(curve["epoch"], curve[f"{part}_loss"], rule)
        for member, curve in curves.groupby("member", sort=False)
    }
    return member_epochs(results, found)


def member_epochs(results: pd.DataFrame, found: Mapping[str, Convergence]) -> pd.DataFrame:
    """What was found per member as a frame like that of `loss_epochs`.

    Args:
        results: one row per member.
        found: convergence by member; those that are missing have no row.
    """
    sound = dict(zip(results["member"], results["status"] == "ok", strict=True))
    rows = [
        (member, *(found[member] if sound[member] else Convergence(nan, False)))
        for member in results["member"]
        if member in found
    ]
    return pd.DataFrame(rows, columns=["member", "epoch", "converged"])


def speed(results: pd.DataFrame, epochs: pd.DataFrame) -> pd.DataFrame:
    """How fast every setting converges.

    Args:
        results: one row per member.
        epochs: of some of them, what `loss_epochs` or `member_epochs` gives.

    Returns:
        One row per setting, in order of first appearance: the columns of its cell and its own, `n`
        (members), `converged` (the share of them that did) and `epoch` (the median; NaN unless more
        than half of the members converged, as it then lies beyond what was watched).
    """
    keys = [*CELL, *(knob for knob in KNOBS if knob in results)]
    members = results[["member", *keys]].merge(epochs, on="member")
    members["waited"] = members["epoch"].where(members["converged"], inf)
    groups = members.groupby(keys, sort=False, dropna=False)
    table = groups.agg(
        n=("member", "size"), converged=("converged", "mean"), epoch=("waited", "median")
    ).reset_index()
    return table.assign(epoch=[epoch if isfinite(epoch) else nan for epoch in table["epoch"]])


def _settled(epochs: np.ndarray, distance: np.ndarray, near: float, stay: float) -> Convergence:
    """The first epoch from which all distances are at most `near`."""
    outside = np.flatnonzero(distance > near)
    entry = outside[-1] + 1 if len(outside) else 0
    first, last = float(epochs[0]), float(epochs[-1])
    if last == first or entry == len(epochs) or epochs[entry] > last - stay * (last - first):
        return Convergence(last, False)
    return Convergence(float(epochs[entry]), True)


def running_median(values: np.ndarray, window: int) -> np.ndarray:
    """The medians over `window` neighbours, (k,): fewer towards both ends, evenly on both sides."""
    half = min(window // 2, (len(values) - 1) // 2)
    smooth = values.copy()
    smooth[half : len(values) - half] = np.median(sliding_window_view(values, 2 * half + 1), axis=1)
    for reach in range(1, half):
        smooth[reach] = np.median(values[: 2 * reach + 1])
        smooth[-1 - reach] = np.median(values[-2 * reach - 1 :])
    return smooth
