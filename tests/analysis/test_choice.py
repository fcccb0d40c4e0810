"""Choosing strengths and arms by validation: rankings, groups and what to use."""

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from math import isnan, nan, sqrt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lpreg.analysis import choose, holm
from lpreg.analysis.choice import one_standard_error, ranking, recommend
from tests.analysis.frames import NONE, regression, results

SEEDS = 10
WAVE = np.linspace(-1, 1, SEEDS)  # what all arms of a seed share


def arm(
    name: str, val: float, zeros: float = 0.0, jitter: float = 0.002, **columns: Any
) -> list[dict[str, Any]]:
    """Ten members around a validation accuracy; the test accuracy is 0.05 lower."""
    noise = np.random.default_rng(sum(map(ord, name))).normal(0, jitter, SEEDS)
    noise -= noise.mean()  # so that the means are those asked for
    about = NONE if name == "none" else {"arm": name, "lam": 1e-3}
    return [
        {
            **about,
            "seed": seed,
            "val_accuracy": val + 0.02 * WAVE[seed] + noise[seed],
            "test_accuracy": val - 0.05 + 0.02 * WAVE[seed] - noise[seed],
            "zeros": 10 + 1000 * zeros,
            **columns,
        }
        for seed in range(SEEDS)
    ]


def frame(*arms: Sequence[dict[str, Any]]) -> pd.DataFrame:
    return results(member for members in arms for member in members)


def sentence(advice: pd.DataFrame) -> str:
    (only,) = advice["sentence"]
    return only


# The one-standard-error rule


def ladder(scores: Mapping[float, Sequence[float]], **columns: Any) -> pd.DataFrame:
    return results(
        {"lam": lam, "seed": seed, "val_accuracy": score, **columns}
        for lam, values in scores.items()
        for seed, score in enumerate(values)
    )


LADDER = {1e-4: [0.88, 0.90, 0.92], 1e-3: [0.89, 0.89, 0.89], 1e-2: [0.887, 0.887, 0.887]}


def test_one_standard_error_by_hand():
    """The best: 0.88, 0.90, 0.92, mean 0.90, sd 0.02, standard error 0.01155: down to 0.88845."""
    row = one_standard_error(ladder(LADDER)).iloc[0]
    assert (row["lam"], row["n"], row["val"]) == pytest.approx((1e-3, 3, 0.89))
    assert choose(ladder(LADDER))["lam"].tolist() == [1e-4]


def test_one_standard_error_of_a_squared_error():
    mirrored = {lam: [1 - value for value in values] for lam, values in LADDER.items()}
    assert one_standard_error(regression(ladder(mirrored)))["lam"].tolist() == [1e-3]


def test_one_standard_error_never_goes_weaker():
    scores = {1e-4: LADDER[1e-3], 1e-3: LADDER[1e-4]}
    assert one_standard_error(ladder(scores))["lam"].tolist() == [1e-3]


def test_one_standard_error_of_one_seed_is_the_best():
    scores = {lam: values[1:2] for lam, values in LADDER.items()}
    assert one_standard_error(ladder(scores))["lam"].tolist() == [1e-4]


def test_one_standard_error_changes_nothing_but_the_strength():
    other = ladder({1e-2: LADDER[1e-3]}, lr=1e-1)
    both = pd.concat([ladder({1e-4: LADDER[1e-4]}), other], ignore_index=True)
    assert one_standard_error(both)["lam"].tolist() == [1e-4]


def test_one_standard_error_does_not_take_what_diverged_more_often():
    both = ladder(LADDER)
    both.loc[both["lam"].eq(1e-3) & both["seed"].eq(0), "status"] = "diverged"
    assert one_standard_error(both)["lam"].tolist() == [1e-4]


def test_one_standard_error_of_dropout_and_of_sums():
    """A sum is stronger when no part is weaker."""
    rates = pd.concat(
        [
            ladder({nan: LADDER[1e-4]}, dropout=0.2),
            ladder({nan: LADDER[1e-3]}, dropout=0.5),
        ]
    )
    assert one_standard_error(rates)["dropout"].tolist() == [0.5]
    texts = ["[0.001, 0.001]", "[0.002, 0.0001]", "[0.001, 0.002]"]
    values = [LADDER[1e-4], LADDER[1e-3], LADDER[1e-3]]
    sums = pd.concat(
        ladder({nan: score}, strengths=text) for text, score in zip(texts, values, strict=True)
    )
    assert one_standard_error(sums)["strengths"].tolist() == [texts[2]]


