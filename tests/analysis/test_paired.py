"""Paired tests, Holm, equivalence and the number of seeds: by hand, against oracles, simulated."""

from collections.abc import Callable
from math import inf, isnan, nan, sqrt

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

from lpreg.analysis import equivalence, holm, needed, paired

DIFFERENCES = np.random.default_rng(1).normal(0.4, 1.0, size=12)


def test_a_paired_test_by_hand():
    """1, 2, 2, 3: mean 2, variance (1 + 0 + 0 + 1) / 3, sd 0.8164966, se = sd / 2 = 0.4082483.

    t(0.975, 3) = 3.1824463, so the interval is 2 -+ 1.2992283. Against 0, t = 2 / 0.4082483 =
    4.8989795. With 3 degrees of freedom the upper tail at t is 1/2 - (a + sin a cos a) / pi with
    a = arctan(t / sqrt 3) = 1.2309594, sin a cos a = 0.3142697: 0.0081377.
    """
    effect = paired([1, 2, 2, 3])
    assert effect[:5] == pytest.approx((4, 2, 0.8164966, 0.7007717, 3.2992283), abs=1e-7)
    assert effect.p_above == pytest.approx(0.0081377, abs=1e-6)
    assert effect.p_below == pytest.approx(1 - 0.0081377, abs=1e-6)


def test_a_resampled_test_by_hand():
    """The same with a fourth of the training samples in the test part: 1/4 becomes 1/4 + 1/4.

    The standard error grows by sqrt 2 to 0.5773503, the half width to 1.8373863, t falls to
    2 sqrt 3 = 3.4641016, a = arctan 2 = 1.1071487, sin a cos a = 0.4: p = 0.0202597.
    """
    effect = paired([1, 2, 2, 3], test_share=0.25)
    assert effect[:5] == pytest.approx((4, 2, 0.8164966, 0.1626137, 3.8373863), abs=1e-7)
    assert effect.p_above == pytest.approx(0.0202597, abs=1e-6)


