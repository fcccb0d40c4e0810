"""The claims of the gallery: all that the documents claim, as they claim it."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import lpreg
from lpreg.analysis.claims import judge
from lpreg.analysis.evidence import METRICS, evidence
from lpreg.study.claims import ClaimTable, asked, kept, recipes, settings
from lpreg.study.sources import find
from tests.analysis.frames import results

DOCUMENTS = {"shapes": "SHAPES", "first-layer": "FIRST", "generalize": "IMAGE"}
STUDIES = {name: find(name)[0] for name in DOCUMENTS}
CLAIMS = [(name, claim) for name, study in STUDIES.items() for claim in study.claims]
DOCS = Path(__file__).parents[2] / "docs"
KEPT = DOCS / "results" / "shapes" / "document"
PAGE = (DOCS / "claims.md").read_text("utf-8")

SAID = {
    "shapes": {
        "L0 in the loss does nothing": "L0-accuracy L0-near-zeros",
        "L0 with an active mechanism makes zeros": "L0-zeroing",
        "the slope of L1 drives weights to zero": "L1-exact-zeros L1-zeroing",
        "low precision makes real zeros": "bfloat16-zeros int8-zeros",
        "shallow: no real overfitting": "shallow-gap",
        "shallow: no penalty makes a difference": "shallow-accuracy shallow-gap-same",
        "shallow: the gap is lowest without a penalty": "shallow-none-least-gap",
        "shallow: L1 makes nearly ten times as many near zeros": "shallow-L1-near-zeros",
        "shallow: L1 makes the most near zeros": "shallow-L1-most-near-zeros",
        "shallow: L2 makes some, too": "shallow-L2-near-zeros",
        "shallow: L3 makes none": "shallow-L3-near-zeros",
        "shallow: mean weights": "shallow-weights-smaller",
        "h32: a gap of 13 points, more than shallow": "h32-gap h32-overfits-more",
        "h32: training accuracy 1": "h32-training-accuracy",
        "h32: every penalty narrows the gap": "h32-penalties-narrow",
        "dropout is best": "h32-dropout-least-gap h32-dropout-best "
        "h256-dropout-least-gap h256-dropout-best",
        "deep is worse than shallow across the board": "h32-worse-than-shallow",
        "unless wide": "narrow-deep-worse wide-deep-not-worse",
        "L1 multiplies near zeros less in deep networks": "h32-L1-near-zeros h16-L1-near-zeros "
        "h256-L1-near-zeros h32-L1-sparsifies-less wider-L1-sparsifies-less",
        "h32: L1 makes the most near zeros": "h32-L1-most-near-zeros",
        "deep: the others make none": "h32-other-near-zeros h16-other-near-zeros",
        "h32: mean weights": "h32-weights-smaller",
        "wider is better": "wider-gap wider-accuracy",
        "dropout fails at h16": "h16-dropout-fails",
        "the tables of accuracies": "shallow-order h32-order h16-order h256-order",
        "a lower threshold would show more of L1, and less in experiment 1": "h16-lower-threshold "
        "h32-lower-threshold h256-lower-threshold shallow-lower-threshold",
        "double descent at h256": "double-descent double-descent-wide",
        "L1 suits pruning": "L1-pruning-shallow L1-pruning-h32",
    },
    "first-layer": {
        "L1 performs worst": "mnist-L1-worst mnist-L1-worst-training mnist-L1-worst-matched "
        "housing-L1-worst housing-L1-worst-training housing-L1-worst-matched",
        "L2 = L3": "mnist-L2-equals-L3 mnist-L2-equals-L3-matched "
        "housing-L2-equals-L3 housing-L2-equals-L3-matched",
        "why L2 = L3": "mnist-L2-L3-idle housing-L2-L3-idle",
        "convergence by the loss": "mnist-loss-converges mnist-loss-converges-matched "
        "housing-loss-converges housing-loss-converges-matched "
        "housing-loss-same housing-loss-same-matched",
        "convergence by the map": "mnist-map-converges mnist-map-converges-matched "
        "housing-map-converges housing-map-converges-matched "
        "housing-map-same housing-map-same-matched",
        "L2 and L3 capture important inputs": "housing-agreement housing-agreement-matched "
        "shuffled-agreement shuffled-agreement-matched",
        "latitude is brightest under L1": "latitude-brightest latitude-brighter "
        "latitude-brighter-matched",
        "latitude makes no sense": "latitude-unimportant",
        "L0 and L1 remove irrelevant inputs": "L1-removes L1-proximal-removes L1-dual-removes "
        "L0-proximal-removes inputs-dual-removes",
    },
    "generalize": {
        "L1 keeps the losses together": "Initial-L1-losses New-L1-losses ResNet-L1-losses "
        "Initial-L1-accuracies ResNet-L1-lower-loss",
        "L1 slows learning": "Initial-L1-slows New-L1-slows",
        "L1 helps ResNet and Initial slightly": "Initial-L1-helps ResNet-L1-helps",
        "L1 against L2": "Initial-L1-over-L2 New-L2-over-L1",
        "L2 helps New": "New-L2-helps",
        "L2 alone looks like no penalty": "Initial-L2-like-none Initial-L2-gap-like-none "
        "ResNet-L2-like-none",
        "both together": "New-both-worse Initial-both-like-L1 Initial-both-trains-more",
        "penalties lower the training accuracy": "Initial-train-lower New-train-lower "
        "ResNet-train-lower",
        "ResNet peaks within 15 epochs": "ResNet-peaks-early",
        "room to grow": "New-late Initial-L1-late",
        "ResNet is best and fits fastest": "ResNet-best ResNet-fits-faster",
        "New beats Initial by 2 points": "New-beats-Initial",
        "the architecture matters more": "architecture-over-L1 architecture-over-L2 "
        "architecture-over-both",
        "inconclusive over all": "L1-helps L2-helps both-help",
    },
}
"""What each document claims, in short, and the claims that ask it."""

each_claim = pytest.mark.parametrize(
    ("study", "claim"), CLAIMS, ids=[f"{name}: {claim.name}" for name, claim in CLAIMS]
)


@pytest.mark.parametrize("study", STUDIES)
def test_all_that_the_document_claims_is_asked_and_nothing_else(study: str):
    listed = [name for names in SAID[study].values() for name in names.split()]
    assert sorted(listed) == sorted(claim.name for claim in STUDIES[study].claims)


@each_claim
def test_a_claim_says_what_where_and_how_it_came_about(study: str, claim: ClaimTable):
    assert DOCUMENTS[study] in claim.source
    assert claim.text[0].isupper() and not claim.text.endswith(".")
    assert claim.published or claim.note


@each_claim
def test_its_sides_are_trained_and_can_be_paired(study: str, claim: ClaimTable):
    trained = settings(STUDIES[study])
    names = recipes(claim, trained)
    assert names
    free = [
        column
        for column in ("data", "model", "arm")
        if not any(column in selector for _, selector in claim.selectors)
    ]
    for recipe in names:
        places = [
            {tuple(each[column] for column in free) for each in trained if fits(each, selector)}
            for _, selector in claim.selectors
            for selector in [{"recipe": recipe, **selector}]
        ]
        assert set.intersection(*places)


def fits(setting: dict[str, Any], selector: dict[str, Any]) -> bool:
    return all(setting[column] == value for column, value in selector.items())


# What the documents print, as if it were ours: then their claims are supported, and where they are
# not the document contradicts itself. So no claim has its sides or its bounds the wrong way.

SHAPES = {  # training and validation accuracy, mean |w|, near zeros
    "shallow": """
        none .970 .950 .0124 1196
        L0   .970 .947 .0124 1163
        L1   .960 .938 .00755 10412
        L2   .961 .934 .00758 5454
        L3   .972 .951 .0121 1208""",
    "h32": """
        none 1.00 .869 .0701 4293
        L0   1.00 .869 .0701 4293
        L1   .997 .885 .0444 5420
        L2   1.00 .886 .0592 4230
        L3   1.00 .876 .0642 4250
        Linf 1.00 .882 .0516 4185
        dropout .998 .893 .0576 4377""",
    "h16": """
        none 1.00 .880 .101 1337
        L0   1.00 .880 .101 1337
        L1   1.00 .896 .0964 1627
        L2   1.00 .872 .0886 1348
        L3   1.00 .875 .0909 1341
        Linf .999 .876 .0969 1337
        dropout .401 .367 .0881 1377""",
    "h256": """
        none 1.00 .933 .00645 228115
        L0   1.00 .933 .00645 228115
        L1   1.00 .937 .00597 246463
        L2   1.00 .949 .00645 227827
        L3   1.00 .940 .00648 227991
        Linf 1.00 .945 .00606 226845
        dropout 1.00 .970 .00763 227213""",
}
IMAGE = {  # training and best validation accuracy, epoch
    "Initial": "none .2907 .1323 22\n L1 .2293 .1364 49\n L2 .2408 .136 19\n L1+L2 .1396 .1116 25",
    "New": "none .2979 .1571 38\n L1 .1389 .1169 50\n L2 .3466 .1764 44\n L1+L2 .1146 .1034 47",
    "ResNet": "none .3776 .2431 10\n L1 .4747 .2559 13\n L2 .4615 .2368 12\n L1+L2 .3959 .2456 10",
}
ITSELF = {
    "Initial-both-like-L1": "the row is another run's",
    "Initial-both-trains-more": "so it is here, and the run's own log says the same",
    "New-train-lower": "higher with L2",
    "ResNet-train-lower": "higher with all",
    "L1-helps": "it calls that inconclusive: worse on one network, better on two",
    "both-help": "the same",
}
"""Claims that the document's own tables contradict, and how."""


