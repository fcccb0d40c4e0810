"""The tables against frames made by hand."""

import numpy as np
import pandas as pd
import pytest

from lpreg.analysis import accuracy, choose, chosen, peak, summarize, weights
from tests.analysis.frames import NONE, regression, results

DIVERGED = {"status": "diverged", "val_accuracy": np.nan, "val_loss": np.nan}


def at(lam: float, *accuracies: float, **more: object) -> list[dict]:
    """Members of one strength, a seed each, with these validation accuracies."""
    return [
        {"lam": lam, "seed": seed, "val_accuracy": value, **more}
        for seed, value in enumerate(accuracies)
    ]


# what is tried, then the strength that must be chosen
CHOICES = {
    "the highest mean": ([*at(1, 0.80, 0.80), *at(2, 0.70, 0.95), *at(3, 0.81, 0.81)], 2),
    "not the highest member": ([*at(1, 0.99, 0.10), *at(2, 0.60, 0.60)], 2),
    "not the highest sum": ([*at(1, 0.5, 0.5, 0.5), *at(2, 0.6)], 2),
    "a tie: the lower loss": ([*at(1, 0.8, val_loss=0.5), *at(2, 0.8, val_loss=0.4)], 2),
    "a tie in all: the first": ([*at(2, 0.8), *at(1, 0.8)], 2),
    "one member diverged": ([*at(1, 0.9), {"lam": 1, "seed": 1, **DIVERGED}, *at(2, 0.2, 0.2)], 2),
    "the fewest diverged": (
        [
            *at(1, 0.9),
            *({"lam": 1, "seed": seed, **DIVERGED} for seed in (1, 2)),
            *at(2, 0.2, 0.2),
            {"lam": 2, "seed": 2, **DIVERGED},
        ],
        2,
    ),
    "the smaller share diverged": (
        [{"lam": 1, **DIVERGED}, *at(2, *[0.2] * 8), *({"lam": 2, **DIVERGED} for _ in range(2))],
        2,
    ),
    "all diverged": ([{"lam": 1, **DIVERGED}, {"lam": 2, **DIVERGED}], 1),
    "test would say otherwise": (
        [*at(1, 0.7, test_accuracy=0.99, test_loss=0.0), *at(2, 0.8, test_accuracy=0.1)],
        2,
    ),
    "train would say otherwise": (
        [*at(1, 0.7, train_accuracy=0.99, train_loss=0.0), *at(2, 0.8, train_accuracy=0.1)],
        2,
    ),
}


@pytest.mark.parametrize(("members", "lam"), CHOICES.values(), ids=CHOICES.keys())
def test_the_choice(members: list[dict], lam: float):
    assert choose(results(members))["lam"].tolist() == [lam]


@pytest.mark.parametrize(("members", "lam"), CHOICES.values(), ids=CHOICES.keys())
def test_the_choice_without_a_test_part(members: list[dict], lam: float):
    frame = results(members).drop(columns=["test_accuracy", "test_loss"])
    assert choose(frame)["lam"].tolist() == [lam]


def test_every_cell_has_its_own_choice():
    cells = [
        {"data": data, "model": model, "recipe": recipe, "arm": arm}
        for data in ("digits", "mnist")
        for model in ("h32", "h16")
        for recipe in ("modern", "document")
        for arm in ("L1", "L2")
    ]
    members = []
    for number, cell in enumerate(cells):
        low, high = (0.5, 0.6) if number % 3 else (0.6, 0.5)
        members += [*at(1, low, **cell), *at(2, high, **cell)]
    table = choose(results(members))
    assert table[["data", "model", "recipe", "arm"]].to_dict("records") == cells
    assert table["lam"].tolist() == [2 if number % 3 else 1 for number in range(len(cells))]


def test_a_learning_rate_is_chosen_with_the_strength():
    members = [
        {"lam": lam, "lr": lr, "val_accuracy": 0.9 if (lam, lr) == (1, 0.1) else 0.5}
        for lam in (1, 2)
        for lr in (0.1, 0.2)
    ]
    table = choose(results(members))
    assert table[["lam", "lr", "val"]].to_dict("list") == {"lam": [1], "lr": [0.1], "val": [0.9]}


def test_the_choice_of_an_arm_without_a_strength():
    table = choose(results([{**NONE, "seed": seed} for seed in range(3)]))
    assert table["n"].tolist() == [3]
    assert table["lam"].isna().all()


def test_the_choice_in_a_regression_is_the_lowest_error():
    frame = regression(results([*at(1, 2.0, 2.0), *at(2, 1.5, 1.5), *at(3, 1.9, 1.0)]))
    assert choose(frame)["lam"].tolist() == [3]
    assert choose(frame)["val"].tolist() == [1.45]


