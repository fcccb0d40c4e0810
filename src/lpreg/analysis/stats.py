"""Statistics over the seeds of a study: intervals, paired tests, and how many seeds they need.

Seeds are independent repetitions as long as all of them share one split of the data. Where every
seed draws a split of its own, the splits overlap and the seeds do not vary as much as the results
on fresh data would: `test_share`, the number of test samples over that of training samples, then
puts 1 / n + test_share in the place of 1 / n in the variance of a mean.

Source: Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52, 2003.
"""

from math import ceil, inf, isnan, log2, nan, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import nct, t


class Summary(NamedTuple):
    """Mean, spread and interval of one quantity over independent repetitions.

    Attributes:
        n: repetitions.
        mean: their mean; NaN when there are none.
        sd: standard deviation with n - 1 in the denominator; NaN below two repetitions.
        low: lower end of the t interval of the mean; NaN below two repetitions.
        high: upper end.
    """

    n: int
    mean: float
    sd: float
    low: float
    high: float


def summarize(values: ArrayLike, confidence: float = 0.95) -> Summary:
    """Summarise repetitions: mean -+ t sd / sqrt(n), with t of n - 1 degrees of freedom.

    Args:
        values: the repetitions, (n,). A NaN or infinity among them stays one in the mean.
        confidence: coverage of the interval under normal repetitions, between 0 and 1.

    Source: Student, "The probable error of a mean", Biometrika 6, 1908.
    """
    repetitions = np.asarray(values, dtype=np.float64)
    n = len(repetitions)
    mean = float(repetitions.mean()) if n else nan
    if n < 2:
        return Summary(n, mean, nan, nan, nan)
    sd = float(repetitions.std(ddof=1))
    half = float(t.ppf((1 + confidence) / 2, n - 1)) * sd / sqrt(n)
    return Summary(n, mean, sd, mean - half, mean + half)


RANGES = {"accuracy": (0.0, 1.0), "mse": (0.0, inf)}
"""What a score can be. An interval of its mean is cut there, which leaves out nothing possible."""

ROUNDING = 1e-6
"""How far single precision may move differences of shares, such as accuracies."""


class Effect(NamedTuple):
    """A mean difference over paired seeds, and how sure it lies above or below a bound.

    Attributes:
        n: seeds.
        effect: the mean of the differences; NaN when there are none.
        sd: standard deviation of the differences, n - 1 in the denominator.
        low: lower end of the t interval of the mean.
        high: upper end.
        p_above: one-sided p value of "the mean is at most the bound": small when it is above.
        p_below: one-sided p value of "the mean is at least the bound": small when it is below.
    """

    n: int
    effect: float
    sd: float
    low: float
    high: float
    p_above: float
    p_below: float


def paired(
    differences: ArrayLike,
    bound: float = 0.0,
    confidence: float = 0.95,
    test_share: float | None = None,
) -> Effect:
    """The paired t test of a mean difference against a bound.

    Differences without any spread have no t statistic. Their interval is the point, and they are
    judged by the sign test: p = 2^-n on the side where they lie, so that two seeds that happen to
    count the same number of errors prove nothing. At the bound both p values are 1.

    Args:
        differences: left - right of every seed, (n,).
        bound: what the mean is compared with; may be infinite.
        confidence: coverage of the interval, between 0 and 1.
        test_share: test over training samples when every seed drew a split of its own; None when
            all of them share one.

    Returns:
        An `Effect`. Below two seeds, or with a NaN or an infinity among the differences, all but
        `n` and `effect` is NaN.
    """
    values = np.asarray(differences, dtype=np.float64)
    n = len(values)
    if n < 2 or not np.isfinite(values).all():
        with np.errstate(invalid="ignore"):
            mean = float(values.mean()) if n else nan
        return Effect(n, mean, nan, nan, nan, nan, nan)
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    rounding = min(1e-3 * np.abs(values).max(), ROUNDING)
    if sd <= rounding:  # all are the same number
        above, below = mean > bound, mean < bound
        if abs(mean - bound) <= rounding:
            above = below = False
        return Effect(n, mean, 0, mean, mean, 0.5**n if above else 1, 0.5**n if below else 1)
    error = sd * _spread_of_mean(n, test_share)
    half = float(t.ppf((1 + confidence) / 2, n - 1)) * error
    statistic = (mean - bound) / error
    p_above, p_below = float(t.sf(statistic, n - 1)), float(t.cdf(statistic, n - 1))
    return Effect(n, mean, sd, mean - half, mean + half, p_above, p_below)