def test_one_standard_error_has_a_row_per_cell_like_choose():
    both = frame(arm("L1", 0.9), arm("none", 0.9), arm("L1", 0.8, model="h256"))
    pd.testing.assert_frame_equal(
        one_standard_error(both).drop(columns="val"),
        choose(both).drop(columns=["val", "val_loss"]),
    )


# The ranking


def test_the_best_arm_comes_first_with_its_interval():
    found = frame(arm("none", 0.80), arm("L1", 0.90, zeros=0.4), arm("L2", 0.85))
    ranks = ranking(found)
    assert ranks["arm"].tolist() == ["L1", "L2", "none"]
    for _, row in ranks.iterrows():
        members = found[found["arm"] == row["arm"]]
        for part in ("val", "test"):
            score = members[f"{part}_accuracy"]
            interval = stats.ttest_1samp(score, 0).confidence_interval(0.95)
            expected = (score.mean(), interval.low, interval.high)
            got = row[[f"{part}_{name}" for name in ("mean", "low", "high")]].tolist()
            assert got == pytest.approx(expected)
    assert ranks["zeros_share"].tolist() == pytest.approx([0.4, 0, 0])
    assert ranks["n"].tolist() == [10, 10, 10]


def test_squared_errors_rank_the_other_way_round():
    ranks = ranking(regression(frame(arm("none", 0.80), arm("L1", 0.90))))
    assert ranks["arm"].tolist() == ["none", "L1"]
    assert ranks["metric"].tolist() == ["mse", "mse"]


def test_the_groups_are_those_of_paired_tests_with_holm():
    """Seeds move all arms alike by ten times the differences: kills tests that are not paired."""
    means = {"L2": 0.900, "L3": 0.899, "L1": 0.8975, "EN": 0.896, "L0": 0.85}
    found = frame(*(arm(name, mean) for name, mean in means.items()))
    pairs = list(combinations(means, 2))
    scores = {name: rows["val_accuracy"].to_numpy() for name, rows in found.groupby("arm")}
    p = [stats.ttest_rel(scores[left], scores[right])[1] for left, right in pairs]
    adjusted = holm(p)
    ranks = ranking(found).set_index("arm")
    groups = ranks["group"]
    for (left, right), each in zip(pairs, adjusted, strict=True):
        shared = set(groups[left]) & set(groups[right])
        assert bool(shared) == (each >= 0.05), (left, right, each)
    assert groups.tolist() == ["a", "ab", "bc", "c", "d"]


def test_the_tests_are_two_sided():
    """Ten differences of mean 2.1 standard errors: p = 0.065, of which one side has half."""
    found = frame(arm("L2", 0.9, jitter=0), arm("L1", 0.9, jitter=0))
    differences = 0.01 * (WAVE / WAVE.std(ddof=1) + 2.1 / sqrt(SEEDS))
    found.loc[found["arm"].eq("L2"), "val_accuracy"] += differences
    assert set(ranking(found)["group"]) == {"a"}
    found.loc[found["arm"].eq("L2"), "val_accuracy"] += 0.2 * 0.01 / sqrt(SEEDS)  # 2.3: 0.047
    assert set(ranking(found)["group"]) == {"a", "b"}


def test_seeds_that_drew_their_own_splits_show_less():
    found = frame(arm("none", 0.9), arm("L1", 0.904))
    assert set(ranking(found)["group"]) == {"a", "b"}
    corrected = ranking(found, test_share=2.0)
    assert set(corrected["group"]) == {"a"}
    plain = ranking(found)
    widths = [
        (ranks["val_high"] - ranks["val_low"]).to_numpy() / sqrt(variance)
        for ranks, variance in ((corrected, 2 + 1 / SEEDS), (plain, 1 / SEEDS))
    ]
    assert widths[0] == pytest.approx(widths[1])


