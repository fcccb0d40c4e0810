"""Effects per seed, and how sure it is that their mean lies inside or outside a region."""

from dataclasses import dataclass
from math import exp, inf, isfinite, log, nan, sqrt
from typing import NamedTuple

import numpy as np
from scipy.stats import t

from lpreg.analysis.stats import needed, paired


class Interval(NamedTuple):
    """An effect and its interval; infinite where it has no end, NaN where it is not known."""

    effect: float
    low: float
    high: float


class Statement(NamedTuple):
    """That the mean of some values, one per seed, lies between two bounds.

    Attributes:
        values: (n,).
        low, high: the bounds; -inf or inf for none.
    """

    values: np.ndarray
    low: float
    high: float

    def p(self, test_share: float | None = None) -> float:
        """How easily chance alone would show as much of it; NaN below two seeds."""
        above = paired(self.values, self.low, test_share=test_share).p_above
        below = paired(self.values, self.high, test_share=test_share).p_below
        return max([above] * isfinite(self.low) + [below] * isfinite(self.high))

    def needed(self, alpha: float, test_share: float | None = None) -> float:
        """Seeds to show it, were mean and spread of the values the true ones."""
        _, mean, sd, *_ = paired(self.values, test_share=test_share)
        return needed(mean, sd, self.low, self.high, alpha, test_share=test_share)


@dataclass(frozen=True)
class Hypothesis:
    """An effect per seed, and a region that is claimed for its mean.

    Attributes:
        inside: that the mean lies in the region: all of these hold.
        outside: that it does not: one of these holds.
        values: (n,), the effect; of ratios its logarithm. None of a ratio of means, see `sides`.
        sides: (2, n), where it is a ratio of two of them.
        test_share: as in `paired`.
    """

    inside: tuple[Statement, ...]
    outside: tuple[Statement, ...]
    values: np.ndarray | None
    sides: np.ndarray | None = None
    test_share: float | None = None

    def support(self) -> float:
        """The p value of being inside."""
        return max(each.p(self.test_share) for each in self.inside)

    def refutation(self) -> float:
        """The smallest p value of being outside, one of `len(outside)`."""
        return min(each.p(self.test_share) for each in self.outside)

    def interval(self, confidence: float) -> Interval:
        """The mean effect; of ratios, as a ratio."""
        if self.values is None:
            assert self.sides is not None
            left, right = self.sides
            return fieller(left, right, confidence, self.test_share)
        found = paired(self.values, 0.0, confidence, self.test_share)
        interval = Interval(found.effect, found.low, found.high)
        return interval if self.sides is None else Interval._make(map(exp, interval))


def of_differences(
    values: np.ndarray, low: float, high: float, margin: float, test_share: float | None
) -> Hypothesis:
    """The claim that the mean of the values, (n,), lies between low and high.

    It is refuted as soon as it is shown to lie beyond a bound, or so near to it on the inside that
    it does not matter: nearer than `margin`.
    """
    inside = (Statement(values, low, high),)
    return Hypothesis(
        inside, _beyond(values, low + margin, high - margin), values, None, test_share
    )


def of_ratios(sides: np.ndarray, low: float, high: float, test_share: float | None) -> Hypothesis:
    """The claim that one side, of (2, n, cells), is between low and high times the other.

    It is the mean over the cells of the logarithm of the ratio, per seed. Where some value is not
    above 0, and has no logarithm, it is the ratio of the means over seeds and cells: that it is
    above a bound is that left - bound * right is above 0 on average, which is tested instead.

    Source: Fieller, "Some problems in interval estimation", Journal of the Royal Statistical
    Society B 16, 1954.
    """
    left, right = means = sides.mean(axis=2)
    if (sides > 0).all():
        values = np.log(sides[0] / sides[1]).mean(axis=1)
        ends = (log(low) if low > 0 else -inf, log(high))
        inside = (Statement(values, *ends),)
        return Hypothesis(inside, _beyond(values, *ends), values, means, test_share)
    more = [left - low * right] if low > 0 else []
    less = [left - high * right] if isfinite(high) else []
    inside = [Statement(d, 0, inf) for d in more] + [Statement(d, -inf, 0) for d in less]
    outside = [Statement(d, -inf, 0) for d in more] + [Statement(d, 0, inf) for d in less]
    return Hypothesis(tuple(inside), tuple(outside), None, means, test_share)


def _beyond(values: np.ndarray, low: float, high: float) -> tuple[Statement, ...]:
    below = [Statement(values, -inf, low)] if isfinite(low) else []
    return (*below, *([Statement(values, high, inf)] if isfinite(high) else []))


def fieller(
    left: np.ndarray, right: np.ndarray, confidence: float, test_share: float | None = None
) -> Interval:
    """The ratio of two means of pairs, neither negative, and all ratios r for which left - r right
    is not shown to differ from 0; source as in `of_ratios`."""
    n = len(left)
    mean = np.array([left.mean(), right.mean()])
    ratio = float(mean[0] / mean[1]) if mean[1] else inf if mean[0] else nan
    if n < 2:
        return Interval(ratio, nan, nan)
    critical = float(t.ppf((1 + confidence) / 2, n - 1))
    covariance = np.cov(left, right) * (1 / n + (test_share or 0))
    # r^2 a - 2 r b + c <= 0
    (c, b), (_, a) = (np.outer(mean, mean) - critical**2 * covariance).tolist()
    root = sqrt(max(0.0, b * b - a * c))
    if a > 0:  # the right side is shown to be above 0
        return Interval(ratio, max(0.0, (b - root) / a), (b + root) / a)
    if c <= 0:  # neither is
        return Interval(ratio, 0.0, inf)
    return Interval(ratio, (b - root) / a if a else inf, inf)
