"""Statistics over the seeds of a study."""

from math import nan, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t


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
