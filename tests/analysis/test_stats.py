"""The summary of repetitions, against hand computation and scipy."""

from math import inf, isnan, sqrt

import numpy as np
import pytest
from scipy import stats

from lpreg.analysis import summarize


def test_a_summary_by_hand():
    """1, 2, 3: mean 2, variance (1 + 0 + 1) / 2 = 1, t(0.975, 2) = 4.302653."""
    summary = summarize([1, 2, 3])
    half = 4.30265272975 / sqrt(3)
    assert summary == pytest.approx((3, 2, 1, 2 - half, 2 + half), rel=1e-9)


@pytest.mark.parametrize("n", [2, 3, 10, 100])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
def test_the_interval_is_that_of_scipy(n: int, confidence: float):
    values = np.random.default_rng(n).normal(3, 2, n)
    oracle = stats.ttest_1samp(values, 0).confidence_interval(confidence)
    summary = summarize(values, confidence)
    assert summary.low == pytest.approx(oracle.low, rel=1e-12)
    assert summary.high == pytest.approx(oracle.high, rel=1e-12)


def test_the_interval_covers_as_often_as_it_says():
    """Kills a normal quantile in the place of Student's: at n = 3 that covers 81 % of the time."""
    draws = np.random.default_rng(0).normal(size=(4000, 3))
    summaries = [summarize(draw) for draw in draws]
    covered = np.mean([summary.low <= 0 <= summary.high for summary in summaries])
    assert covered == pytest.approx(0.95, abs=0.015)


def test_equal_repetitions_have_an_interval_of_no_width():
    assert summarize([0.5, 0.5, 0.5]) == (3, 0.5, 0, 0.5, 0.5)


def test_one_repetition_has_a_mean_and_no_spread():
    summary = summarize([0.25])
    assert summary[:2] == (1, 0.25)
    assert all(isnan(number) for number in summary[2:])


def test_no_repetition_has_nothing():
    summary = summarize([])
    assert summary.n == 0
    assert all(isnan(number) for number in summary[1:])


def test_an_infinite_repetition_is_not_hidden():
    assert summarize([inf]).mean == inf
    assert isnan(summarize([1, float("nan")]).mean)