def test_the_interval_of_an_accuracy_ends_at_one():
    """Also told: an interval that is not there, of one seed, is none of the ends."""
    ranks = ranking(frame(arm("none", 0.995, jitter=0.02)))
    assert ranks["val_high"].item() == 1 > ranks["val_mean"].item()
    single = ranking(frame(arm("none", 0.995)).query("seed == 0"))
    assert single[["val_low", "val_high"]].isna().all(axis=None)


def test_an_arm_stands_with_the_setting_that_was_picked():
    strong = arm("L1", 0.899, zeros=0.5, lam=1e-2)
    found = frame(arm("L1", 0.9), strong, arm("none", 0.8))
    assert ranking(found)["lam"].iloc[0] == 1e-3
    assert ranking(found, one_standard_error)["lam"].iloc[0] == 1e-2
    assert recommend(found, one_standard_error)["lam"].tolist() == [1e-2]


def test_the_test_part_chooses_nothing():
    found = frame(arm("none", 0.80), arm("L1", 0.90, zeros=0.4), arm("L2", 0.85))
    other = found.assign(test_accuracy=np.random.default_rng(0).uniform(size=len(found)))
    same = ["arm", "lam", "group", "val_mean", "val_low", "val_high", "zeros_share"]
    pd.testing.assert_frame_equal(ranking(found)[same], ranking(other)[same])
    assert recommend(found)["arm"].tolist() == recommend(other)["arm"].tolist()


def test_places_do_not_mix():
    here, there = arm("L1", 0.9), arm("L1", 0.7, model="h256")
    found = frame(here, arm("none", 0.8), there, arm("none", 0.8, model="h256"))
    ranks = ranking(found)
    assert ranks["model"].tolist() == ["h32", "h32", "h256", "h256"]
    assert ranks["arm"].tolist() == ["L1", "none", "none", "L1"]
    assert ranks.index.tolist() == [0, 1, 2, 3]
    assert recommend(found)["arm"].tolist() == ["L1", "none"]


def test_diverged_members_come_last():
    found = frame(arm("L1", 0.9), arm("L2", 0.8), arm("gone", 0.99), arm("none", 0.7))
    found.loc[found["arm"].eq("L1") & found["seed"].lt(2), "status"] = "diverged"
    found.loc[found["arm"].eq("gone"), "status"] = "diverged"
    ranks = ranking(found)
    assert ranks["arm"].tolist() == ["L2", "none", "L1", "gone"]
    assert ranks["n"].tolist() == [10, 10, 8, 0]
    last = ranks.iloc[-1]
    assert last["group"] == "" and isnan(last["val_mean"]) and isnan(last["zeros_share"])
    assert "gone" not in sentence(recommend(found))
    found["status"] = "diverged"
    (row,) = recommend(found).to_dict("records")
    assert pd.isna(row["arm"])
    assert "diverged" in row["sentence"]


# What to use


def test_exact_zeros_that_cost_nothing_are_preferred():
    arms = [arm("none", 0.9), arm("L2", 0.9002), arm("L1", 0.8998, zeros=0.6)]
    advice = recommend(frame(*arms, arm("L0", 0.8, zeros=0.9), arm("EN", 0.8999, zeros=0.3)))
    assert advice["arm"].tolist() == ["L1"]
    assert sentence(advice).startswith(
        "Use L1 at λ = 0.001, which sets 60.0 % of the weights to exactly zero: "
        "validation shows no difference from L2, none and EN; "
    )


def test_exact_zeros_that_are_shown_to_cost_something_are_not():
    found = frame(arm("L2", 0.9, jitter=0.001), arm("L1", 0.895, zeros=0.6, jitter=0.001))
    assert recommend(found)["arm"].tolist() == ["L2"]


def test_few_zeros_are_no_reason():
    found = frame(arm("none", 0.9), arm("L2", 0.9002), arm("L1", 0.9, zeros=0.05))
    assert recommend(found)["arm"].tolist() == ["none"]
    assert recommend(found, substantial=0.04)["arm"].tolist() == ["L1"]


