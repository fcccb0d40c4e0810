"""Survival of not having converged: by hand, against scipy and statsmodels."""

from math import erfc, isnan, nan, sqrt

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from lpreg.analysis import survival


def waits(seed: int, n: int = 30, mean: float = 20) -> tuple[np.ndarray, np.ndarray]:
    """Whole epochs, with ties, some censored on the way and the rest at 30."""
    generator = np.random.default_rng(seed)
    times = np.ceil(generator.exponential(mean, n))
    stop = np.minimum(np.ceil(generator.uniform(0, 60, n)), 30)
    return np.minimum(times, stop), times <= stop


def test_a_curve_by_hand():
    """Converged at 2, 4, 4, 7; censored at 3, 4 and 9.

    2: 7 watched, 6/7 left. 3 leaves silently. 4: 5 watched, two converge: 6/7 x 3/5 = 18/35. 4
    leaves silently. 7: 2 watched: 18/35 x 1/2 = 9/35, the first below one half.
    """
    times, observed = [4, 2, 3, 4, 9, 7, 4], [1, 1, 0, 1, 0, 1, 0]
    steps = survival.curve(times, observed)
    assert steps["time"].tolist() == [0, 2, 4, 7]
    assert steps["at_risk"].tolist() == [7, 7, 5, 2]
    assert steps["converged"].tolist() == [0, 1, 2, 1]
    assert steps["survival"].tolist() == pytest.approx([1, 6 / 7, 18 / 35, 9 / 35])
    assert survival.median(times, observed) == 7


@pytest.mark.parametrize("seed", range(5))
def test_the_curve_is_that_of_scipy_and_statsmodels(seed: int):
    times, observed = waits(seed)
    steps = survival.curve(times, observed).iloc[1:]
    sf = stats.ecdf(stats.CensoredData.right_censored(times, ~observed)).sf
    interval = sf.confidence_interval(method="log-log")
    at = steps["time"].to_numpy()
    assert steps["survival"].to_numpy() == pytest.approx(sf.evaluate(at))
    assert steps["low"].to_numpy() == pytest.approx(interval.low.evaluate(at))
    assert steps["high"].to_numpy() == pytest.approx(interval.high.evaluate(at))
    oracle = SurvfuncRight(times, observed)
    assert at.tolist() == oracle.surv_times.tolist()
    assert steps["survival"].to_numpy() == pytest.approx(oracle.surv_prob)
    assert steps["at_risk"].tolist() == oracle.n_risk.tolist()
    assert survival.median(times, observed) == oracle.quantile(0.5)


@pytest.mark.parametrize("n", range(1, 40))
def test_without_censoring_the_median_is_the_ordinary_one(n: int):
    """Kills a median that takes the first time at which half are left: 3 and 5 would give 3."""
    times = np.random.default_rng(n).normal(20, 5, n)
    assert survival.median(times, np.ones(n)) == pytest.approx(np.median(times))


def test_a_median_that_was_not_watched_is_not_known():
    assert isnan(survival.median([3, 9, 9], [True, False, False]))
    assert isnan(survival.median([3, 9], [True, False]))  # just half
    assert isnan(survival.median([9, 9], [False, False]))
    assert isnan(survival.median([], []))


def test_diverged_members_do_not_count():
    assert survival.median([1, nan, 2, 3], [True, False, True, True]) == 2
    assert survival.curve([nan], [False])["survival"].tolist() == [1]


@pytest.mark.parametrize("seed", range(5))
def test_the_log_rank_test_is_that_of_statsmodels(seed: int):
    left, right = waits(seed), waits(seed + 100, n=20, mean=30)
    times, observed = np.concatenate([left, right], axis=1)
    _, oracle = survdiff(times, observed, np.repeat([0, 1], [30, 20]))
    assert survival.logrank(left, right) == pytest.approx(oracle, rel=1e-9)
    assert survival.logrank(right, left) == pytest.approx(oracle, rel=1e-9)


def test_a_log_rank_test_by_hand():
    """1, 2 against 3, 4: of 4, 3, 2, 1 watched, on the left 2, 1, 0, 0 and one converges each time.

    Expected on the left: 1/2 + 1/3 = 5/6, seen: 2. Variance: 1/4 + 2/9 = 17/36.
    z = (2 - 5/6) / sqrt(17/36) = 7 / sqrt 17, of which both tails of a normal are erfc(z / sqrt 2).
    """
    p = survival.logrank(([1, 2], [True, True]), ([3, 4], [True, True]))
    assert p == pytest.approx(erfc(7 / sqrt(34)))


def test_nothing_to_compare_has_no_p():
    nobody, somebody = ([9, 9], [False, False]), ([3, 9], [True, False])
    assert isnan(survival.logrank(nobody, nobody))
    assert isnan(survival.logrank(somebody, ([], [])))
    assert isnan(survival.logrank(somebody, ([nan], [False])))
    assert isnan(survival.logrank(([5], [True]), ([3], [False])))  # alone when it converges
    assert survival.logrank(somebody, nobody) < 1


def test_the_order_of_arms():
    generator = np.random.default_rng(0)
    arms = {"slow": generator.normal(60, 5, 10), "quick": generator.normal(20, 5, 10)}
    arms["quick too"] = arms["quick"] + generator.normal(0, 1, 10)
    arms["never"] = np.full(10, 100.0)
    frame = pd.concat(
        pd.DataFrame({"arm": arm, "epoch": epochs, "converged": epochs < 100})
        for arm, epochs in arms.items()
    )
    pairs = survival.order(frame).set_index(["first", "second"])
    places = sorted(("quick", "quick too"), key=lambda arm: arms[arm].mean())
    assert set(pairs.index) == {
        (places[0], places[1]),
        *((quick, other) for quick in places for other in ("slow", "never")),
        ("slow", "never"),
    }
    assert pairs["shown"].tolist() == [False, *[True] * 5]
    assert pairs["p_adjusted"].min() == pytest.approx(6 * pairs["p"].min())
    assert pairs.loc[("slow", "never"), "first_median"] == np.median(arms["slow"])
    assert pairs["second_median"].isna().tolist() == [
        second == "never" for _, second in pairs.index
    ]


def test_an_arm_that_diverged_comes_last():
    frame = pd.DataFrame(
        {
            "arm": ["gone", "gone", "slow"],
            "epoch": [nan, nan, 90],
            "converged": [False, False, True],
        }
    )
    pairs = survival.order(frame)
    assert pairs[["first", "second", "shown"]].to_numpy().tolist() == [["slow", "gone", False]]
    assert pairs["p"].isna().all()


def test_the_order_of_one_arm_and_of_none():
    frame = pd.DataFrame({"arm": ["L1"], "epoch": [3.0], "converged": [True]})
    assert survival.order(frame).empty
    assert survival.order(frame.iloc[:0]).empty
