"""Claims: what the seeds show of them, by hand, and what chance alone does."""

from collections.abc import Mapping, Sequence
from itertools import product
from math import exp, inf, log, sqrt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy import stats

from lpreg.analysis.claims import Claim, judge, sentence
from tests.analysis.frames import NONE, results

L1, L2, L3, PLAIN = ({"arm": arm} for arm in ("L1", "L2", "L3", "none"))


def told(values: Mapping[str, Any], metric: str = "test_accuracy") -> pd.DataFrame:
    """Evidence with these values of a metric per arm, seed 0 first; a NaN is a diverged member."""
    return results(
        {
            **(NONE if arm == "none" else {}),
            "arm": arm,
            "seed": seed,
            "status": "ok" if np.isfinite(value) else "diverged",
            metric: float(value),
        }
        for arm, each in values.items()
        for seed, value in enumerate(each)
    )


def claim(kind: str, *sides: Any, metric: str = "test_accuracy", **more: Any) -> Claim:
    """A claim of a kind about sides that are selectors or tuples of such."""
    keys = ["sides"] if kind == "order" else ["left", "right"][: len(sides)]
    several = [each if isinstance(each, tuple) else (each,) for each in sides]
    return Claim("it", "It is so", kind, metric, **dict(zip(keys, several, strict=True)), **more)


def row(asked: Claim, evidence: pd.DataFrame, **more: Any) -> pd.Series:
    """The only verdict on a claim."""
    rows = judge([asked], evidence, ["modern"], **more)
    assert len(rows) == 1
    return rows.iloc[0]


HIGH, LOW = [0.95, 0.96, 0.97, 0.95], [0.90, 0.92, 0.91, 0.90]  # by .05, .04, .06, .05
NEAR = [0.951, 0.959, 0.970, 0.950]


def test_a_difference_by_hand():
    found = row(claim("higher", L1, PLAIN), told({"L1": HIGH, "none": LOW}))
    error = np.std([0.05, 0.04, 0.06, 0.05], ddof=1) / sqrt(4)
    half = stats.t.ppf(0.975, 3) * error
    assert found["verdict"] == "supported"
    assert found["n"] == 4
    assert found["unit"] == "points"
    numbers = found[["effect", "low", "high", "left_mean", "right_mean"]].astype(float)
    expected = [5, 100 * (0.05 - half), 100 * (0.05 + half), 95.75, 90.75]
    assert numbers.tolist() == pytest.approx(expected)
    assert found["p"] == pytest.approx(2 * stats.t.sf(0.05 / error, 3))
    assert found["p_adjusted"] == found["p"]
    assert found["ours"] == "+5.0 points [3.7, 6.3]"
    words = sentence(found.to_dict())
    assert words.startswith("Supported: test accuracy 95.8 % against 90.8 %, +5.0 points")
    assert words.endswith("over 4 seeds in h32.")


def test_the_pairs_count_and_not_the_spread_of_the_sides():
    spread = np.array([0.5, 0.7, 0.9, 0.6])
    found = row(claim("higher", L1, PLAIN), told({"L1": spread + 0.01, "none": spread - 0.01}))
    assert found["effect"] == pytest.approx(2)
    wide = row(claim("higher", L1, PLAIN), told({"L1": spread + 0.01, "none": spread[::-1]}))
    assert wide["verdict"] == "inconclusive"