def test_holm_by_hand():
    """The smallest first: 4 x 0.005, 3 x 0.01, 2 x 0.03, and 1 x 0.04, raised to 0.06."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_equivalence_by_hand():
    """0, 1, 1, 2 within 2: se = 0.4082483, t = (2 - 1) / se = 2.4494897 at the nearer bound.

    a = arctan(t / sqrt 3) = 0.9553166, sin a cos a = 0.4714045: p = 0.0458615. Resampled as above,
    t = sqrt 3, a = pi / 4, sin a cos a = 1 / 2: p = 1/4 - 1 / (2 pi) = 0.0908451.
    """
    for side in (1, -1):
        differences = [0, side, side, 2 * side]
        assert equivalence(differences, 2) == pytest.approx(0.0458615, abs=1e-6)
        assert equivalence(differences, 2, test_share=0.25) == pytest.approx(0.0908451, abs=1e-6)


@pytest.mark.parametrize("bound", [-0.3, 0.0, 0.7])
def test_a_paired_test_is_that_of_scipy(bound: float):
    effect = paired(DIFFERENCES, bound, confidence=0.9)
    _, above = stats.ttest_1samp(DIFFERENCES, bound, alternative="greater")
    _, below = stats.ttest_1samp(DIFFERENCES, bound, alternative="less")
    interval = stats.ttest_1samp(DIFFERENCES, bound).confidence_interval(0.9)
    assert effect.p_above == pytest.approx(above, rel=1e-12)
    assert effect.p_below == pytest.approx(below, rel=1e-12)
    assert effect[3:5] == pytest.approx((interval.low, interval.high), rel=1e-12)


@pytest.mark.parametrize("margin", [0.5, 1.0, 2.0])
def test_equivalence_is_that_of_statsmodels(margin: float):
    oracle, *_ = ttost_paired(DIFFERENCES, np.zeros(len(DIFFERENCES)), -margin, margin)
    assert equivalence(DIFFERENCES, margin) == pytest.approx(oracle, rel=1e-12)


@pytest.mark.parametrize("k", [1, 2, 7, 40])
def test_holm_is_that_of_statsmodels(k: int):
    p = np.random.default_rng(k).uniform(size=k) ** 3
    p[: k // 3] = p[0]  # ties
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], rel=1e-12)


def test_holm_leaves_out_tests_that_were_not_made():
    adjusted = holm([nan, 0.02, nan, 0.01])
    assert isnan(adjusted[0]) and isnan(adjusted[2])
    assert adjusted[[1, 3]] == pytest.approx([0.02, 0.02])
    assert holm([]).shape == (0,)
    assert np.isnan(holm([nan])).all()


def test_differences_without_spread_are_judged_by_their_sign():
    """0.1 + 0.1 + 0.1 is not 0.3 in floating point: rounding must not make a t statistic."""
    effect = paired([0.1, 0.1, 0.1], bound=0.0)
    assert effect == pytest.approx((3, 0.1, 0, 0.1, 0.1, 1 / 8, 1))
    assert paired([0.1, 0.1, 0.1], bound=0.1)[5:] == (1, 1)
    assert paired([0.1, 0.1, 0.1], bound=0.2)[5:] == (1, 1 / 8)
    assert paired([0.0] * 5)[5:] == (1, 1)
    assert equivalence([0.0] * 5, 0.01) == 1 / 32


def test_the_rounding_of_single_precision_is_no_spread():
    """Three seeds that differ by the same number of images out of 539, or out of 10,000."""
    for n, image in ((539, 2), (10_000, 1)):
        right = np.array([501, 504, 507], dtype=np.float32)
        left, right = (right + image) / np.float32(n), right / np.float32(n)
        differences = left.astype(float) - right.astype(float)
        assert differences.std() > 0
        assert paired(differences)[5:] == (1 / 8, 1)
        assert paired(differences, bound=image / n)[5:] == (1, 1)


def test_a_spread_that_is_small_beside_the_mean_is_one():
    """Zeros of three seeds: the t test is sure, although the sign test could not be."""
    assert paired([18_000, 18_001, 18_002]).p_above < 1e-8
    assert paired([18_000, 18_001, 18_002], bound=18_000.5).p_above > 0.1


def test_the_unit_does_not_count():
    assert paired(1e-9 * DIFFERENCES)[5:] == pytest.approx(paired(DIFFERENCES)[5:])


def test_too_few_seeds_and_broken_ones_say_nothing():
    for differences in ([], [1.0], [1.0, nan], [1.0, inf], [inf, -inf]):
        effect = paired(differences)
        assert effect.n == len(differences)
        assert all(isnan(number) for number in effect[2:])
        assert isnan(equivalence(differences, 1.0))
    assert paired([1.5]).effect == 1.5


def test_an_infinite_bound_is_never_reached():
    assert paired(DIFFERENCES, -inf)[5:] == (0, 1)
    assert paired(DIFFERENCES, inf)[5:] == (1, 0)


# The number of seeds


@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize("effect", [0.2, 0.5, 1.0, 1.5])
def test_needed_for_one_bound_is_that_of_statsmodels(effect: float, alpha: float):
    """Kills a central t and a normal: of an effect of 1 sd they ask for 8 seeds, not 10."""
    oracle = TTestPower().solve_power(effect, power=0.8, alpha=alpha / 2, alternative="larger")
    assert needed(effect, 1, low=0, alpha=alpha) == np.ceil(oracle)
    assert needed(3 - 2 * effect, 2, high=3, alpha=alpha) == np.ceil(oracle)


def simulated(n: int, effect: float, low: float, high: float, share: float) -> float:
    """The power of n seeds of sd 1, by simulation of splits that overlap as `share` says."""
    generator = np.random.default_rng(n)
    rho = share / (1 + share)
    seeds = sqrt(1 - rho) * generator.normal(size=(20_000, n))
    seeds += sqrt(rho) * generator.normal(size=(20_000, 1)) + effect * sqrt(1 - rho)
    error = seeds.std(axis=1, ddof=1) * sqrt(1 / n + share)
    critical = stats.t.ppf(0.975, n - 1) * error
    inside = (seeds.mean(1) - critical > low * sqrt(1 - rho)) & (
        seeds.mean(1) + critical < high * sqrt(1 - rho)
    )
    return float(inside.mean())


@pytest.mark.parametrize(
    ("effect", "low", "high", "share"),
    [
        (0.3, 0.0, inf, 0.0),
        (0.6, 0.0, inf, 0.0),
        (1.0, 0.0, inf, 0.0),
        (2.0, 0.0, inf, 0.0),
        (-0.7, -inf, 0.0, 0.0),
        (0.0, -0.5, 0.5, 0.0),
        (0.0, -1.0, 1.0, 0.0),
        (0.2, -0.5, 1.0, 0.0),
        (1.5, 1.0, 2.0, 0.0),
        (2.0, 0.0, inf, 0.25),
        (0.0, -2.0, 2.0, 0.25),
    ],
)
def test_needed_is_right_within_a_fifth(effect: float, low: float, high: float, share: float):
    n = needed(effect, 1, low, high, test_share=share or None)
    assert simulated(int(n), effect, low, high, share) > 0.79
    fewer = int(min(n - 1, n / 1.2))
    assert simulated(fewer, effect, low, high, share) < 0.8


def test_needed_has_its_limits():
    assert needed(0, 1, low=0) == inf  # not inside
    assert needed(1, 1, low=0, high=1) == inf
    assert needed(0.01, 1, low=0, most=1000) == inf
    assert needed(0.1, 1, low=0, most=787) == 787
    assert needed(0.1, 1, low=0, most=786) == inf
    assert needed(1, 1, low=0, test_share=0.25) == inf  # 1 / sqrt(0.25) = 2 < 1.96 + 0.84
    assert isnan(needed(nan, 1, low=0)) and isnan(needed(1, nan, low=0))
    assert needed(1e6, 1, low=0) == 2


def test_needed_without_spread_is_what_the_sign_test_takes():
    n = int(needed(1, 0, low=0))
    assert paired([1.0] * n).p_above <= 0.025 < paired([1.0] * (n - 1)).p_above


# Studies without any effect

STUDIES, CLAIMS = 300, 12
LUCK = 0.05 + 2.2 * sqrt(0.05 * 0.95 / STUDIES)  # one simulation in seventy goes beyond
Noise = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def normal(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return generator.normal(size=shape)


def skewed(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return generator.exponential(size=shape)


def zero_inflated(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return generator.exponential(size=shape) * (generator.random(shape) < 0.3)


def errors_of_360(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return generator.binomial(360, 0.02, size=shape) / 360


def reports(differences: np.ndarray, test_share: float | None = None) -> bool:
    """Whether a study, (claims, seeds), reports any difference at all."""
    tests = [paired(claim, test_share=test_share) for claim in differences]
    return bool((holm([min(1, 2 * min(test[5:])) for test in tests]) < 0.05).any())


@pytest.mark.parametrize("seeds", [2, 10])
@pytest.mark.parametrize("noise", [normal, skewed, zero_inflated, errors_of_360])
def test_a_study_without_effects_reports_none(noise: Noise, seeds: int):
    """Twelve arms against one control, which the differences share as those of a study do.

    Kills claims that are not adjusted, and equal differences that are taken for certain.
    """
    generator = np.random.default_rng(seeds)
    arms = noise(generator, (STUDIES, CLAIMS + 1, seeds))
    assert np.mean([reports(study[1:] - study[:1]) for study in arms]) <= LUCK


def overlapping(generator: np.random.Generator, seeds: int, test_share: float) -> np.ndarray:
    """Studies, (studies, claims, seeds), whose seeds correlate by n_test / (n_train + n_test)."""
    rho = test_share / (1 + test_share)
    arms = sqrt(1 - rho) * generator.normal(size=(STUDIES, CLAIMS + 1, seeds))
    arms += sqrt(rho) * generator.normal(size=(STUDIES, CLAIMS + 1, 1))
    return arms[:, 1:] - arms[:, :1]


def split_anew(generator: np.random.Generator, seeds: int, test_share: float) -> np.ndarray:
    """Studies of one real data set each, which every seed splits anew into 80 and 20 samples.

    An arm sees one noisy copy of the target and learns its slope by least squares; its result is
    the mean squared error on the test part. All copies are equally good.
    """
    samples, test = 100, round(100 * test_share / (1 + test_share))
    results = np.empty((STUDIES, CLAIMS + 1, seeds))
    for study in range(STUDIES):
        target = generator.normal(size=samples)
        inputs = target + generator.normal(size=(CLAIMS + 1, samples))
        for seed in range(seeds):
            order = generator.permutation(samples)
            held, seen = order[:test], order[test:]
            slopes = inputs[:, seen] @ target[seen] / np.square(inputs[:, seen]).sum(1)
            errors = slopes[:, None] * inputs[:, held] - target[held]
            results[study, :, seed] = np.square(errors).mean(1)
    return results[:, 1:] - results[:, :1]


@pytest.mark.parametrize("splits", [overlapping, split_anew])
def test_resampled_studies_need_the_corrected_test(splits: Callable[..., np.ndarray]):
    studies = splits(np.random.default_rng(0), seeds=10, test_share=0.25)
    assert np.mean([reports(study, test_share=0.25) for study in studies]) <= LUCK
    assert np.mean([reports(study) for study in studies]) > 0.1
