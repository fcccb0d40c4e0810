"""Where the documents disagree: who says what, and what was found."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from lpreg.analysis.wording import sentence
from lpreg.explain.page import verdict_id
from lpreg.report.html import Html, element, join
from lpreg.report.page import section
from lpreg.report.verdicts import NOT_RUN, badge, css
from lpreg.study import claims, sources


class Disagreement(NamedTuple):
    """Documents that say what cannot be true together.

    Attributes:
        title: what it is about.
        said: document -> what it says.
        tried: (topic, name) of the statements here that decide it.
        studies: study of the gallery -> the claims of it that do.
        why: what makes them differ.
    """

    title: str
    said: Mapping[str, str]
    tried: Sequence[tuple[str, str]]
    studies: Mapping[str, Sequence[str]] = {}
    why: str = ""


ALL = (
    Disagreement(
        "Is the elastic net better than L1 or L2 alone?",
        {
            "COURAGE": "It reduces overfitting more than either alone.",
            "IMAGE": "Both penalties together are worse than either alone, and than none, for New.",
        },
        (
            ("truth", "truth-net-sparse"),
            ("truth", "truth-net-dense"),
            ("tuning", "tuning-net"),
        ),
        {"generalize": ("New-both-worse", "both-help")},
        "IMAGE adds two strengths that were chosen for one alone, so that it pulls twice; a tuned "
        "mixture comes near to L1 and to L2 at its ends, and loses by the choice.",
    ),
    Disagreement(
        "Is L3 the same as L2?",
        {
            "FIRST": "L2 and L3 perform alike.",
            "COURAGE": "L3 and L4 act as L2 does, without new advantages.",
            "SHAPES": "L3 has the best validation accuracy of the shallow network, L2 the worst.",
        },
        (
            ("orders", "orders-L3-accuracy"),
            ("orders", "orders-L3-zeros"),
            ("orders", "orders-L4-accuracy"),
        ),
        {"first-layer": ("mnist-L2-equals-L3", "mnist-L2-equals-L3-matched", "mnist-L2-L3-idle")},
        "One strength for all orders is none for the high ones: small weights to the third power "
        "hardly count. Alike are two penalties that do nothing.",
    ),
    Disagreement(
        "Does L1 help or harm?",
        {
            "FIRST": "L1 performs worst.",
            "IMAGE": "L1 helps Initial and ResNet slightly, and harms New.",
            "THEORY": "It depends: ridge is better when all inputs matter about equally.",
        },
        (("truth", "truth-sparse"), ("truth", "truth-dense")),
        {
            "first-layer": ("mnist-L1-worst", "mnist-L1-worst-matched"),
            "generalize": ("L1-helps", "Initial-L1-helps", "ResNet-L1-helps"),
        },
        "It depends on how many inputs matter, and on the strength.",
    ),
    Disagreement(
        "Who is robust to outliers?",
        {
            "THEORY": "L1 regularization is robust to outliers, ridge is not, as squares blow up "
            "the errors of outliers.",
            "its own argument": "The squares of errors are in the loss, not in the penalty.",
        },
        (
            ("outliers", "outliers-l1"),
            ("outliers", "outliers-l2"),
            ("outliers", "outliers-l1-l2"),
            ("outliers", "outliers-loss"),
        ),
        why="What is known of the absolute loss was said of the absolute penalty.",
    ),
    Disagreement(
        "Are biases to be penalised?",
        {
            "THEORY": "Only weights are, as biases need less data.",
            "IMAGE": "Its code penalises all parameters, biases and BatchNorm included.",
        },
        (("biases", "biases-alone"), ("biases", "biases-too")),
        why="Biases are few: it hardly matters.",
    ),
    Disagreement(
        "Is a large model to be regularised?",
        {
            "THEORY": "The best model is a large one that has been regularised.",
            "SHAPES": "Wider is better without any penalty.",
        },
        (
            ("tradeoff", "tradeoff-large"),
            ("tradeoff", "tradeoff-always"),
            ("votes", "votes-large"),
        ),
    ),
    Disagreement(
        "Does L1 speed learning up or slow it down?",
        {
            "FIRST": "L1 converges first, then L2, then L3.",
            "IMAGE": "L1 slows learning down.",
        },
        (),
        {
            "first-layer": ("mnist-loss-converges", "mnist-loss-converges-matched"),
            "generalize": ("Initial-L1-slows", "New-L1-slows"),
        },
        "FIRST asks when the loss stops to change, IMAGE when the accuracy is best.",
    ),
    Disagreement(
        "Can L0 be used?",
        {
            "FIRST": "L0 and L1 remove irrelevant inputs.",
            "SHAPES": "L0 in the loss does nothing, as it has no slope; it is for algorithms "
            "without gradients.",
        },
        (
            ("norms", "slope-of-l0"),
            ("evolution", "evolution-works"),
            ("evolution", "evolution-sparse"),
        ),
        why="By its gradient it does nothing; by its prox, or by evolution, it selects.",
    ),
    Disagreement(
        "Is L1 in one go enough to remove weights?",
        {
            "THEORY": "L1 is a one-shot thing; iterative removal costs more and decides better "
            "where to cut.",
            "SHAPES": "L1 suits pruning.",
        },
        (
            ("removal", "removal-cost"),
            ("removal", "removal-l1"),
            ("removal", "removal-once"),
            ("removal", "removal-random"),
        ),
    ),
    Disagreement(
        "Are local minima a problem?",
        {
            "COURAGE, of p < 1": "Not convex, with many local minima: to be avoided.",
            "COURAGE, of deep networks": "Local minima are close to the best, and no problem.",
        },
        (("norms", "not-convex"),),
        why="The topic on minima counts them, for p = 0.5 and for a network.",
    ),
)


Found = Mapping[tuple[str, str], Mapping[Any, Any]]


def body(rows: Found) -> Html:
    """The page, given what was found."""
    return join(_section(i, each, rows) for i, each in enumerate(ALL))


def sides(rows: Found) -> pd.DataFrame:
    """What decides each: `disagreement`, `statement`, `verdict`, `ours`."""
    told = [
        (each.title, row["text"], row["verdict"], row["ours"])
        for each in ALL
        for row in [*_tried(each, rows).values(), *_asked(each)]
    ]
    return pd.DataFrame(told, columns=["disagreement", "statement", "verdict", "ours"])


def _tried(each: Disagreement, rows: Found) -> dict[tuple[str, str], Mapping[Any, Any]]:
    return {key: rows[key] for key in each.tried if key in rows}


def _asked(each: Disagreement) -> list[dict[Any, Any]]:
    """What the studies of the gallery say, as far as their verdicts are kept."""
    found = []
    for name, wanted in each.studies.items():
        kept = claims.verdicts(sources.find(name)[0], pd.DataFrame())
        rows = kept.loc[kept["name"].isin(wanted)].assign(study=name)
        found += rows.to_dict("records")
    return found


def _section(number: int, each: Disagreement, rows: Found) -> Html:
    said = [element("li", element("strong", who), ": ", what) for who, what in each.said.items()]
    tried, asked = _tried(each, rows), _asked(each)
    missing = dict.fromkeys(topic for topic, name in each.tried if (topic, name) not in tried)
    here = [
        _found(row, element("a", row["text"], href=f"../index.html#{verdict_id(*key)}"))
        for key, row in tried.items()
    ]
    studies = [
        _found(row, join(row["text"], f" (study {row['study']}, recipe {row['recipe']})"))
        for row in asked
        if row["verdict"] != NOT_RUN
    ]
    told = {row["study"] for row in asked if row["verdict"] != NOT_RUN}
    lacking = [f"lpreg explain {topic}" for topic in missing]
    lacking += [f"lpreg run {study}" for study in each.studies if study not in told]
    return section(
        f"disagreement-{number}",
        each.title,
        element("ul", said, class_="text"),
        element("h3", "What we find"),
        element("ul", here, studies, class_="claims") if here or studies else None,
        element("p", "Asked too, not run: ", _commands(lacking), class_="quiet")
        if lacking
        else None,
        element("p", each.why) if each.why else None,
    )


def _commands(lines: Sequence[str]) -> Html:
    return join([join("; " if i else None, element("code", one)) for i, one in enumerate(lines)])


def _found(row: Mapping[Any, Any], words: Html) -> Html:
    told = row["ours"] if row["kind"] == "computed" else sentence(row)
    return element(
        "li",
        element("p", badge(row["verdict"]), " ", words),
        element("p", told, class_="quiet small"),
        class_=f"claim {css(row['verdict'])}",
    )
