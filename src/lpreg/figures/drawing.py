"""What a picture is: a frame of what it shows, and two ways to draw that frame."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure

from lpreg.analysis import chosen, summarize

PLACE = ("data", "model", "recipe")
ABOUT = [*PLACE, "arm", "lam"]
"""What the rows of most frames are about: a place, and an arm there with its strength."""


@dataclass(frozen=True)
class Evidence:
    """All that is known of a study; a table that is not there is empty.

    Attributes:
        results: one row per member.
        curves: one row per member and evaluated epoch.
        sparsity: `member`, `tensor`, `size`, `threshold`, `count`.
        measures: `member`, `measure`, `tensor`, `at`, `value`.
        evidence: one row per member, what `lpreg.analysis.evidence` gives.
        verdicts: one row per claim and recipe, what `lpreg.analysis.claims.judge` gives.
        maps: `member`, `epoch`, `input`, `score`, and, where they are images, `row`, `column`.
        shapes: rows and columns of the inputs of each data set; (1, inputs) for a table.
        ensembles: one row per setting, `member_mean` and `ensemble` of its seeds.
    """

    results: pd.DataFrame
    curves: pd.DataFrame
    sparsity: pd.DataFrame = field(default_factory=pd.DataFrame)
    measures: pd.DataFrame = field(default_factory=pd.DataFrame)
    evidence: pd.DataFrame = field(default_factory=pd.DataFrame)
    verdicts: pd.DataFrame = field(default_factory=pd.DataFrame)
    maps: pd.DataFrame = field(default_factory=pd.DataFrame)
    shapes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    ensembles: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def arms(self) -> list[str]:
        """All arms of the study, in its order."""
        return list(dict.fromkeys(self.results["arm"]))

    @cached_property
    def chosen(self) -> pd.DataFrame:
        """The members with the setting of their cell that validation chose: `member`, `data`,
        `model`, `recipe`, `arm`, `lam`, `seed`, `status`."""
        members = self.results.loc[chosen(self.results)]
        return self.named(members[["member", *ABOUT, "seed", "status"]])

    def named(self, members: pd.DataFrame) -> pd.DataFrame:
        """The same rows; their arms know all arms of the study, which decide how they look."""
        return members.assign(arm=pd.Categorical(members["arm"], self.arms))

    def of_chosen(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rows of a table of members, those that finished at a chosen setting, with that."""
        members = self.chosen.loc[self.chosen["status"] == "ok"].drop(columns="status")
        known = [name for name in table if name not in members or name == "member"]
        return members.merge(table[known], on="member")


Frame = Callable[[Evidence], pd.DataFrame]


@dataclass(frozen=True)
class Drawing:
    """One kind of picture.

    Attributes:
        name: of its files, and of its place on the page.
        title: above it.
        caption: how to read it.
        per: the columns of its frame that tell one picture from the other.
        columns: of its frame, all of them.
        frame: the numbers in all pictures of this kind; empty when there is nothing to draw.
        draw: one picture for paper, from the rows of the frame that are about it.
        plot: the same picture for the page.
    """

    name: str
    title: str
    caption: str
    columns: Sequence[str]
    frame: Frame
    draw: Callable[[pd.DataFrame], Figure]
    plot: Callable[[pd.DataFrame], go.Figure]
    per: tuple[str, ...] = PLACE


def needing(columns: Sequence[str], *tables: str) -> Callable[[Frame], Frame]:
    """A frame with these columns, in this order, which is empty when one of the tables is."""

    def needs(frame: Frame) -> Frame:
        @wraps(frame)
        def guarded(evidence: Evidence) -> pd.DataFrame:
            if any(getattr(evidence, table).empty for table in tables):
                return pd.DataFrame(columns=list(columns))
            rows = frame(evidence)
            return rows.reindex(columns=list(columns)).reset_index(drop=True)

        return guarded

    return needs


def score(members: pd.DataFrame, part: str) -> pd.DataFrame:
    """How well members predict: `metric` ("accuracy" or "mse") and `score`, like `members`."""
    missing = pd.Series(np.nan, members.index)
    accuracy, mse = (members.get(f"{part}_{name}", missing) for name in ("accuracy", "mse"))
    metric = pd.Series(np.where(mse.notna(), "mse", "accuracy"), members.index)
    return pd.DataFrame({"metric": metric, "score": accuracy.fillna(mse)})


def intervals(members: pd.DataFrame, by: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """Means over the members of a group, with their 95 % t intervals.

    Args:
        members: one row per member, or several.
        by: columns that tell the groups apart.
        columns: of numbers.

    Returns:
        One row per group, in order of first appearance: `by`, `n`, and of each of `columns` its
        mean under its own name, and `_low` and `_high` (NaN for a single row).
    """
    rows = []
    for keys, group in members.groupby(list(by), sort=False, dropna=False, observed=True):
        row = {**dict(zip(by, keys, strict=True)), "n": len(group)}
        for name in columns:
            found = summarize(group[name])
            row |= {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
        rows.append(row)
    table = pd.DataFrame(rows)
    if rows and "arm" in by:
        table["arm"] = pd.Categorical(table["arm"], members["arm"].cat.categories)
    return table
