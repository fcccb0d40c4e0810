"""How much the first layer takes from each input beside how much the network needs it."""

from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lpreg.analysis import chosen
from lpreg.analysis.weightmaps import agreement
from lpreg.figures.film import EDGE, LETTER, name, name_rows, page, strength, title
from lpreg.figures.style import TEXT, save, stem

# Both differ in lightness, so that print in grey keeps them apart.
SCORE = "0.25"
NEED = "#E69F00"  # of Okabe and Ito (2008)
HEAD = 0.92  # inches above the panels

ABOUT = ["data", "recipe", "model", "arm", "lam", "seed", "status"]


def frame(results: pd.DataFrame, maps: pd.DataFrame, importances: pd.DataFrame) -> pd.DataFrame:
    """The numbers in the pictures: last map and importances of the members with chosen settings.

    Args:
        results: one row per member.
        maps: one row per member, epoch and input: `member`, `epoch`, `input`, `score`.
        importances: one row per member and input: `member`, `input`, `importance`.

    Returns:
        One row per member that has both, and input: `data`, `recipe`, `model`, `arm`, `lam`,
        `seed`, `status`, `input`, `score`, `importance`. Diverged members are left out.
    """
    last = maps.loc[maps["epoch"] == maps.groupby("member")["epoch"].transform("max")]
    both = last.drop(columns="epoch").merge(
        importances[["member", "input", "importance"]], on=["member", "input"]
    )
    members = results.loc[chosen(results) & (results["status"] == "ok"), ["member", *ABOUT]]
    return members.merge(both, on="member").drop(columns="member")


def draw_importances(frame: pd.DataFrame, out_dir: Path) -> list[Path]:
    """Draw scores beside importances for every data set, recipe and model.

    Args:
        frame: what `frame` gives.
        out_dir: the folder for the files, made when it is missing.

    Returns:
        The files: `importance-DATA-RECIPE-MODEL.png` and `.svg`.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    written = []
    for names, members in frame.groupby(["data", "recipe", "model"], sort=False):
        written += save(draw(members), out_dir, stem("importance", *names))
    return written


def draw(frame: pd.DataFrame) -> Figure:
    """Two bars per input in a panel per arm: means over the seeds, each as a share of its largest.

    Args:
        frame: what `frame` gives, for one data set, recipe and model.
    """
    arms = [(str(arm), rows) for arm, rows in frame.groupby("arm", sort=False)]
    inputs = list(frame["input"].unique())
    row, width, gap, above, below = 0.26, 1.65, 0.2, 0.62, 0.25
    tall = row * len(inputs)
    left = EDGE + LETTER * max(map(len, inputs)) + 0.15
    across = min(5, len(arms))
    step = above + tall + below
    heading = f"{title(frame)}: weights and importance of the inputs"
    height = HEAD + ceil(len(arms) / across) * step
    figure, axes, _ = page(left + across * (width + gap) + EDGE, height, heading)
    _legend(axes, frame)
    for block, (arm, rows) in enumerate(arms):
        down, right = divmod(block, across)
        x, y = left + right * (width + gap), HEAD + down * step + above
        name(axes, arm, _notes(rows), (x, y - above + 0.02))
        _bars(axes, rows, inputs, (x, y), (width, row))
        if right == 0:
            name_rows(axes, inputs, (x, y), row)
    return figure


def _notes(rows: pd.DataFrame) -> list[str]:
    """Strength, and how well the two orders agree."""
    found = [agreement(each["score"], each["importance"]) for _, each in rows.groupby("seed")]
    known = [value for value in found if np.isfinite(value)]
    return strength(rows) + ([f"rank correlation {np.mean(known):.2f}"] if known else [])


def _bars(
    axes: Axes,
    rows: pd.DataFrame,
    inputs: list[str],
    at: tuple[float, float],
    size: tuple[float, float],
) -> None:
    """From this upper left corner on, for the full width and the height of an input."""
    (left, top), (width, row) = at, size
    means = rows.groupby("input", sort=False)[["score", "importance"]].mean().loc[inputs]
    middles = top + (np.arange(len(inputs)) + 0.5) * row
    axes.vlines(left, top, top + row * len(inputs), color="0.6", linewidth=0.8)
    for column, look, shift in (("score", SCORE, -0.2), ("importance", NEED, 0.2)):
        shares = means[column] / max(means[column].max(), 1e-300)
        axes.barh(middles + shift * row, width * shares.clip(lower=0), 0.36 * row, left, color=look)


def _legend(axes: Axes, frame: pd.DataFrame) -> None:
    """Two lines under the heading."""
    write: dict[str, Any] = {"fontsize": TEXT, "va": "center", "color": "0.15"}
    x = EDGE
    texts = ["mean |w| of an input", "how much worse the test part gets when it is permuted"]
    for text, colour in zip(texts, (SCORE, NEED), strict=True):
        axes.barh(0.47, 0.2, 0.1, x, color=colour)
        axes.text(x + 0.27, 0.47, text, **write)
        x += 0.27 + LETTER * len(text) + 0.3
    seeds = frame["seed"].nunique()
    what = f"mean over {seeds} seeds" if seeds > 1 else f"seed {frame['seed'].iloc[0]}"
    axes.text(EDGE, 0.67, f"each as a share of its largest; {what}", **write)
