"""First-layer weight maps over the epochs, arms beside each other."""

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lpreg.analysis import chosen
from lpreg.figures.animation import animate
from lpreg.figures.film import (
    EDGE,
    LETTER,
    RULE,
    Film,
    Shape,
    films,
    labels,
    name,
    name_rows,
    outline,
    page,
    picture,
    title,
)
from lpreg.figures.style import TEXT, save, stem

CONVERGED = "#E69F00"  # of Okabe and Ito (2008), far from the blue of what is removed
HEAD = 0.95  # inches above the maps
MOST = 11  # maps in a row

ABOUT = ["data", "recipe", "model", "arm", "lam", "seed", "status"]


def frame(results: pd.DataFrame, maps: pd.DataFrame) -> pd.DataFrame:
    """The numbers in the pictures: the maps of one member per arm, at its chosen setting.

    Args:
        results: one row per member.
        maps: one row per member, snapshot and input: `member`, `epoch`, `input`, `score`.

    Returns:
        The rows of `maps` of the lowest seed of each arm, with `data`, `recipe`, `model`, `arm`,
        `lam`, `seed` and `status` in the place of `member`; arms in the order of the results.
    """
    members = results.loc[chosen(results) & results["member"].isin(maps["member"].unique())]
    first = members.sort_values("seed", kind="stable").drop_duplicates(ABOUT[:4]).sort_index()
    return first[["member", *ABOUT]].merge(maps, on="member").drop(columns="member")