def published(tables: dict[str, str], columns: list[str], sizes: dict[str, int]) -> pd.DataFrame:
    """The tables of a document as evidence of twenty seeds, which hardly differ."""
    random, rows = np.random.default_rng(0), []
    for model, table in tables.items():
        for line in table.strip().splitlines():
            arm, *numbers = line.split()
            member = {"model": model, "arm": arm, "weights": sizes.get(model, 1)}
            for seed in range(20):
                told = np.array(numbers, dtype=float) * random.normal(1, 1e-4, len(columns))
                rows.append({**member, "seed": seed, **dict(zip(columns, told, strict=True))})
    frame = results(rows).assign(recipe="document")
    untold = [name for name in METRICS if name in frame and name not in columns]
    frame[untold] = np.nan
    return frame.assign(val_accuracy=0.5, val_loss=1.0)


def as_published(study: str) -> pd.DataFrame:
    """Verdicts on what the document prints."""
    if study == "shapes":
        sizes = {"shallow": 18_944, "h16": 2_464, "h32": 7_488, "h256": 346_624}
        columns = ["train_accuracy", "test_accuracy", "mean_abs_weight", "zeros_1e-3"]
        told = published(SHAPES, columns, sizes)
        told["gap"] = told["train_accuracy"] - told["test_accuracy"]
        told["near_zeros_share"] = told["zeros_1e-3"] / told["weights"]
        told["near_zeros_log"] = np.log10(told["zeros_1e-3"])
    else:
        told = published(IMAGE, ["train_accuracy", "best_test_accuracy", "best_epoch"], {})
    verdicts = judge(asked(STUDIES[study]), told, ["document"])
    return verdicts[verdicts["recipe"] == "document"].set_index("name")


