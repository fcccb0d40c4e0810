"""Weight maps of layers made by hand."""

from collections.abc import Callable
from math import isnan, nan

import numpy as np
import pytest

from lpreg.analysis.weightmaps import (
    agreement,
    euclidean,
    is_shuffled,
    mean_magnitude,
    removals,
    removed,
    weight_map,
)

RANDOM = np.random.default_rng(0)
WEIGHT = RANDOM.normal(size=(5, 20, 7)).astype(np.float32)  # epochs, units, inputs
SCORES = [mean_magnitude, euclidean]


def test_the_map_by_hand():
    weight = [[3, 0, 1], [-1, 0, 1]]
    assert weight_map(weight).tolist() == [1, 0, 0.5]
    assert weight_map(weight, euclidean) == pytest.approx([1, 0, np.sqrt(2 / 10)])


def is_between_0_and_1_and_reaches_1(to_map: Callable):
    maps = to_map(WEIGHT)
    assert maps.shape == (5, 7)
    assert maps.min() >= 0
    assert maps.max(1).tolist() == [1] * 5


def does_not_know_signs(to_map: Callable):
    signs = np.sign(RANDOM.normal(size=WEIGHT.shape))
    assert to_map(signs * WEIGHT) == pytest.approx(to_map(WEIGHT))


def does_not_know_the_unit(to_map: Callable):
    assert to_map(1e-3 * WEIGHT) == pytest.approx(to_map(WEIGHT))


def does_not_know_the_order_of_units(to_map: Callable):
    assert to_map(WEIGHT[:, ::-1]) == pytest.approx(to_map(WEIGHT))


def follows_the_order_of_inputs(to_map: Callable):
    assert to_map(WEIGHT[..., ::-1]) == pytest.approx(to_map(WEIGHT)[..., ::-1])


def is_zero_where_an_input_is_removed_only(to_map: Callable):
    weight = WEIGHT.copy()
    weight[:, :, 3] = 0
    weight[:, :, 4] = 0
    weight[:, 0, 4] = 1e-45  # the smallest float32
    assert ((to_map(weight) == 0) == removed(weight)).all()
    assert np.flatnonzero(to_map(weight)[0] == 0).tolist() == [3]


def has_no_maximum_to_divide_by_when_all_is_removed(to_map: Callable):
    assert to_map(np.zeros((4, 3))).tolist() == [0, 0, 0]


def is_nan_for_the_epochs_that_are_not_finite(to_map: Callable):
    weight = WEIGHT.copy()
    weight[2, 0, 0] = np.inf
    weight[4, 0, 0] = nan
    assert np.isnan(to_map(weight)).all(1).tolist() == [False, False, True, False, True]


LAWS = [
    is_between_0_and_1_and_reaches_1,
    does_not_know_signs,
    does_not_know_the_unit,
    does_not_know_the_order_of_units,
    follows_the_order_of_inputs,
    is_zero_where_an_input_is_removed_only,
    has_no_maximum_to_divide_by_when_all_is_removed,
    is_nan_for_the_epochs_that_are_not_finite,
]


@pytest.mark.parametrize("score", SCORES, ids=lambda score: score.__name__)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Callable[[Callable], None], score: Callable):
    law(lambda weight: weight_map(weight, score))


def signed_mean(weight):
    """What the code of the document drew."""
    means = np.abs(np.mean(weight, axis=-2))
    return means / means.max(-1, keepdims=True)


WRONG = {
    "not rescaled": (mean_magnitude, is_between_0_and_1_and_reaches_1),
    "signs cancel": (signed_mean, does_not_know_signs),
    "not rescaled, unit": (mean_magnitude, does_not_know_the_unit),
    "one unit only": (lambda w: np.abs(w[..., 0, :]), does_not_know_the_order_of_units),
    "sorted": (lambda w: np.sort(weight_map(w)), follows_the_order_of_inputs),
    "nearly zero is zero": (
        lambda w: weight_map(np.where(np.abs(w) < 1e-9, 0, w)),
        is_zero_where_an_input_is_removed_only,
    ),
    "divided by more than nothing": (
        lambda w: (np.abs(w).mean(-2) + 1e-12) / (np.abs(w).mean(-2).max(-1) + 1e-12),
        has_no_maximum_to_divide_by_when_all_is_removed,
    ),
    "NaN is nothing": (
        lambda w: np.nan_to_num(weight_map(w)),
        is_nan_for_the_epochs_that_are_not_finite,
    ),
}


@pytest.mark.parametrize(("to_map", "law"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_version_is_found(to_map: Callable, law: Callable[[Callable], None]):
    with pytest.raises(AssertionError):
        law(to_map)


def test_every_law_finds_something():
    assert {law for _, law in WRONG.values()} == set(LAWS)


@pytest.mark.parametrize(
    ("scores", "importance", "expected"),
    [
        ([1, 2, 3], [10, 20, 90], 1),
        ([1, 2, 3], [0, -1, -9], -1),
        ([1, 2, 3, 4], [1, 2, 4, 3], 0.8),  # 1 - 6 * 2 / (4 * 15)
        ([1, 1, 2], [1, 2, 3], np.sqrt(3) / 2),  # ties get their mean rank
    ],
)
def test_agreement(scores: list[float], importance: list[float], expected: float):
    assert agreement(scores, importance) == pytest.approx(expected)


@pytest.mark.parametrize("pair", [([1, 1], [1, 2]), ([1, 2], [0, 0]), ([1, nan], [1, 2])])
def test_no_agreement_without_an_order(pair: tuple[list[float], list[float]]):
    assert isnan(agreement(*pair))


def test_shuffled_copies_are_known_by_their_names():
    names = ["latitude", "latitude (shuffled 1)", "median_income (shuffled 12)", "shuffled"]
    assert is_shuffled(names).tolist() == [False, True, True, False]


def test_removals_are_counted_by_what_the_inputs_are():
    names = ["a", "b", "c", "a (shuffled 1)", "b (shuffled 1)", "c (shuffled 1)"]
    scores = [0, 1, 0, 0, 0, 1e-9]
    constant = [False, False, True, False, False, True]
    assert removals(scores, names, constant) == {
        "removed": 1,
        "removed_shuffled": 2,
        "removed_constant": 1,
    }
    assert sum(removals([nan] * 6, names, constant).values()) == 0
