"""Members side by side: what two or more sides of a comparison give per seed.

Each side is a table of seeds x cells, one member at each place: that of the setting which
validation chose. Sides are aligned by the columns of a cell that none of them selects by, and
then averaged within a seed, so that all of a seed counts as one repetition. A seed counts only
when all its members finished: a mean over some of the cells would compare other things. A cell that
was run with few seeds is left out where it would cost the others more members than it adds.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from math import nan
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lpreg.analysis.tables import CELL, KNOBS, chosen

Selector = Mapping[str, Any]
"""Columns of the evidence with the value, or the values, that a side has there."""


class Sides(NamedTuple):
    """Aligned sides.

    Attributes:
        values: of the metric, (sides, seeds, cells): cells are those that the sides share.
        members: all members of all sides.
        missing: which cells and how many seeds are left out, and why; "" when none is.
        where: in which networks, or on which data, where the sides leave that open; else "".
    """

    values: np.ndarray
    members: pd.DataFrame
    missing: str
    where: str


class Unpaired(Exception):
    """Sides that cannot be compared, and why."""


def prepared(evidence: pd.DataFrame) -> pd.DataFrame:
    """The evidence with the mark of what is `chosen`, in an order that does not depend on the one
    it came in, so that ties between settings are broken the same way."""
    if evidence.empty:
        return pd.DataFrame(columns=[*CELL, "seed", "status"])
    keys = [*CELL, *(knob for knob in KNOBS if knob in evidence), "seed"]
    rows = evidence.sort_values(keys, kind="stable", ignore_index=True)
    return rows.assign(chosen=chosen(rows))


def fitting(evidence: pd.DataFrame, selector: Selector) -> pd.DataFrame:
    """The members that a side selects, of any setting.

    Args:
        evidence: one row per member.
        selector: of the side; it names a recipe.

    Raises:
        Unpaired: there are none.
    """
    if not evidence["recipe"].isin(several(selector["recipe"])).any():
        raise Unpaired(f"recipe {' or '.join(several(selector['recipe']))} was not run")
    fits = np.ones(len(evidence), dtype=bool)
    for column, asked in selector.items():
        fits &= evidence[column].isin(several(asked)).to_numpy()
    rows = evidence.loc[fits]
    if rows.empty:
        named = {column: asked for column, asked in selector.items() if column != "recipe"}
        raise Unpaired(f"nothing with {told(named)} was run")
    return rows


def at_their_best(rows: pd.DataFrame, selector: Selector) -> pd.DataFrame:
    """Of every cell the setting that validation chooses among these rows of `prepared` evidence."""
    whole = set(selector) <= set(CELL)
    return rows.loc[rows["chosen"] if whole else chosen(rows)]


def several(asked: Any) -> Sequence[Any]:
    """The values that a selector asks for in a column."""
    return asked if isinstance(asked, tuple | list) else [asked]


def told(selector: Selector) -> str:
    """A selector in words: its values."""
    texts = []
    for column, asked in selector.items():
        named = column in (*CELL, "coupling")
        each = [str(value) if named else f"{column} {value:g}" for value in several(asked)]
        texts.append(" or ".join(each))
    return ", ".join(texts)


def align(sides: Sequence[pd.DataFrame], selectors: Sequence[Selector], metric: str) -> Sides:
    """Sides next to each other, by seed and by all that none of them selects by. Cells in which the
    metric was not measured, as in older results, are no part of a side.

    Args:
        sides: the members of each of the selectors, one per seed and cell.
        selectors: of the sides.
        metric: a column of theirs.

    Raises:
        Unpaired: they have nothing in common, or the metric was not measured on one of them.
    """
    measured = partial(_is_measured, metric)
    if not all(map(measured, sides)):
        raise Unpaired("not measured")
    sides = [side.groupby(CELL, dropna=False).filter(measured) for side in sides]
    free = [column for column in CELL if not any(column in each for each in selectors)]
    tables = [_table(side, metric, free) for side in sides]
    shared = {
        cell: set.intersection(*(_seeds(table[cell]) for table in tables))
        for cell in tables[0]
        if all(cell in table for table in tables)
    }
    cells = _fullest(shared)
    seeds = sorted(set.intersection(*(shared[cell] for cell in cells))) if cells else []
    if not seeds:
        common = "seed" if cells else " and ".join(free)
        raise Unpaired(f"its sides have no {common} in common")
    values = np.array([
        [[_mean(table[cell], seed) for cell in cells] for seed in seeds] for table in tables
    ])  # fmt: skip
    whole = np.asarray(np.isfinite(values).all(axis=(0, 2)))
    members = pd.concat(sides)
    lost = [seed for seed, is_whole in zip(seeds, whole, strict=True) if not is_whole]
    unrun = [
        f"{_name(cell, shared)} left out: run with {len(shared[cell])} of {len(seeds)} seeds"
        for cell in shared
        if cell not in cells
    ]
    missing = "; ".join(filter(None, (*unrun, _left_out(lost, len(seeds), members))))
    return Sides(values[:, whole], members, missing, _where(cells, free))


def _fullest(shared: Mapping[tuple, set[int]]) -> list[tuple]:
    """The cells that make the largest table without a hole with the seeds that they have in common;
    of tables of one size, the one with more cells."""

    def filled(cells: list[tuple]) -> tuple[int, int]:
        seeds = set.intersection(*(shared[cell] for cell in cells))
        return len(seeds) * len(cells), len(cells)

    ranked: list[tuple] = sorted(shared, key=lambda cell: -len(shared[cell]))
    best = max((ranked[:k] for k in range(1, len(ranked) + 1)), key=filled, default=[])
    return [cell for cell in shared if cell in best]


Table = dict[tuple, list[dict[int, float]]]
"""What the free columns hold -> the cells of a side that hold it, each by seed."""


def _table(side: pd.DataFrame, metric: str, free: list[str]) -> Table:
    if metric not in side:
        side = side.assign(**{metric: nan})
    cells: dict[tuple, dict[int, float]] = {}
    for *cell, seed, value in zip(*(side[name] for name in (*CELL, "seed", metric)), strict=True):
        cells.setdefault(tuple(cell), {})[seed] = value
    table: Table = {}
    for cell, values in cells.items():
        key = tuple(name for column, name in zip(CELL, cell, strict=True) if column in free)
        table.setdefault(key, []).append(values)
    return table


def _mean(cells: list[dict[int, float]], seed: int) -> float:
    """NaN unless all of the cells have it."""
    return sum(cell.get(seed, nan) for cell in cells) / len(cells)


def _name(cell: tuple, among: Iterable[tuple]) -> str:
    """A cell by what tells it from the others."""
    columns = zip(cell, zip(*among, strict=True), strict=True)
    return " ".join(str(value) for value, others in columns if len(set(others)) > 1)


def _seeds(cells: list[dict[int, float]]) -> set[int]:
    return {seed for cell in cells for seed in cell}


def _where(cells: list[tuple], free: list[str]) -> str:
    """The networks that all of it is about; data sets too, where they are several."""
    shown = [name for name in ("model", "data") if name in free]
    rows = pd.DataFrame(cells, columns=free)[shown].drop_duplicates()
    if "data" in rows and rows["data"].nunique() == 1:
        rows = rows.drop(columns="data")
    return ", ".join(" ".join(row) for row in rows.itertuples(index=False) if row)


def _left_out(seeds: list[int], of: int, members: pd.DataFrame) -> str:
    if not seeds:
        return ""
    failed = members.loc[members["seed"].isin(seeds), "status"] != "ok"
    why = "diverged" if failed.any() else "is missing"
    return f"{len(seeds)} of {of} seeds left out: a member {why}"


def _is_measured(metric: str, side: pd.DataFrame) -> bool:
    """Whether any member that finished has it; of those that diverged, nothing is to be had."""
    sound = side.loc[side["status"] == "ok"]
    return sound.empty or (metric in sound and bool(sound[metric].notna().any()))
