"""Tables that a reader can sort, and copy as CSV, Markdown or LaTeX.

A cell shows a text and holds numbers: the first sorts, and CSV gives all of them in columns of
their own, at full precision.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isnan
from typing import Any, NamedTuple

import pandas as pd

from lpreg.analysis import tables
from lpreg.figures.style import number
from lpreg.report.html import Html, element, join

Row = Mapping[Any, Any]


class Cell(NamedTuple):
    """What stands in a place of a table: what is seen, and the numbers behind it."""

    shown: object
    numbers: tuple[float, ...] | None = None


class Column(NamedTuple):
    """A column: its head, what CSV calls its numbers, and how a cell comes from a row.

    `kind` is "" for numbers, "text", or "text wrap" for a text that may take several lines.
    """

    head: str
    names: tuple[str, ...]
    cell: Callable[[Row], Cell]
    kind: str = ""


def table(
    id: str,
    name: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    chosen: str | None = None,
) -> Html:
    """A table with its name and the buttons that copy it.

    Args:
        id: unique in the page.
        columns: the first names the row.
        chosen: the key of a row that says whether it stands out among the others.
    """
    several = chosen is not None and not all(row[chosen] for row in rows)
    heads = [
        element(
            "th",
            element("button", column.head, type="button"),
            scope="col",
            aria_sort="none",
            class_=column.kind or None,
            data_columns=" ".join(column.names),
        )
        for column in columns
    ]
    lines = [
        element("tr", _cells(columns, row), class_="chosen" if chosen and row[chosen] else None)
        for row in rows
    ]
    grid = element(
        "table",
        element("caption", name, class_="unseen"),
        element("thead", element("tr", heads)),
        element("tbody", lines),
        id=id,
        class_="several" if several else None,
    )
    head = element("div", element("span", name, class_="name"), _copy(id), class_="head")
    box = element("div", grid, class_="scroll", tabindex="0", role="region", aria_label=name)
    return element("div", head, box, class_="frame")


def copy_button(kind: str, id: str, label: str, what: str) -> Html:
    """A button that copies an element of the page."""
    return element(
        "button", label, type="button", data_copy=kind, data_from=id, aria_label=f"Copy {what}"
    )


def _copy(id: str) -> Html:
    kinds = ("CSV", "Markdown", "LaTeX")
    buttons = [copy_button(kind, id, kind, f"the table as {kind}") for kind in kinds]
    return element("div", "Copy: ", buttons, class_="copy", hidden=True)


def _cells(columns: Sequence[Column], row: Row) -> list[Html]:
    cells = []
    for i, column in enumerate(columns):
        cell = column.cell(row)
        values = None if cell.numbers is None else " ".join(map(_exact, cell.numbers))
        cells.append(
            element(
                "td" if i else "th",
                cell.shown,
                scope=None if i else "row",
                class_=column.kind or None,
                data_values=values,
            )
        )
    return cells


def _exact(value: float) -> str:
    return "" if value is None or isnan(value) else f"{value:.10g}"


# ---- columns ------------------------------------------------------------------------------------


def words(head: str, key: str, kind: str = "text") -> Column:
    """A column of texts."""
    return Column(head, (key,), lambda row: Cell(row[key]), kind)


def numbers(head: str, key: str, style: str = ",.0f", unit: float = 1.0) -> Column:
    """A column of numbers in this style, shown in this unit."""

    def cell(row: Row) -> Cell:
        return Cell(_format(row[key] * unit, style), (row[key],))

    return Column(head, (key,), cell)


def intervals(head: str, key: str, percent: bool, spread: bool = True) -> Column:
    """Mean, standard deviation and 95 % interval, from `KEY_mean`, `KEY_sd` and so on."""
    unit, style = (100.0, ".1f") if percent else (1.0, ".4g")
    parts = ("mean", "sd", "low", "high") if spread else ("mean", "low", "high")
    names = tuple(f"{key}_{part}" for part in parts)

    def cell(row: Row) -> Cell:
        values = tuple(float(row[name]) for name in names)
        mean, *sd, low, high = (_format(unit * value, style) for value in values)
        if isnan(values[-1]):
            return Cell(mean, values)
        between = element("span", f" [{low}, {high}]", class_="range")
        return Cell(join(mean, [f" ± {each}" for each in sd], between), values)

    return Column(head, names, cell)


AXES = {"share": "share", "dropout": "dropout"}
AXES |= {"lr": "lr", "momentum": "momentum", "batch_size": "batch"}
"""Columns of a setting that are shown where they differ, and their heads."""

SEVERAL = "the arm's best on validation"


def setting(rows: pd.DataFrame) -> list[Column]:
    """The left part of a table: the arm, its strength, the axes that differ, its seeds."""
    axes = [axis for axis in AXES if axis in rows and rows[axis].nunique() > 1]
    if "share" in rows and rows["share"].count() and "share" not in axes:
        axes.insert(0, "share")
    several = set(rows.loc[rows["arm"].duplicated(), "arm"])
    return [
        Column("arm", ("arm",), partial(_arm, several), "text"),
        Column("λ", ("lam",), lambda row: strength(row)),
        *(numbers(AXES[axis], axis, ".3g") for axis in axes),
        Column("seeds", ("n", "diverged"), _seeds),
    ]


def _arm(several: set[str], row: Row) -> Cell:
    mark = element("span", " ★", class_="star", title=SEVERAL, aria_label=SEVERAL, role="img")
    return Cell(join(row["arm"], mark if row["chosen"] and row["arm"] in several else None))


def strength(row: Row) -> Cell:
    """Its strength; of a sum all of them."""
    if isinstance(row.get("strengths"), str):
        return Cell(", ".join(map(number, json.loads(row["strengths"]))))
    lam = float("nan") if row["lam"] is None else row["lam"]
    return Cell("" if isnan(lam) else number(lam), (lam,))


def _seeds(row: Row) -> Cell:
    lost = f" ({row['diverged']} diverged)" if row["diverged"] else ""
    return Cell(f"{row['n']}{lost}", (row["n"], row["diverged"]))


def _format(value: float, style: str) -> str:
    return "-" if isnan(value) else format(value, style)


# ---- the tables of a study ----------------------------------------------------------------------


class Place(NamedTuple):
    """What a reader compares arms in."""

    data: str
    model: str
    recipe: str

    @property
    def id(self) -> str:
        """Unique among places, whatever they are called."""
        return json.dumps(self)

    def __str__(self) -> str:
        return f"{self.model}, {self.data}, recipe {self.recipe}"


def places(results: pd.DataFrame) -> list[Place]:
    """The places of a study, in the order of its results."""
    found = results[list(Place._fields)].drop_duplicates()
    return [Place(*map(str, row)) for row in found.itertuples(index=False)]


def at(rows: pd.DataFrame, place: Place) -> pd.DataFrame:
    """The rows about a place."""
    return rows.loc[(rows[list(Place._fields)] == list(place)).all(axis=1)]


def settings(results: pd.DataFrame, curves: pd.DataFrame, ensembles: pd.DataFrame) -> Html:
    """Accuracy, the best epoch, the weights and, where there are any, the ensembles: a block of
    tables for every place."""
    kinds = (
        ("accuracy", _accuracy, tables.accuracy(results)),
        ("best", _best, tables.peak(results, curves)),
        ("weights", _weights, tables.weights(results)),
        ("ensemble", _ensemble, ensembles),
    )
    blocks = []
    for i, place in enumerate(places(results)):
        there = [each for each in kinds if len(each[2])]
        own = [(f"{name}-{i}", make, at(frame, place)) for name, make, frame in there]
        drawn = [make(id, rows) for id, make, rows in own if len(rows)]
        heading = element("h3", str(place))
        blocks.append(element("div", heading, _about(results, place), drawn, data_place=place.id))
    return element("div", blocks, class_="tables")


def _about(results: pd.DataFrame, place: Place) -> Html:
    here = at(results, place)
    sentence = f"{here['weights'].max():,} weights, {here['seed'].nunique()} seeds."
    units = here["unit"].dropna().unique() if "unit" in here else []
    sentence += "".join(f" Squared errors are in ({unit})²." for unit in units)
    return element("p", sentence, class_="quiet")


def _accuracy(id: str, rows: pd.DataFrame) -> Html:
    percent = rows["metric"].iloc[0] == "accuracy"
    what, unit = ("Accuracy", " %") if percent else ("Mean squared error", "")
    heads = {"train": "training", "val": "validation", "test": "test", "gap": "gap"}
    columns = [intervals(head + unit, key, percent) for key, head in heads.items()]
    return _settings_table(id, f"{what} at the last epoch", columns, rows)


def _best(id: str, rows: pd.DataFrame) -> Html:
    percent = rows["metric"].iloc[0] == "accuracy"
    unit = " %" if percent else ""
    columns = [
        intervals(f"best validation{unit}", "val", percent),
        numbers("at epoch", "epoch_mean", ",.0f"),
        intervals(f"training{unit} then", "train", percent),
        intervals(f"test{unit} then", "test", percent),
    ]
    return _settings_table(id, "At the epoch that is best on validation", columns, rows)


def _weights(id: str, rows: pd.DataFrame) -> Html:
    columns = [
        numbers("mean |w|", "mean_abs_weight", "#.3g"),
        numbers("exact zeros", "zeros"),
        numbers("on constant inputs", "zeros_dead"),
        numbers("below 1e-3", "zeros_1e-3"),
        numbers("ratio to none", "ratio", ".2f"),
    ]
    return _settings_table(id, "Weights at the last epoch", columns, rows)


def _ensemble(id: str, rows: pd.DataFrame) -> Html:
    percent = rows["metric"].iloc[0] == "accuracy"
    unit, scale, style = (" %", 100.0, ".1f") if percent else ("", 1.0, ".4g")
    rows = rows.assign(gain=rows["ensemble"] - rows["member_mean"])
    columns = [
        numbers(f"one of them{unit}", "member_mean", style, scale),
        numbers(f"together{unit}", "ensemble", style, scale),
        numbers(f"gain{' (points)' if percent else ''}", "gain", f"+{style}", scale),
    ]
    what = "test accuracy" if percent else "squared error on the test part"
    return _settings_table(
        id, f"The seeds together: {what} of their mean prediction", columns, rows
    )


def _settings_table(id: str, name: str, columns: list[Column], rows: pd.DataFrame) -> Html:
    return table(id, name, [*setting(rows), *columns], rows.to_dict("records"), chosen="chosen")