def test_without_an_arm_none_the_best_is_used():
    said = recommend(frame(arm("L2", 0.9002), arm("L3", 0.9), arm("L4", 0.8)))
    assert said["arm"].tolist() == ["L2"]
    assert "it does best, but validation shows no difference from L3; " in sentence(said)


def test_a_clear_best_is_used_and_said_to_be():
    said = recommend(frame(arm("none", 0.9), arm("L2", 0.95), arm("L1", 0.9, zeros=0.9)))
    assert said["arm"].tolist() == ["L2"]
    assert "validation shows it better than every other arm; " in sentence(said)


def test_what_few_seeds_cannot_show_is_still_looked_at():
    """Two seeds show nothing, but an arm 10 points worse is none to use."""
    arms = [arm("L2", 0.9), arm("none", 0.8), arm("L1", 0.8, zeros=0.9)]
    found = frame(*arms)
    found["val_accuracy"] += 0.02 * np.random.default_rng(0).normal(size=len(found))
    few = found[found["seed"] < 2]
    assert set(ranking(few)["group"]) == {"a"}
    assert recommend(few)["arm"].tolist() == ["L2"]
    assert recommend(few, lost=0.2)["arm"].tolist() == ["L1"]


def test_an_arm_that_failed_more_often_is_none_to_use():
    found = frame(arm("L2", 0.9), arm("L1", 0.9, zeros=0.9))
    found.loc[found["arm"].eq("L1") & found["seed"].eq(0), "status"] = "diverged"
    assert recommend(found)["arm"].tolist() == ["L2"]


def test_the_sentence_says_what_the_test_part_gave():
    found = frame(arm("none", 0.90), arm("L2", 0.95))
    said = sentence(recommend(found))
    test = {name: rows["test_accuracy"].to_numpy() for name, rows in found.groupby("arm")}
    score = stats.ttest_1samp(test["L2"], 0).confidence_interval(0.95)
    change = stats.ttest_rel(test["L2"], test["none"]).confidence_interval(0.95)
    assert said.endswith(
        f"; test accuracy 90.0 % [{100 * score.low:.1f}, {100 * score.high:.1f}] over 10 seeds, "
        f"+5.0 points [{100 * change.low:+.1f}, {100 * change.high:+.1f}] against none."
    )
    fewer = found.drop(index=found.index[:3])  # of none
    assert sentence(recommend(fewer)).endswith("against none over 7 seeds.")


def test_the_sentence_about_a_regression():
    said = sentence(recommend(regression(frame(arm("none", 0.90), arm("L2", 0.80)))))
    pattern = (
        r"test squared error 0\.75 \[0\.7\d+, 0\.7\d+\] over 10 seeds, -0\.1 \[-0\.1\d+, -0\.0\d+\]"
    )
    assert re.search(pattern, said), said


def test_the_sentence_about_one_seed():
    found = frame(arm("none", 0.90), arm("L2", 0.95))
    said = sentence(recommend(found[found["seed"] == 0]))
    assert "it does best, but one seed cannot tell arms apart" in said
    assert said.endswith("with one seed, +5.2 points against none.")
    assert "nan" not in said


@pytest.mark.parametrize(
    ("columns", "settings"),
    [
        ({"lam": 3e-4}, "Use X at λ = 0.0003: "),
        ({"lam": nan, "dropout": 0.33}, "Use X at a dropout rate of 0.33: "),
        ({"lam": nan, "strengths": "[0.001, 0.02]"}, "Use X at λ = 0.001 and 0.02: "),
        ({"lam": 1e-3, "lr": 0.1}, "Use X at λ = 0.001, lr = 0.1: "),
        ({"lam": nan}, "Use X: "),
    ],
)
def test_the_sentence_says_how_strong(columns: dict[str, Any], settings: str):
    found = frame(arm("none", 0.5), arm("X", 0.9, **columns))
    assert sentence(recommend(found)).startswith(settings)


def test_an_arm_alone_has_nothing_to_be_compared_with():
    said = sentence(recommend(frame(arm("none", 0.9))))
    assert said.startswith("Use no regularization: there is no other arm to compare it with; test ")
