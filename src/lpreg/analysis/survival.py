"""When things converge although some have not: survival analysis of epochs.

Whoever has not converged is censored at the last epoch that was watched. Everywhere a time comes
with whether it was `observed`: True when it is the epoch of convergence, False when it is where
watching stopped. NaN times, of diverged members, are left out.
"""

from itertools import combinations
from math import inf, nan

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from lpreg.analysis.stats import holm

Waited = tuple[ArrayLike, ArrayLike]
"""Times, (n,), and whether each was observed, (n,)."""


def curve(times: ArrayLike, observed: ArrayLike) -> pd.DataFrame:
    """The Kaplan-Meier curve: the share that has not converged yet.

    Args:
        times: (n,). observed: (n,).

    Returns:
        One row per observed time, increasing, after a row for the start: `time`, `at_risk` (still
        watched just before), `converged` (just then), `survival` (the share left from then on), and
        `low` and `high`, its 95 % interval on the log-log scale, NaN where nothing is left or lost.

    Source: Kaplan and Meier, "Nonparametric estimation from incomplete observations", Journal of
    the American Statistical Association 53, 1958; Kalbfleisch and Prentice, "The statistical
    analysis of failure time data", 1980, for the interval.
    """
    waited, seen = _sound((times, observed))
    at = np.unique(waited[seen])
    at_risk = (waited >= at[:, None]).sum(1)
    converged = (waited[seen] == at[:, None]).sum(1)
    survival = np.cumprod(1 - converged / at_risk)
    low, high = _interval(at_risk, converged, survival)
    rows = {
        "time": [0.0, *at],
        "at_risk": [len(waited), *at_risk],
        "converged": [0, *converged],
        "survival": [1.0, *survival],
        "low": [nan, *low],
        "high": [nan, *high],
    }
    return pd.DataFrame(rows)


def median(times: ArrayLike, observed: ArrayLike) -> float:
    """The Kaplan-Meier median: when half have converged.

    Where the curve is flat at one half the middle of that stretch counts, so that the median of
    times that were all observed is their ordinary median.

    Args:
        times: (n,). observed: (n,).

    Returns:
        The median; NaN when the curve never falls below one half.
    """
    steps = curve(times, observed)
    left, time = steps["survival"].to_numpy(), steps["time"].to_numpy()
    below = np.flatnonzero(left < 0.5 - 1e-9)
    if not len(below):
        return nan
    half = np.flatnonzero(left <= 0.5 + 1e-9)
    return float(time[half[0]] + time[below[0]]) / 2


def logrank(left: Waited, right: Waited) -> float:
    """The two-sided p value of "both converge alike", by the log-rank test.

    It rests on a normal approximation, which is rough for few: of comparisons without any
    difference, it finds p < 0.05 in 9 % with three seeds a side, and in 6 % with five or ten.

    Args:
        left: times and whether they were observed. right: the same of the others.

    Returns:
        The p value; NaN when nothing could be compared, as when nobody converged.

    Source: Mantel, "Evaluation of survival data and two new rank order statistics", Cancer
    Chemotherapy Reports 50, 1966.
    """
    (left_times, left_seen), (right_times, right_seen) = _sound(left), _sound(right)
    if not len(left_times) or not len(right_times) or not (left_seen.any() or right_seen.any()):
        return nan
    ours = stats.CensoredData.right_censored(left_times, ~left_seen)
    theirs = stats.CensoredData.right_censored(right_times, ~right_seen)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(stats.logrank(ours, theirs).pvalue)


def order(waits: pd.DataFrame, by: str = "arm") -> pd.DataFrame:
    """Which converges before which: every pair, by the log-rank test, adjusted for their number.

    The test takes the two sides as independent. Where both share their seeds it is rather too
    careful, as seeds that are slow in one are slow in the other.

    Args:
        waits: one row per member: `by`, `epoch` and `converged`, as `convergence.loss_epochs` gives
            the two; all watched equally long.
        by: the column of what is compared.

    Returns:
        One row per pair, the quicker by the mean of the epochs first: `first`, `second`,
        `first_median`, `second_median` (Kaplan-Meier), `p`, `p_adjusted` (Holm) and `shown`
        (whether `p_adjusted` is below 0.05).
    """
    columns = ["first", "second", "first_median", "second_median", "p"]
    groups = {name: rows for name, rows in waits.groupby(by, sort=False)}
    quickest = sorted(groups, key=lambda name: np.nan_to_num(groups[name]["epoch"].mean(), nan=inf))
    sides = {name: (groups[name]["epoch"], groups[name]["converged"]) for name in quickest}
    medians = {name: median(*side) for name, side in sides.items()}
    pairs = pd.DataFrame(
        [
            (first, second, medians[first], medians[second], logrank(sides[first], sides[second]))
            for first, second in combinations(quickest, 2)
        ],
        columns=columns,
    )
    adjusted = holm(pairs["p"])
    return pairs.assign(p_adjusted=adjusted, shown=adjusted < 0.05)


def _sound(waited: Waited) -> tuple[np.ndarray, np.ndarray]:
    times = np.asarray(waited[0], dtype=np.float64)
    observed = np.asarray(waited[1], dtype=bool)
    there = ~np.isnan(times)
    return times[there], observed[there]


def _interval(
    at_risk: np.ndarray, converged: np.ndarray, survival: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Greenwood's variance of log(-log S), which keeps the interval between 0 and 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(converged / (at_risk * (at_risk - converged)))
        half = stats.norm.ppf(0.975) * np.sqrt(variance) / np.abs(np.log(survival))
        low, high = survival ** np.exp(half), survival ** np.exp(-half)
    inside = (survival > 0) & (survival < 1)
    return np.where(inside, low, nan), np.where(inside, high, nan)