VERDICTS = {
    "higher": (claim("higher", L1, PLAIN), HIGH, LOW, "supported"),
    "not higher": (claim("higher", PLAIN, L1), HIGH, LOW, "contradicted"),
    "lower": (claim("lower", PLAIN, L1), HIGH, LOW, "supported"),
    "not lower": (claim("lower", L1, PLAIN), HIGH, LOW, "contradicted"),
    "higher by a lot": (claim("higher", L1, PLAIN, above=0.03), HIGH, LOW, "supported"),
    "not by that much": (claim("higher", L1, PLAIN, above=0.09), HIGH, LOW, "contradicted"),
    "lower by a lot": (claim("lower", PLAIN, L1, below=-0.09), HIGH, LOW, "contradicted"),
    "too little": (claim("higher", L1, PLAIN, margin=0.09), HIGH, LOW, "contradicted"),
    "enough": (claim("higher", L1, PLAIN, margin=0.01), HIGH, LOW, "supported"),
    "lower by too little": (claim("lower", PLAIN, L1, margin=0.09), HIGH, LOW, "contradicted"),
    "equal": (claim("equal", L1, PLAIN, margin=0.01), HIGH, NEAR, "supported"),
    "equal, closely": (claim("equal", L1, PLAIN, margin=0.001), HIGH, NEAR, "inconclusive"),
    "not equal": (claim("equal", L1, PLAIN, margin=0.01), HIGH, LOW, "contradicted"),
    "nothing to see": (claim("higher", L1, PLAIN), HIGH, NEAR, "inconclusive"),
    "a level": (claim("curve", L1, above=0.9), HIGH, LOW, "supported"),
    "between levels": (claim("curve", L1, above=0.5, below=0.8), HIGH, LOW, "contradicted"),
    "a level to stay below": (claim("curve", PLAIN, below=0.95), HIGH, LOW, "supported"),
}


@pytest.mark.parametrize(("asked", "left", "right", "verdict"), VERDICTS.values(), ids=VERDICTS)
def test_verdicts(asked: Claim, left: list[float], right: list[float], verdict: str):
    assert row(asked, told({"L1": left, "none": right}))["verdict"] == verdict


def test_a_ratio_by_hand():
    many, few = [200, 220, 180, 210], [20, 20, 22, 19]
    found = row(
        claim("ratio", L1, PLAIN, metric="zeros_1e-3", above=5.0, below=20.0),
        told({"L1": many, "none": few}, "zeros_1e-3"),
    )
    logs = np.log(np.divide(many, few))
    half = stats.t.ppf(0.975, 3) * logs.std(ddof=1) / 2
    assert found["verdict"] == "supported"
    assert found["effect"] == pytest.approx(exp(logs.mean()))
    assert found["low"] == pytest.approx(exp(logs.mean() - half))
    distances = [logs.mean() - log(5), log(20) - logs.mean()]
    p = 2 * max(stats.t.sf(each / (logs.std(ddof=1) / 2), 3) for each in distances)
    assert found["p"] == pytest.approx(p)
    assert found["unit"] == "times"
    assert found["ours"].startswith("10.0 times [")


@pytest.mark.parametrize(
    ("many", "few", "effect", "verdict"),
    [
        ([30, 34, 28, 32], [0, 4, 2, 2], 15.5, "supported"),
        ([30, 34, 28, 32], [0, 0, 0, 0], inf, "supported"),
        ([0, 4, 2, 2], [30, 34, 28, 32], 2 / 31, "contradicted"),
    ],
    ids=["some zeros", "nothing but zeros", "the other way"],
)
def test_a_ratio_with_zeros_is_one_of_means(
    many: list[int], few: list[int], effect: float, verdict: str
):
    found = row(
        claim("ratio", L1, PLAIN, metric="zeros_1e-3", above=2.0),
        told({"L1": many, "none": few}, "zeros_1e-3"),
    )
    assert found["verdict"] == verdict
    assert found["effect"] == pytest.approx(effect)
    assert found["low"] <= effect <= found["high"]
    assert "ratio of the means" in found["reason"]
    against = np.subtract(many, np.multiply(2.0, few))
    side = {"supported": "greater", "contradicted": "less"}[verdict]
    expected = stats.ttest_1samp(against, 0, alternative=side).pvalue  # pyright: ignore
    assert found["p"] == pytest.approx(2 * expected)


def test_the_interval_of_a_ratio_of_means_holds_the_ratios_that_are_not_refused():
    many, few = [30, 34, 28, 32, 25], [0, 4, 2, 2, 5]
    evidence = told({"L1": many, "none": few}, "zeros_1e-3")
    found = row(claim("ratio", L1, PLAIN, metric="zeros_1e-3", above=2.0), evidence)
    for end in ("low", "high"):
        against = np.array(many) - found[end] * np.array(few)
        assert stats.ttest_1samp(against, 0).pvalue == pytest.approx(0.05)  # pyright: ignore