def test_regressions_and_classifications_in_one_study():
    houses = regression(results(at(1, 2.0, data="houses") + at(2, 1.0, data="houses")))
    digits = results(at(1, 0.8) + at(2, 0.9))
    table = accuracy(pd.concat([houses, digits]))
    assert table["metric"].tolist() == ["mse", "mse", "accuracy", "accuracy"]
    assert table["chosen"].tolist() == [False, True, False, True]
    assert table["val_mean"].tolist() == [2.0, 1.0, 0.8, 0.9]


def test_the_chosen_members_are_marked_whatever_the_index():
    frame = results([*at(2, 0.7, 0.7), *at(1, 0.9, 0.9), *at(3, 0.8)])
    frame.index = pd.Index([7, 7, 3, 3, 0])
    marks = chosen(frame)
    assert marks.tolist() == [False, False, True, True, False]
    assert marks.index.equals(frame.index)


def test_accuracy_by_hand():
    members = [
        {"seed": 0, "train_accuracy": 0.9, "val_accuracy": 0.8, "test_accuracy": 0.7},
        {"seed": 1, "train_accuracy": 1.0, "val_accuracy": 0.6, "test_accuracy": 0.9},
        {"seed": 2, "status": "diverged", "train_accuracy": 0.1, "val_accuracy": 0.1},
    ]
    (row,) = accuracy(results(members)).to_dict("records")
    assert (row["n"], row["diverged"], row["chosen"]) == (2, 1, True)
    values = {"train": [0.9, 1.0], "val": [0.8, 0.6], "test": [0.7, 0.9], "gap": [0.1, 0.4]}
    for name, pair in values.items():
        spread = abs(pair[0] - pair[1])
        assert row[f"{name}_mean"] == pytest.approx(sum(pair) / 2)
        assert row[f"{name}_sd"] == pytest.approx(spread / 2**0.5)
        # t(0.975, 1) = 12.7062047, and sd / sqrt(2) is half the spread
        low, high = (sum(pair) / 2 + sign * 12.706204736 * spread / 2 for sign in (-1, 1))
        if name != "gap":  # an accuracy is a share
            low, high = max(low, 0), min(high, 1)
        assert row[f"{name}_low"] == pytest.approx(low)
        assert row[f"{name}_high"] == pytest.approx(high)


def test_the_gap_is_taken_within_a_seed():
    """Kills intervals of the gap made from those of its two sides."""
    members = [
        {"seed": seed, "train_accuracy": value + 0.1, "val_accuracy": value}
        for seed, value in enumerate([0.2, 0.5, 0.8])
    ]
    (row,) = accuracy(results(members)).to_dict("records")
    assert row["gap_sd"] == pytest.approx(0, abs=1e-12)
    assert row["val_sd"] == pytest.approx(0.3)


def test_the_gap_of_a_regression_is_positive_when_validation_is_worse():
    frame = regression(results([{"train_accuracy": 1.0, "val_accuracy": 3.0}]))
    assert accuracy(frame)["gap_mean"].tolist() == [2.0]


def test_accuracy_is_that_of_the_statistics():
    values = np.random.default_rng(0).uniform(size=10)
    (row,) = accuracy(results(at(1, *values))).to_dict("records")
    numbers = ("n", "val_mean", "val_sd", "val_low", "val_high")
    assert tuple(row[number] for number in numbers) == summarize(values)


def test_one_seed_has_no_interval_and_all_diverged_no_mean():
    table = accuracy(results([*at(1, 0.8), {"lam": 2, **DIVERGED}]))
    assert table["val_mean"].isna().tolist() == [False, True]
    assert table["val_low"].isna().tolist() == [True, True]
    assert table["n"].tolist() == [1, 0]


def curve(member: str, *rows: tuple[float, float, float]) -> list[dict]:
    """Evaluations of a member after epochs 0, 2, 4, ...: accuracies of train, val and test."""
    names = ("train_accuracy", "val_accuracy", "test_accuracy")
    return [
        {"member": member, "epoch": 2 * i, **dict(zip(names, row, strict=True))}
        for i, row in enumerate(rows)
    ]


def test_the_peak_is_read_from_the_curves_member_by_member():
    members = [
        {"member": "a", "seed": 0, "best_epoch": 2},
        {"member": "b", "seed": 1, "best_epoch": 4},
        {"member": "c", "seed": 2, "best_epoch": 0, "status": "diverged"},
    ]
    curves = pd.DataFrame(
        curve("a", (0.1, 0.2, 0.3), (0.6, 0.5, 0.4), (0.9, 0.4, 0.9))
        + curve("b", (0.1, 0.1, 0.1), (0.5, 0.2, 0.2), (0.8, 0.7, 0.6))
        + curve("c", (0.1, 0.1, 0.1))
    )
    (row,) = peak(results(members), curves).to_dict("records")
    assert (row["n"], row["diverged"], row["epoch_mean"]) == (2, 1, 3)
    assert row["val_mean"] == pytest.approx(0.6)
    assert row["train_mean"] == pytest.approx(0.7)
    assert row["test_mean"] == pytest.approx(0.5)
    assert row["test_sd"] == pytest.approx(np.std([0.4, 0.6], ddof=1))


