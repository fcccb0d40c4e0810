"""What pictures of weight maps are made of: one arm's maps, colours, and a page in inches.

A page is one set of axes in inches from its upper left corner: what stands where is arithmetic.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from lpreg.analysis import MapRule
from lpreg.analysis.convergence import map_convergence
from lpreg.analysis.weightmaps import is_shuffled
from lpreg.figures.style import TEXT, number

REMOVED = "#0072B2"  # of Okabe and Ito (2008): no grey
LOST = "0.93"  # where a diverged member has no map
EDGE = 0.2  # inches around a page
LETTER = 0.068  # inches, of the text of a picture
RULE = MapRule()

Shape = tuple[int, int]
"""Rows and columns of an image; (1, inputs) for a table."""


@dataclass(frozen=True)
class Film:
    """The maps of one arm.

    Attributes:
        arm: its name.
        notes: its strength, and what became of it.
        epochs: of the maps, (k,).
        maps: scores, (k, inputs).
        inputs: their names.
        settled: the epoch from which the map stays near the last one, None when it does not.
    """

    arm: str
    notes: Sequence[str]
    epochs: np.ndarray
    maps: np.ndarray
    inputs: Sequence[str]
    settled: float | None

    def at(self, epoch: float) -> np.ndarray:
        """The latest map that is not later."""
        return self.maps[max(0, np.searchsorted(self.epochs, epoch, side="right") - 1)]


def films(frame: pd.DataFrame) -> Iterator[Film]:
    """One per arm of what `lpreg.figures.weightmaps.frame` gives."""
    for arm, rows in frame.groupby("arm", sort=False):
        inputs = list(rows["input"].unique())
        table = rows.pivot(index="epoch", columns="input", values="score")[inputs]
        epochs, maps = table.index.to_numpy(), table.to_numpy()
        epoch, converged = map_convergence(epochs, maps, RULE)
        removed, failed = int((maps[-1] == 0).sum()), rows["status"].iloc[0] != "ok"
        notes = strength(rows)
        notes += [f"{removed} of {len(inputs)} removed"] if removed and not failed else []
        notes += ["diverged"] if failed else []
        yield Film(str(arm), notes, epochs, maps, inputs, epoch if converged else None)


def strength(rows: pd.DataFrame) -> list[str]:
    """The strength of an arm as a note under its name, none when it has none."""
    lam = rows["lam"].iloc[0]
    return [] if pd.isna(lam) else [f"λ = {number(lam)}"]


def labels(inputs: Sequence[str]) -> list[str]:
    """Names of inputs for people."""
    return [name.replace("_", " ") for name in inputs]


def title(frame: pd.DataFrame) -> str:
    """What all of a picture is about."""
    data, model, recipe = frame[["data", "model", "recipe"]].iloc[0]
    return f"{data}, {model}, recipe {recipe}"


def page(width: float, height: float, heading: str) -> tuple[Figure, Axes, Text]:
    """A page of this size, or wider where its heading or legend need it, and the heading on it."""
    width = max(width, 6.4, 2 * EDGE + 1.6 * LETTER * len(heading))
    figure = Figure((width, height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_autoscale_on(False)
    axes.set_axis_off()
    text = axes.text(EDGE, 0.12, heading, fontsize=TEXT + 3, fontweight="bold", va="top")
    return figure, axes, text


def colours(scores: np.ndarray) -> np.ndarray:
    """Grey where an input is read, blue where it is removed: (..., 3)."""
    grey = np.repeat(np.nan_to_num(scores)[..., None], 3, axis=-1)
    grey[scores == 0] = to_rgb(REMOVED)
    grey[np.isnan(scores)] = to_rgb(LOST)
    return grey


def picture(
    axes: Axes, scores: np.ndarray, at: tuple[float, float], size: tuple[float, float]
) -> AxesImage:
    """Scores (rows, columns) from this upper left corner on, with this width and height."""
    (left, top), (width, height) = at, size
    extent = (left, left + width, top + height, top)
    return axes.imshow(colours(scores), extent=extent, aspect="auto", interpolation="none")


def name(axes: Axes, arm: str, notes: Sequence[str], at: tuple[float, float]) -> None:
    """An arm, and its notes under it."""
    left, top = at
    axes.text(left, top, arm, fontsize=TEXT + 1, fontweight="bold", va="top")
    axes.text(left, top + 0.2, "\n".join(notes), fontsize=TEXT, color="0.25", va="top")


def outline(
    axes: Axes, at: tuple[float, float], size: tuple[float, float], color: str, line: float
) -> None:
    """A line of this width around a rectangle."""
    axes.add_patch(Rectangle(at, *size, fill=False, edgecolor=color, linewidth=line))


def name_rows(axes: Axes, inputs: Sequence[str], at: tuple[float, float], row: float) -> None:
    """Names of inputs on the left of this upper left corner, shuffled copies in grey."""
    left, top = at
    for i, (label, copy) in enumerate(zip(labels(inputs), is_shuffled(inputs), strict=True)):
        style: dict[str, Any] = {"fontsize": TEXT, "ha": "right", "va": "center"}
        axes.text(left - 0.08, top + (i + 0.5) * row, label, color="0.5" if copy else "0", **style)