def test_a_difference_of_differences_by_hand():
    values = {"L1": HIGH, "L2": LOW, "L3": [0.93, 0.94, 0.93, 0.92], "none": LOW[::-1]}
    found = row(claim("difference", (L1, L2), (L3, PLAIN)), told(values))
    each = np.subtract(HIGH, LOW) - np.subtract(values["L3"], values["none"])
    assert found["effect"] == pytest.approx(100 * each.mean())
    assert found["left_mean"] == pytest.approx(5)
    assert found["right_mean"] == pytest.approx(100 * np.subtract(values["L3"], LOW[::-1]).mean())
    p = stats.ttest_1samp(each, 0).pvalue  # pyright: ignore
    assert found["p"] == pytest.approx(p)


def test_an_order_holds_if_every_neighbour_does():
    values = {"L1": [9, 9.1, 9.2], "L2": [5, 5.2, 5.3], "L3": [1, 1.2, 1.1]}
    evidence = told(values, "mean_abs_weight")
    right = row(claim("order", (L1, L2, L3), metric="mean_abs_weight"), evidence)
    assert right["verdict"] == "supported"
    assert right["comparisons"] == 2
    wrong = row(claim("order", (L1, L3, L2), metric="mean_abs_weight"), evidence)
    assert wrong["verdict"] == "contradicted"
    assert wrong["about"] == "L3 against L2"
    assert "against it: L3 against L2" in sentence(wrong.to_dict())


def test_a_claim_about_several_sides_is_about_all_of_them():
    near = [0.91, 0.91, 0.92, 0.89]
    evidence = told({"L1": HIGH, "L2": [0.96, 0.98, 0.97, 0.97], "L3": near, "none": LOW})
    both = row(claim("higher", (L1, L2), PLAIN), evidence)
    assert both["verdict"] == "supported"
    alone = [row(claim("higher", each, PLAIN), evidence)["p"] for each in (L1, L2)]
    assert both["p"] == pytest.approx(max(alone))
    assert row(claim("higher", (L1, L3), PLAIN), evidence)["verdict"] == "inconclusive"
    wrong = row(claim("lower", (L1, L2), PLAIN), evidence)
    assert wrong["verdict"] == "contradicted"
    assert wrong["p"] == pytest.approx(2 * min(alone))  # twice looked, twice the chance


def test_claims_of_a_study_are_held_together():
    values = {"L1": HIGH, "L2": NEAR, "L3": LOW, "none": LOW[::-1]}
    asked = [claim("higher", each, PLAIN) for each in (L1, L2, L3)]
    asked.append(claim("higher", {"arm": "L7"}, PLAIN))
    rows = judge(asked, told(values), ["modern"])
    p = rows["p"].tolist()
    order = np.argsort(p[:3])
    expected = np.maximum.accumulate(np.array(p)[order] * [3, 2, 1]).clip(max=1)
    assert rows["p_adjusted"].to_numpy()[order] == pytest.approx(expected)
    assert np.isnan(p[3])


def test_exactly_the_same_is_equal_and_not_higher():
    ten = (np.arange(10) / 100).tolist()
    evidence = told({"L1": ten, "none": ten})
    verdicts = {
        ("equal", 0.01): "supported",
        ("higher", None): "inconclusive",
        ("higher", 0.01): "contradicted",
        ("lower", 0.01): "contradicted",
    }
    for (kind, margin), verdict in verdicts.items():
        found = row(claim(kind, L1, PLAIN, margin=margin), evidence)
        assert (found["verdict"], found["ours"]) == (verdict, "exactly 0 points")


def test_one_seed_decides_nothing():
    found = row(claim("higher", L1, PLAIN), told({"L1": [0.9], "none": [0.1]}))
    assert found["verdict"] == "inconclusive"
    assert (found["n"], found["reason"], found["ours"]) == (1, "one seed", "+80.0 points")
    assert np.isnan(found["p"])
    assert "more seeds would tell" in sentence(found.to_dict())


