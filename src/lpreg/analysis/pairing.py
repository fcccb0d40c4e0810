"""Members side by side: what two or more sides of a comparison give per seed.

Each side is a table of seeds x cells, one member at each place: that of the setting which
validation chose. Sides are aligned by the columns of a cell that none of them selects by, and
then averaged within a seed, so that all of a seed counts as one repetition. A seed counts only
when all its members finished: a mean over some of the cells would compare other things.
"""

from collections.abc import Mapping, Sequence
from functools import partial, reduce
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
        missing: how many seeds are left out, and why; "" when none is.
    """

    values: np.ndarray
    members: pd.DataFrame
    missing: str


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
    rows = evidence
    for column, asked in selector.items():
        rows = rows.loc[rows[column].isin(several(asked))]
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
    """Sides next to each other, by seed and by all that none of them selects by.

    Args:
        sides: the members of each of the selectors, one per seed and cell.
        selectors: of the sides.
        metric: a column of theirs.

    Raises:
        Unpaired: they have nothing in common, or the metric was not measured on one of them.
    """
    if not all(map(partial(_is_measured, metric), sides)):
        raise Unpaired("not measured")
    free = [column for column in CELL if not any(column in each for each in selectors)]
    tables = [_table(side, metric, free) for side in sides]
    seeds = reduce(pd.Index.intersection, (table.index for table in tables))
    cells = reduce(pd.Index.intersection, (table.columns for table in tables))
    if seeds.empty or cells.empty:
        raise Unpaired("its sides have no seed in common" if seeds.empty else
                       f"its sides have no {' and '.join(free)} in common")  # fmt: skip
    values = np.stack([table.loc[seeds, cells].to_numpy(float) for table in tables])
    whole = np.asarray(np.isfinite(values).all(axis=(0, 2)))
    members = pd.concat(sides)
    return Sides(values[:, whole], members, _left_out(seeds[~whole], len(seeds), members))


def _left_out(seeds: pd.Index, of: int, members: pd.DataFrame) -> str:
    if seeds.empty:
        return ""
    failed = members.loc[members["seed"].isin(seeds), "status"] != "ok"
    why = "diverged" if failed.any() else "is missing"
    return f"{len(seeds)} of {of} seeds left out: a member {why}"


def _is_measured(metric: str, side: pd.DataFrame) -> bool:
    """Whether any member that finished has it; of those that diverged, nothing is to be had."""
    sound = side.loc[side["status"] == "ok"]
    return sound.empty or (metric in sound and bool(sound[metric].notna().any()))


def _table(side: pd.DataFrame, metric: str, free: list[str]) -> pd.DataFrame:
    """Seeds x what the free columns hold; the mean where several cells of the side hold it."""
    cells = side.assign(value=side.get(metric, np.nan)).pivot(
        index="seed", columns=CELL, values="value"
    )
    if not free:
        return cells.mean(axis=1, skipna=False).to_frame("all")
    return cells.T.groupby(level=free, sort=True).mean(skipna=False).T  # pyright: ignore
