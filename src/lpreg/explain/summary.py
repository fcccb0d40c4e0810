"""The summary table: what each penalty does, every answer from a statement that was tried."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from lpreg.explain.disagreements import body, sides
from lpreg.explain.page import verdict_id
from lpreg.explain.topics import TOPICS, Progress, Result, read
from lpreg.report.html import Html, element, join
from lpreg.report.page import page

PAGE, DISAGREEMENTS = "summary.html", "disagreements.html"

Rows = Mapping[tuple[str, str], Mapping[Any, Any]]
"""(topic, name of a statement) -> its row of verdicts."""


class Cell(NamedTuple):
    """What the table says of a penalty.

    Attributes:
        topic, name: of the statement that it rests on.
        yes: what is said when that is supported. no: when it is contradicted.
    """

    topic: str
    name: str
    yes: str = "yes"
    no: str = "no"


PENALTIES = ("L1", "L2", "elastic net", "L0", "p = 0.5", "L3, L4")

TABLE: dict[str, dict[str, Cell]] = {
    "Gives exact zeros": {
        "L1": Cell("zeros", "l1-zeros"),
        "L2": Cell("zeros", "l1-zeros", "no", "yes"),
        "L3, L4": Cell("zeros", "no-zeros-above-1", "no", "yes"),
    },
    "Slope": {
        "L1": Cell("norms", "slope-of-l1", "the same for every weight", "changes"),
        "L0": Cell("norms", "slope-of-l0", "none: nothing for gradients to follow", "has one"),
        "L3, L4": Cell("norms", "slopes-straight", "a straight line", "a curve, flat at 0"),
    },
    "Convex": {
        "L1": Cell("norms", "not-convex"),
        "L2": Cell("norms", "not-convex"),
        "p = 0.5": Cell("norms", "not-convex", "no", "yes"),
        "L3, L4": Cell("norms", "not-convex"),
    },
    "As a prior on the weights": {
        "L1": Cell("priors", "laplace-prior", "Laplace", "not Laplace"),
        "L2": Cell("priors", "gaussian-prior", "Gaussian", "not Gaussian"),
    },
    "Robust to outliers": {
        "L1": Cell("outliers", "outliers-l1"),
        "L2": Cell("outliers", "outliers-l2", "no", "yes"),
    },
    "Predicts well when few inputs matter": {
        "L1": Cell("truth", "truth-sparse", "better than L2", "not better than L2"),
        "L2": Cell("truth", "truth-sparse", "worse than L1", "not worse than L1"),
        "elastic net": Cell(
            "truth", "truth-net-sparse", "better than L1 and L2", "no better than L1"
        ),
        "L0": Cell("evolution", "evolution-sparse", "better than L1", "worse than L1"),
    },
    "Predicts well when all matter alike": {
        "L1": Cell("truth", "truth-dense", "worse than L2", "not worse than L2"),
        "L2": Cell("truth", "truth-dense", "better than L1", "not better than L1"),
        "elastic net": Cell(
            "truth", "truth-net-dense", "better than L1 and L2", "worse than L2 alone"
        ),
        "L0": Cell("evolution", "evolution-dense", "better than L1", "worse than L1"),
    },
    "Selects steadily among correlated inputs": {
        "L1": Cell("stability", "stability-half", "less than elastic net", "as elastic net"),
        "elastic net": Cell("stability", "stability-half", "more than L1", "no more than L1"),
    },
    "Trades bias for variance": {"L2": Cell("tradeoff", "tradeoff-variance")},
    "Makes a large network the best": {
        "L2": Cell("tradeoff", "tradeoff-large", "yes, on a smooth curve", "no"),
    },
    "Needs little tuning": {
        "elastic net": Cell("tuning", "tuning-harder", "no: two strengths", "loses no more by it"),
    },
    "Makes networks sparse in one training": {
        "L1": Cell("removal", "removal-cost"),
    },
    "Beaten there by iterative removal": {
        "L1": Cell("removal", "removal-l1"),
    },
    "Predicts as L2 does": {
        "L3, L4": Cell("orders", "orders-L3-accuracy"),
    },
    "A prox step costs more than L2's": {
        "L3, L4": Cell("orders", "orders-L3-cost"),
    },
}
"""What is asked -> penalty -> where its answer comes from."""

INTRO = (
    "Every answer follows from a statement that was tried on this machine "
    "and leads to it, with its picture, its interval and its cases. A blank was not asked."
)


def make(folder: Path, progress: Progress) -> Result:
    """The table and the page of disagreements, from the other topics in the folder around."""
    progress("table")
    rows = gather(folder.parent)
    answers = frame(rows)
    link = element("p", element("a", "All pictures and statements", href="../index.html"))
    table = join(_table(rows), link)
    text = page("What each penalty does", table, subtitle=element("p", INTRO))
    (folder / PAGE).write_text(text, "utf-8")
    progress("disagreements")
    text = page("Where the documents disagree", join(body(rows), link))
    (folder / DISAGREEMENTS).write_text(text, "utf-8")
    links = {PAGE: "The summary table", DISAGREEMENTS: "Where the documents disagree"}
    return Result([], {"summary": answers, "disagreements": sides(rows)}, None, links)


def gather(out: Path) -> Rows:
    """The verdicts of all topics that a folder holds."""
    made = {name: read(out / name) for name in TOPICS}
    return {
        (topic, row["name"]): row
        for topic, found in made.items()
        if found is not None and found.verdicts is not None
        for row in found.verdicts.to_dict("records")
    }


def answer(cell: Cell, row: Mapping[Any, Any] | None) -> str:
    """What the table says, given what was found."""
    if row is None:
        return f"not made yet: lpreg explain {cell.topic}"
    return {"supported": cell.yes, "contradicted": cell.no}.get(row["verdict"], "undecided")


def frame(rows: Rows) -> pd.DataFrame:
    """The table: `question`, `penalty`, `answer`, `topic`, `statement`, `verdict`, `ours`."""
    told = []
    for question, cells in TABLE.items():
        for penalty, cell in cells.items():
            row = rows.get((cell.topic, cell.name))
            found = ("not run", "") if row is None else (row["verdict"], row["ours"])
            told.append((question, penalty, answer(cell, row), cell.topic, cell.name, *found))
    names = ["question", "penalty", "answer", "topic", "statement", "verdict", "ours"]
    return pd.DataFrame(told, columns=names)


def _table(rows: Rows) -> Html:
    heads = [element("th", head, scope="col", class_="text") for head in ("", *PENALTIES)]
    lines = [
        element(
            "tr",
            element("th", question, scope="row", class_="text wrap", style="min-width: 11rem"),
            [_cell(cells.get(penalty), rows) for penalty in PENALTIES],
        )
        for question, cells in TABLE.items()
    ]
    grid = element(
        "table",
        element("caption", "What each penalty does", class_="unseen"),
        element("thead", element("tr", heads)),
        element("tbody", lines),
    )
    label = {"role": "region", "aria_label": "What each penalty does"}
    return element("div", grid, class_="scroll", tabindex="0", **label)


def _cell(cell: Cell | None, rows: Rows) -> Html:
    style = {"class_": "text wrap", "style": "min-width: 8rem"}
    if cell is None:
        return element("td", **style)
    row = rows.get((cell.topic, cell.name))
    if row is None:
        return element("td", element("span", answer(cell, row), class_="quiet small"), **style)
    place = f"../index.html#{verdict_id(cell.topic, cell.name)}"
    said = element("a", answer(cell, row), href=place, title=f"{row['text']}: {row['verdict']}")
    ours = element("div", row["ours"], class_="quiet small") if row["kind"] != "computed" else None
    return element("td", said, ours, **style)