def test_a_pair_with_a_diverged_member_is_left_out():
    lost = [*HIGH, np.nan]
    found = row(claim("higher", L1, PLAIN), told({"L1": lost, "none": [*LOW, 0.5]}))
    assert found["n"] == 4
    assert found["reason"] == "1 of 5 seeds left out: a member diverged"
    assert found["effect"] == pytest.approx(5)
    none = row(claim("higher", L1, PLAIN), told({"L1": [np.nan] * 3, "none": LOW[:3]}))
    assert (none["verdict"], none["n"]) == ("inconclusive", 0)
    assert none["reason"] == "no seed; 3 of 3 seeds left out: a member diverged"
    assert none["ours"] == ""
    assert sentence(none.to_dict()) == f"Inconclusive: {none['reason']}."


def test_a_network_with_few_seeds_does_not_cost_the_others_theirs():
    ten = (np.arange(10) / 100).tolist()
    whole = told({"L1": [0.5 + each for each in ten], "none": ten})
    begun = whole.loc[whole["seed"] < 2].assign(model="h256", test_accuracy=0.1)
    nearly = whole.loc[whole["seed"] < 9].assign(model="h16")
    everywhere = {"arm": "L1"}, {"arm": "none"}
    found = row(claim("higher", *everywhere), pd.concat([whole, begun, nearly]))
    assert found["n"] == 9 and found["effect"] == pytest.approx(50)
    assert found["reason"] == "h256 left out: run with 2 of 9 seeds"
    assert row(claim("equal", *everywhere, margin=1e-3), begun)["n"] == 2


def test_seeds_are_matched_whatever_their_order_and_number():
    evidence = told({"L1": HIGH, "none": LOW})
    more = pd.concat([evidence, results([{"arm": "L1", "seed": 9, "test_accuracy": 0.0}])])
    asked = claim("higher", L1, PLAIN)
    assert_frame_equal(judge([asked], more, ["modern"]), judge([asked], evidence, ["modern"]))


def test_what_was_not_run_says_what_is_missing():
    evidence = told({"L1": HIGH, "none": LOW})
    gone = row(claim("higher", {"arm": "L2", "model": "h32"}, PLAIN), evidence)
    assert (gone["verdict"], gone["n"], gone["ours"]) == ("not run", 0, "")
    assert gone["reason"] == "nothing with L2, h32 was run"
    rows = judge([claim("higher", L1, PLAIN)], evidence, ["modern", "document"])
    assert list(rows["recipe"]) == ["document", "modern"]  # the document's first
    assert rows["reason"].iloc[0] == "recipe document was not run"
    assert sentence(rows.iloc[0].to_dict()) == "Not run: recipe document was not run."
    unmeasured = row(claim("higher", L1, PLAIN, metric="dead_units"), evidence)
    assert (unmeasured["verdict"], unmeasured["reason"]) == ("not run", "not measured")
    nothing = judge([claim("higher", L1, PLAIN)], pd.DataFrame(), ["modern"])
    assert list(nothing["verdict"]) == ["not run"]


def epochs(found: Mapping[str, Sequence[float]], last: float = 100) -> pd.DataFrame:
    evidence = told(found, "loss_epoch")
    return evidence.assign(loss_converged=evidence["loss_epoch"] < last)


def test_what_was_not_measured_in_one_network_is_told_of_the_others():
    there = told({"L1": HIGH, "none": LOW})
    gone = there.assign(model="older", test_accuracy=float("nan"))
    found = row(claim("higher", L1, PLAIN), pd.concat([there, gone], ignore_index=True))
    alone = row(claim("higher", L1, PLAIN), there)
    assert found.drop("where").equals(alone.drop("where"))
    failed = gone.assign(status="diverged")  # these are no networks that were not measured
    lost = row(claim("higher", L1, PLAIN), pd.concat([there, failed], ignore_index=True))
    assert lost["n"] == 0


def test_times_that_nobody_reached_say_nothing():
    asked = claim("lower", L1, PLAIN, metric="loss_epoch")
    none = row(asked, epochs({"L1": [100, 100, 100], "none": [100, 100, 100]}))
    assert (none["verdict"], none["reason"]) == ("inconclusive", "none converged")
    assert np.isnan(none["p"])
    some = row(asked, epochs({"L1": [40, 50, 45, 48], "none": [100, 100, 100, 100]}))
    assert some["verdict"] == "supported"
    assert some["unit"] == "epochs"


