"""First-layer weight maps one epoch after the other, as a GIF."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.animation import PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from lpreg.figures.film import (
    EDGE,
    LETTER,
    Film,
    Shape,
    colours,
    films,
    labels,
    outline,
    page,
    picture,
    title,
)
from lpreg.figures.style import TEXT

PER_SECOND = 2
HOLD = 4
"""How many times as long the last maps are seen."""

Still = tuple[tuple[Figure, Axes, Text], list[tuple[float, float]], tuple[float, float]]
"""A page, the upper left corners of the maps on it, and their size."""


def animate(frame: pd.DataFrame, shape: Shape, path: Path) -> Path:
    """The maps of one data set, recipe and model, all arms at once, over the epochs.

    Args:
        frame: what `lpreg.figures.weightmaps.frame` gives, for one data set, recipe and model.
        shape: of the inputs.
        path: of the file.
    """
    arms = list(films(frame))
    epochs = sorted(frame["epoch"].unique())
    about = f"{title(frame)}: first-layer weights, epoch"
    still = _table if shape[0] == 1 else _images
    (figure, axes, heading), places, size = still(arms, f"{about} {epochs[-1]:g}")
    _legend(axes)
    pictures = [
        picture(axes, film.at(epochs[0]).reshape(shape), at, size)
        for film, at in zip(arms, places, strict=True)
    ]
    writer = PillowWriter(fps=PER_SECOND)
    with writer.saving(figure, str(path), dpi=100):
        for epoch in [*epochs, *epochs[-1:] * (HOLD - 1)]:
            heading.set_text(f"{about} {epoch:g}")
            for film, each in zip(arms, pictures, strict=True):
                each.set_data(colours(film.at(epoch).reshape(shape)))
            writer.grab_frame()
    return path


def _legend(axes: Axes) -> None:
    style = {"fontsize": TEXT, "va": "center", "color": "0.15"}
    picture(axes, np.linspace(1e-6, 1, 64)[None], (EDGE, 0.4), (0.5, 0.14))
    outline(axes, (EDGE, 0.4), (0.5, 0.14), "0.6", 0.8)
    axes.text(EDGE + 0.57, 0.47, "mean |w|, from 0 to the largest", **style)
    picture(axes, np.zeros((1, 1)), (EDGE + 3.1, 0.4), (0.14, 0.14))
    axes.text(EDGE + 3.31, 0.47, "removed", **style)


def _images(arms: Sequence[Film], heading: str) -> Still:
    """Five in a row."""
    tile, gap, above, top = 1.25, 0.12, 0.26, 0.65
    across = min(5, len(arms))
    rows = ceil(len(arms) / across)
    width, height = 2 * EDGE + across * (tile + gap) - gap, top + rows * (tile + above) + EDGE / 2
    sheet = page(width, height, heading)
    places = []
    for block, film in enumerate(arms):
        down, right = divmod(block, across)
        x, y = EDGE + right * (tile + gap), top + down * (tile + above) + above
        sheet[1].text(x, y - 0.05, film.arm, fontsize=TEXT, va="bottom")
        places.append((x, y))
    return sheet, places, (tile, tile)


def _table(arms: Sequence[Film], heading: str) -> Still:
    """A row of inputs per arm, as the document FIRST draws them."""
    inputs = labels(arms[0].inputs)
    cell, row, tall = 0.34, 0.3, 0.24
    slant = 0.72 * LETTER  # of a letter of a name at 45 degrees
    left = EDGE + LETTER * max(len(film.arm) for film in arms) + 0.2
    top = 0.85 + slant * max(map(len, inputs))
    ends = [(i + 0.5) * cell + slant * len(label) for i, label in enumerate(inputs)]
    sheet = page(left + max(ends) + EDGE, top + row * len(arms) + 0.1, heading)
    for i, label in enumerate(inputs):
        style = {"fontsize": TEXT, "rotation": 45, "rotation_mode": "anchor", "va": "bottom"}
        sheet[1].text(left + (i + 0.5) * cell, top - 0.03, label, ha="left", **style)
    for block, film in enumerate(arms):
        sheet[1].text(EDGE, top + block * row + tall / 2, film.arm, fontsize=TEXT, va="center")
    places = [(left, top + block * row) for block in range(len(arms))]
    for at in places:
        outline(sheet[1], at, (cell * len(inputs), tall), "0.6", 0.8)
    return sheet, places, (cell * len(inputs), tall)