@pytest.mark.parametrize("study", ["shapes", "generalize"])
def test_what_the_document_prints_supports_what_it_claims(study: str):
    verdicts = as_published(study)
    told = verdicts.loc[verdicts["verdict"] != "not run", "verdict"]
    assert len(told) > 20
    against = told.index.isin(list(ITSELF))
    assert set(told[~against]) == {"supported"}
    assert "supported" not in set(told[against])


# What our own runs say.


def verdicts_on_h16() -> pd.DataFrame:
    kept = lpreg.read(KEPT)
    told = evidence(kept.results, kept.curves, sparsity=kept.sparsity)
    verdicts = judge(asked(STUDIES["shapes"]), told, ["document"])
    return verdicts[verdicts["recipe"] == "document"].set_index("name")


def test_known_verdicts_on_the_kept_results_of_h16():
    verdicts = verdicts_on_h16()["verdict"]
    known = {
        "L0-accuracy": "supported",
        "L0-near-zeros": "supported",
        "h16-dropout-fails": "supported",
        "h16-L1-near-zeros": "contradicted",  # 50 times, not 1.22
        "h16-lower-threshold": "supported",
        "L1-exact-zeros": "contradicted",
        "h16-order": "inconclusive",
    }
    assert verdicts[list(known)].to_dict() == known


def test_the_verdicts_that_are_kept_are_those_of_the_kept_results():
    rows = lpreg.read(KEPT)
    told = evidence(rows.results, rows.curves, rows.measures, rows.sparsity)
    judged = judge(asked(STUDIES["shapes"]), told, ["document"])
    judged = judged[judged["verdict"] != "not run"].set_index("name")
    there = kept("shapes").set_index("name")
    assert there["verdict"].to_dict() == judged["verdict"].to_dict()
    for column in ("effect", "low", "high", "p", "n"):
        np.testing.assert_allclose(there[column], judged.loc[there.index, column], rtol=1e-4)


def test_the_page_shows_what_its_example_prints(capsys: pytest.CaptureFixture[str]):
    blocks = re.findall(r"^```python\n(.*?)^```\n```\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 2
    names: dict[str, Any] = {}
    for program, printed in blocks:
        exec(compile(program, "claims.md", "exec"), names)
        assert capsys.readouterr().out == printed


@pytest.mark.parametrize("metric", METRICS)
def test_the_page_names_what_a_claim_can_be_about(metric: str):
    like = re.sub(r"^(val|test)_(?=accuracy|loss|mse)", "train_", metric)
    assert f"`{like.replace('pruned_mse', 'pruned_accuracy')}`" in PAGE


@pytest.mark.parametrize("key", ClaimTable.model_fields)
def test_the_page_names_every_key_of_a_claim(key: str):
    assert re.search(rf"^{key} = |`{key}\b", PAGE, re.MULTILINE)