def test_sides_may_be_of_different_models_and_are_joined_by_what_is_left_open():
    cells = product(("h32", "h256"), ("L1", "none"), range(4))
    rng = np.random.default_rng(0)
    rows = [
        {
            "model": model,
            "arm": arm,
            "seed": seed,
            "test_accuracy": 0.5 + 0.2 * (model == "h256") + 0.1 * (arm == "L1") + noise,
        }
        for (model, arm, seed), noise in zip(cells, rng.normal(0, 0.01, 16), strict=True)
    ]
    evidence = results(rows)
    wide = row(claim("higher", {"model": "h256"}, {"model": "h32"}), evidence)
    assert wide["n"] == 4  # both arms of a seed are one repetition
    table = evidence.pivot(index="seed", columns=["model", "arm"], values="test_accuracy")
    both = (table["h256"] - table["h32"]).to_numpy().mean(axis=1)
    assert wide["effect"] == pytest.approx(100 * both.mean())
    same = row(claim("higher", L1, PLAIN), evidence)
    assert (same["n"], same["where"]) == (4, "h256, h32")
    assert "over 4 seeds in h256, h32" in sentence(same.to_dict())
    assert wide["p"] == pytest.approx(stats.ttest_1samp(both, 0).pvalue)  # pyright: ignore
    other = row(claim("higher", {"model": "h256", "arm": "none"}, L1 | {"model": "h32"}), evidence)
    across = table["h256", "none"] - table["h32", "L1"]
    assert other["effect"] == pytest.approx(100 * across.mean())


def settings() -> pd.DataFrame:
    """Two strengths of L1, by validation the second; the first is better on the test part."""
    rows = [
        {"arm": "L1", "lam": lam, "lr": 0.1, "seed": seed, "val_accuracy": val, "test_accuracy": t}
        for lam, val, test in ((1.0, 0.8, 0.99), (2.0, 0.9, 0.6))
        for seed, t in enumerate(np.add(test, [0.001, -0.001, 0.002]))
    ]
    plain = [
        {**NONE, "lr": lr, "seed": seed, "val_accuracy": 0.7 + lr, "test_accuracy": 0.7}
        for lr in (0.1, 0.01)
        for seed in range(3)
    ]
    return results([*rows, *plain])


def test_what_validation_chose_is_compared():
    chosen = row(claim("higher", L1, PLAIN), settings())
    assert chosen["left_mean"] == pytest.approx(60.07, abs=0.01)
    assert chosen["verdict"] == "contradicted"
    named = row(claim("higher", L1 | {"lam": 1.0}, PLAIN), settings())
    assert named["left_mean"] == pytest.approx(99.07, abs=0.01)
    assert named["about"] == "L1, lam 1 against none"


def test_matched_strengths_are_compared_share_by_share():
    noise = [0.001, -0.001, 0.002, 0.0]
    shares = {"L1": (0.01, 0.1), "L2": (0.1, 1.0), "none": (np.nan,)}
    level = {"L1": 0.9, "L2": 0.8, "none": 0.7}
    rows = [
        {"arm": arm, "share": share, "seed": seed, "test_accuracy": level[arm] + each}
        for arm in shares
        for share in shares[arm]
        for seed, each in enumerate(np.roll(noise, ord(arm[-1])))
    ]
    evidence = results(rows)
    asked = claim("higher", L1, L2, at="matched")
    found = row(asked, evidence)
    assert (found["comparisons"], found["about"]) == (1, "L1 against L2, share 0.1")
    assert found["verdict"] == "supported"
    assert row(claim("higher", L1, PLAIN, at="matched"), evidence)["comparisons"] == 2
    apart = evidence.loc[evidence["share"] != 0.1]
    assert row(asked, apart)["reason"] == "no share of the gradient that all its sides have was run"