def draw_weight_maps(frame: pd.DataFrame, shapes: Mapping[str, Shape], out_dir: Path) -> list[Path]:
    """Draw the weight maps of every data set, recipe and model.

    Args:
        frame: what `frame` gives.
        shapes: of the inputs of each data set.
        out_dir: the folder for the files, made when it is missing.

    Returns:
        The files: `maps-DATA-RECIPE-MODEL.png` and `.svg`, and the animation `.gif`.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    written = []
    for names, maps in frame.groupby(["data", "recipe", "model"], sort=False):
        file, shape = stem("maps", *names), shapes[maps["data"].iloc[0]]
        written += save(draw(maps, shape), out_dir, file)
        written.append(animate(maps, shape, out_dir / f"{file}.gif"))
    return written


def draw(frame: pd.DataFrame, shape: Shape) -> Figure:
    """The maps of one data set, recipe and model over the epochs.

    Images stand in a grid, arms below each other and epochs from left to right. Of a table every
    arm has a panel, inputs below each other and epochs from left to right.

    Args:
        frame: what `frame` gives, for one data set, recipe and model.
        shape: of the inputs.
    """
    arms = list(films(frame))
    if shape[0] == 1:
        return _panels(arms, frame)
    return _grid(arms, frame, shape)


def _grid(arms: Sequence[Film], frame: pd.DataFrame, shape: Shape) -> Figure:
    """Rows are arms, columns are epochs."""
    shown = few(sorted(frame["epoch"].unique()))
    tile, gap, between = 0.74, 0.05, 0.12
    left = EDGE + max(1.35, *(1.25 * LETTER * len(film.arm) for film in arms)) + 0.1
    top = HEAD + 0.25
    width, height = left + len(shown) * (tile + gap) + EDGE, top + len(arms) * (tile + between)
    figure, axes, _ = page(width, height + 0.1, _heading(frame))
    _legend(axes, frame, any(film.settled is not None for film in arms))
    columns = [left + column * (tile + gap) for column in range(len(shown))]
    for x, epoch in zip(columns, shown, strict=True):
        text = f"epoch {epoch:g}" if x == left else f"{epoch:g}"
        style = {"fontsize": TEXT, "ha": "center", "va": "bottom", "color": "0.25"}
        axes.text(x + tile / 2, top - 0.07, text, **style)
    for row, film in enumerate(arms):
        y = top + row * (tile + between)
        name(axes, film.arm, film.notes, (EDGE, y + 0.02))
        for x, epoch in zip(columns, shown, strict=True):
            if epoch <= film.epochs[-1]:
                picture(axes, film.at(epoch).reshape(shape), (x, y), (tile, tile))
        if film.settled is not None:
            at = columns[int(np.searchsorted(shown, film.settled))]
            outline(axes, (at, y), (tile, tile), CONVERGED, 2)
    return figure


def _panels(arms: Sequence[Film], frame: pd.DataFrame) -> Figure:
    """A panel per arm: rows are inputs, columns are epochs."""
    inputs = labels(arms[0].inputs)
    row, width, gap, above, below = 0.17, 1.65, 0.2, 0.6, 0.2
    tall = row * len(inputs)
    left = EDGE + LETTER * max(map(len, inputs)) + 0.15
    across = min(5, len(arms))
    step = above + tall + below
    height = HEAD + ceil(len(arms) / across) * step + 0.3
    figure, axes, _ = page(left + across * (width + gap) + EDGE, height, _heading(frame))
    _legend(axes, frame, any(film.settled is not None for film in arms))
    for block, film in enumerate(arms):
        down, right = divmod(block, across)
        x, y = left + right * (width + gap), HEAD + down * step + above
        name(axes, film.arm, film.notes, (x, y - above + 0.02))
        picture(axes, film.maps.T, (x, y), (width, tall))
        outline(axes, (x, y), (width, tall), "0.6", 0.8)
        if film.settled is not None:
            at = x + width * int(np.searchsorted(film.epochs, film.settled)) / len(film.epochs)
            axes.plot([at, at], [y - 0.04, y + tall + 0.04], color=CONVERGED, linewidth=2)
        if right == 0:
            name_rows(axes, film.inputs, (x, y), row)
        if block + across >= len(arms):
            _name_epochs(axes, film, (x, y + tall), width)
    return figure


def _heading(frame: pd.DataFrame) -> str:
    return f"{title(frame)}: first-layer weights"


def _legend(axes: Axes, frame: pd.DataFrame, some_settled: bool) -> None:
    """Two lines under the heading."""
    seed = frame["seed"].iloc[0]
    write = {"fontsize": TEXT, "va": "center", "color": "0.15"}
    picture(axes, np.linspace(1e-6, 1, 64)[None], (EDGE, 0.4), (0.5, 0.14))
    outline(axes, (EDGE, 0.4), (0.5, 0.14), "0.6", 0.8)
    text = f"mean |w| of each input, from 0 to the largest of the map; seed {seed}"
    axes.text(EDGE + 0.57, 0.47, text, **write)
    picture(axes, np.zeros((1, 1)), (EDGE, 0.6), (0.14, 0.14))
    axes.text(EDGE + 0.21, 0.67, "removed: all weights exactly 0", **write)
    if some_settled:
        outline(axes, (EDGE + 2.42, 0.61), (0.13, 0.13), CONVERGED, 2)
        text = f"from here on near the last map: {RULE.tolerance:.0%} of the way or less"
        axes.text(EDGE + 2.63, 0.67, text, **write)


def few(epochs: Sequence[float], most: int = MOST) -> list[float]:
    """At most so many of them, evenly spread, with both ends."""
    spread = np.linspace(0, len(epochs) - 1, min(most, len(epochs)))
    return [epochs[i] for i in spread.round().astype(int)]


def _name_epochs(axes: Axes, film: Film, at: tuple[float, float], width: float) -> None:
    """First and last epoch under a panel."""
    left, top = at
    texts = [(f"{film.epochs[0]:g}", 0.0, "left"), ("epoch", 0.5, "center")]
    texts += [(f"{film.epochs[-1]:g}", 1.0, "right")]
    for text, share, side in texts if len(film.epochs) > 1 else texts[:1]:
        style = {"fontsize": TEXT, "ha": side, "va": "top", "color": "0.25"}
        axes.text(left + share * width, top + 0.06, text, **style)