def test_weights_by_hand():
    members = [
        {**NONE, "seed": 0, "zeros": 0, "zeros_dead": 0, "zeros_1e-3": 10, "mean_abs_weight": 0.2},
        {**NONE, "seed": 1, "zeros": 0, "zeros_dead": 0, "zeros_1e-3": 30, "mean_abs_weight": 0.4},
        {"seed": 0, "zeros": 50, "zeros_dead": 4, "zeros_1e-3": 80, "mean_abs_weight": 0.1},
        {"seed": 1, "zeros": 70, "zeros_dead": 8, "zeros_1e-3": 100, "mean_abs_weight": 0.0},
        {"seed": 2, "zeros": 1000, "zeros_1e-3": 1000, "status": "diverged"},
    ]
    columns = ["weights", "mean_abs_weight", "zeros", "zeros_dead", "zeros_1e-3", "ratio"]
    table = weights(results(members))
    assert table["arm"].tolist() == ["none", "L1"]
    assert table[columns].to_numpy() == pytest.approx(
        np.array([[1000, 0.3, 0, 0, 20, 1], [1000, 0.05, 60, 6, 90, 4.5]])
    )


def test_the_ratio_is_to_none_of_the_same_place():
    places = [
        {"data": "digits", "model": "h32", "recipe": "modern"},
        {"data": "digits", "model": "h32", "recipe": "document"},
        {"data": "digits", "model": "h16", "recipe": "modern"},
        {"data": "mnist", "model": "h32", "recipe": "modern"},
    ]
    members = []
    for number, place in enumerate(places):
        members += [{**place, **NONE, "zeros_1e-3": 10**number}, {**place, "zeros_1e-3": 2000}]
    table = weights(results(members))
    assert table.loc[table["arm"] == "L1", "ratio"].tolist() == [2000, 200, 20, 2]


@pytest.mark.parametrize("axis", ["lr", "momentum", "batch_size"])
def test_the_ratio_is_to_none_at_the_same_point_of_the_axes(axis: str):
    members = [
        {**NONE, axis: 0.1, "zeros_1e-3": 10, "val_accuracy": 0.5},
        {**NONE, axis: 0.2, "zeros_1e-3": 20, "val_accuracy": 0.9},
        {axis: 0.1, "zeros_1e-3": 60},
        {axis: 0.2, "zeros_1e-3": 60},
    ]
    assert weights(results(members))["ratio"].tolist() == [1, 1, 6, 3]


@pytest.mark.parametrize(
    "members", [[{}], [{**NONE, "zeros_1e-3": 0}, {}], [{**NONE, **DIVERGED}, {}]]
)
def test_no_ratio_without_a_number_to_divide_by(members: list[dict]):
    assert np.isnan(weights(results(members))["ratio"].iloc[-1])


@pytest.mark.parametrize("table", [accuracy, weights])
def test_rows_come_in_order_of_first_appearance(table):
    members = [*at(2, 0.5), *at(1, 0.9), NONE, *at(2, 0.6), *at(0.5, 0.1, arm="A")]
    rows = table(results(members))
    assert rows["arm"].tolist() == ["L1", "L1", "none", "A"]
    assert rows["lam"].tolist() == pytest.approx([2, 1, np.nan, 0.5], nan_ok=True)
    assert rows["chosen"].tolist() == [False, True, True, True]


@pytest.mark.parametrize("table", [accuracy, weights, choose])
def test_the_order_of_seeds_changes_nothing(table):
    members = [*at(1, 0.1, 0.2, 0.4), *at(2, 0.3, 0.3, 0.3)]
    swapped = [members[place] for place in (2, 0, 1, 4, 5, 3)]
    pd.testing.assert_frame_equal(table(results(members)), table(results(swapped)))


@pytest.mark.parametrize("table", [accuracy, weights, choose, chosen])
def test_the_results_are_left_as_they_were(table):
    frame = results([*at(1, 0.1, 0.2), NONE])
    before = frame.copy(deep=True)
    table(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_strengths_of_a_sum_are_settings():
    """A sum names only its first strength in `lam`; the others tell its settings apart."""
    members = at(1, 0.5, strengths="[1, 1]") + at(1, 0.9, strengths="[1, 2]")
    assert choose(results(members))["strengths"].tolist() == ["[1, 2]"]