def test_recipes_that_sides_name_are_compared():
    rows = [
        {"arm": "L1", "recipe": recipe, "seed": seed, "test_accuracy": value}
        for recipe, values in (("modern", HIGH), ("document", LOW))
        for seed, value in enumerate(values)
    ]
    asked = claim("higher", L1 | {"recipe": "modern"}, L1 | {"recipe": "document"})
    asked = Claim(**{**vars(asked), "recipes": ("modern and document",)})
    rows = judge([asked], results(rows), ["modern", "document"])
    assert list(rows["recipe"]) == ["modern and document"]
    assert list(rows["verdict"]) == ["supported"]


def test_the_order_of_the_rows_does_not_matter():
    evidence = pd.concat([settings(), told({"L2": HIGH[:3], "L3": [0.5, 0.6, np.nan]})])
    asked = [
        claim("higher", (L1, L2), PLAIN),
        claim("order", (L1, L3, PLAIN)),
        claim("ratio", L1, L2, above=0.1),
        claim("equal", L3, L1, margin=0.1),
    ]
    expected = judge(asked, evidence, ["modern"])
    for seed in range(5):
        shuffled = evidence.sample(frac=1, random_state=seed)
        assert_frame_equal(judge(asked, shuffled, ["modern"]), expected)


def test_what_an_open_claim_needs_is_enough():
    rng = np.random.default_rng(1)
    base = rng.normal(0.5, 0.1, 8)
    few = row(
        claim("higher", L1, PLAIN),
        told({"L1": base + 0.01 + 0.02 * np.tile([-1, 1], 4), "none": base}),
    )
    assert few["verdict"] == "inconclusive"
    n = int(few["needed"])
    assert n > 8
    found = 0
    for _ in range(400):
        sample = rng.normal(0.01, 0.02 * sqrt(8 / 7), n)
        found += stats.ttest_1samp(sample, 0).pvalue < 0.05 and sample.mean() > 0  # pyright: ignore
    assert 0.72 < found / 400 < 0.88
    hopeless = row(claim("higher", L1, PLAIN), told({"L1": [0.1, 0.3], "none": [0.3, 0.1]}))
    assert hopeless["needed"] == inf


def test_seeds_that_share_samples_prove_less():
    rng = np.random.default_rng(2)
    evidence = told({"L1": rng.normal(0.53, 0.05, 10), "none": np.full(10, 0.5)})
    asked = claim("higher", L1, PLAIN)
    plain = row(asked, evidence)
    corrected = row(asked, evidence, test_share={"digits": 0.25})
    wide = (corrected["high"] - corrected["low"]) / (plain["high"] - plain["low"])
    assert wide == pytest.approx(sqrt((0.1 + 0.25) / 0.1))
    assert corrected["p"] > plain["p"]
    other = row(asked, evidence, test_share={"mnist": 0.25})
    assert other["p"] == plain["p"]


def null_study(rng: np.random.Generator) -> pd.DataFrame:
    """Arms that all do the same, ten seeds; what a seed has is common to its members."""
    common = rng.normal(0, 0.02, 10)
    arms = [f"arm{i}" for i in range(12)]
    return told({arm: 0.9 + common + rng.normal(0, 0.01, 10) for arm in [*arms, "none"]})


def test_chance_alone_decides_few_studies():
    """Twelve claims about arms without any effect: at most 5 % of such studies may have one that is
    called supported, or contradicted; 2 standard errors more are simulation."""
    arms = [{"arm": f"arm{i}"} for i in range(12)]
    asked = [claim("higher" if i % 2 else "lower", arm, PLAIN) for i, arm in enumerate(arms[:8])]
    asked += [claim("difference", (arms[8], PLAIN), (arms[9], PLAIN))]
    asked += [claim("order", (arms[10], arms[11], PLAIN))]
    asked += [claim("higher", tuple(arms[:3]), PLAIN), claim("ratio", arms[3], arms[4], above=1.0)]
    assert len(asked) == 12
    rng = np.random.default_rng(0)
    studies = 50
    verdicts = [judge(asked, null_study(rng), ["modern"])["verdict"] for _ in range(studies)]
    limit = 0.05 + 2 * sqrt(0.05 * 0.95 / studies)
    for verdict in ("supported", "contradicted"):
        assert np.mean([(each == verdict).any() for each in verdicts]) <= limit
    assert np.mean([(each != "inconclusive").any() for each in verdicts]) <= limit