def equivalence(differences: ArrayLike, margin: float, test_share: float | None = None) -> float:
    """The p value of "the mean difference is at least the margin in size": small when it is less.

    Two one-sided tests, of which the larger p value counts.

    Args:
        differences: left - right of every seed, (n,).
        margin: the size of difference that would matter, positive.
        test_share: as in `paired`.

    Source: Schuirmann, "A comparison of the two one-sided tests procedure and the power approach",
    Journal of Pharmacokinetics and Biopharmaceutics 15, 1987.
    """
    above = paired(differences, -margin, test_share=test_share).p_above
    below = paired(differences, margin, test_share=test_share).p_below
    return nan if isnan(above) else max(above, below)


def holm(p: ArrayLike) -> np.ndarray:
    """Adjust p values for their number: those below alpha hold together at the level alpha.

    Args:
        p: of the tests, (k,). A NaN is a test that was not made: it stays NaN and does not count.

    Returns:
        The adjusted p values, (k,): of the i-th smallest, the largest of (k - j + 1) p_j, j <= i,
        and at most 1.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6, 1979.
    """
    adjusted = np.array(p, dtype=np.float64)
    made = np.flatnonzero(~np.isnan(adjusted))
    made = made[np.argsort(adjusted[made], kind="stable")]
    factors = np.arange(len(made), 0, -1)
    adjusted[made] = np.minimum(np.maximum.accumulate(factors * adjusted[made]), 1)
    return adjusted


def needed(
    effect: float,
    sd: float,
    low: float = -inf,
    high: float = inf,
    alpha: float = 0.05,
    power: float = 0.8,
    test_share: float | None = None,
    most: int = 10_000,
) -> float:
    """How many seeds it takes to find that a mean difference lies between two bounds.

    Args:
        effect: the true mean difference.
        sd: the true standard deviation of the differences; 0 is judged as in `paired`.
        low: lower bound of the region; -inf for none.
        high: upper bound; inf for none.
        alpha: of the two-sided test; each finite bound is tested at alpha / 2.
        power: the probability with which it is to be found.
        test_share: as in `paired`. The power then has a limit that no number of seeds passes.
        most: the largest number of seeds that is considered.

    Returns:
        The smallest such number, at least 2; infinite when the effect is not inside, or when `most`
        seeds are too few; NaN when the effect or sd is.
    """
    if isnan(effect) or isnan(sd):
        return nan
    if not low < effect < high:
        return inf
    if sd == 0:
        return ceil(log2(2 / alpha))
    distances = [(effect - low) / sd, (high - effect) / sd]

    def enough(n: int) -> bool:
        return _power(n, distances, alpha, test_share) >= power

    few, many = 1, 2  # few is too few
    while not enough(many):
        if many >= most:
            return inf
        few, many = many, min(2 * many, most)
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many


def _spread_of_mean(n: int, test_share: float | None) -> float:
    return sqrt(1 / n + (test_share or 0))


def _power(n: int, distances: list[float], alpha: float, test_share: float | None) -> float:
    """The probability that n seeds find a mean that many sd inside each of its bounds.

    Missing one bound has the probability of a noncentral t. Missing one or the other has at most
    the sum of the two, and just that when no sample is so scattered that it misses both.
    """
    critical = t.ppf(1 - alpha / 2, n - 1)
    shifts = np.array([distance for distance in distances if distance < inf])
    shifts /= _spread_of_mean(n, test_share)
    return float(1 - nct.cdf(critical, n - 1, shifts).sum())
