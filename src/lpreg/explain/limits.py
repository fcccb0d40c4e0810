"""Animations: what |x|^p and its ball become as p goes to 0, and as it goes to infinity."""

from collections.abc import Callable, Iterator
from functools import partial
from math import inf
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lpreg.explain import balls
from lpreg.explain.common import each, film
from lpreg.explain.topics import Picture
from lpreg.figures.looks import COLOURS
from lpreg.figures.style import TEXT, panels
from lpreg.penalties import Lp

DOWN = tuple(float(p) for p in np.geomspace(2, 0.02, 40))
UP = tuple(float(p) for p in np.geomspace(1, 100, 40))
ENDS = {"zero": (DOWN, 0.0, COLOURS["L0"]), "infinity": (UP, inf, COLOURS["Linf"])}


def frame(points: int = 401) -> pd.DataFrame:
    """`end` ("zero", "infinity"), `p`, `kind` ("graph" of |x|^p, edge of the "ball"), `x`, `y`."""
    x = np.linspace(-1.5, 1.5, points)
    parts = []
    for end, (path, _, _) in ENDS.items():
        for p in path:
            graph = {"x": x, "y": each(Lp(1.0, p).value, x[:, None])}
            parts.append(pd.DataFrame({"end": end, "p": p, "kind": "graph", **graph}))
        edges = balls.frame(path, points - 1)[["p", "x", "y"]]
        parts.append(edges.assign(end=end, kind="ball"))
    return pd.concat(parts, ignore_index=True)


def films(moving: pd.DataFrame, folder: Path) -> list[Picture]:
    """Both animations."""
    told = {
        "zero": "From p = 2 down to 0.02: |x|^p becomes 1 everywhere but at 0, a count of the "
        "weights that are not zero, and the ball shrinks onto the axes.",
        "infinity": "From p = 1 up to 100: |x|^p becomes 0 inside and a wall at 1, and the ball "
        "fills the square, the ball of the largest |x|.",
    }
    return [
        film(
            *scene(moving[moving["end"] == end], end),
            folder,
            f"to-{end}",
            caption,
            f"An animation of the graph of |x|^p and of the unit ball as p goes to {end}.",
        )
        for end, caption in told.items()
    ]


def scene(rows: pd.DataFrame, end: str) -> tuple[Figure, Iterator[Callable[[], object]]]:
    """A figure, and what changes it from picture to picture."""
    path, limit, color = ENDS[end]
    figure, axes = panels("p", columns=2, size=(7.6, 4))
    style = {"color": color, "linewidth": 2.2}
    lines = {
        "graph": axes[0].plot([], [], **style)[0],
        "ball": axes[1].plot([], [], **style)[0],
    }
    axes[0].set(xlim=(-1.5, 1.5), ylim=(-0.06, 1.6), xticks=(-1, 0, 1), yticks=(0, 0.5, 1, 1.5))
    axes[0].set_ylabel("$|x|^p$", fontsize=TEXT + 1)
    axes[1].set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2), xticks=(-1, 0, 1), yticks=(-1, 0, 1))
    axes[1].set_aspect("equal")
    axes[1].set_ylabel("y", fontsize=TEXT + 1)
    for panel in axes:
        panel.set_xlabel("x", fontsize=TEXT + 1)
    _limit(axes, limit)
    return figure, (partial(_show, figure, lines, rows[rows["p"] == p], p) for p in path)


def _limit(axes, limit: float) -> None:
    """Where it goes, in grey."""
    style = {"color": "0.65", "linewidth": 1.2, "linestyle": (0, (4, 2)), "zorder": 1}
    if limit == inf:
        axes[0].plot([-1, -1, 1, 1], [1.6, 0, 0, 1.6], **style)
        axes[1].plot([-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1], **style)
    else:
        axes[0].plot([-1.5, 1.5], [1, 1], **style)
        axes[0].plot(0, 0, "o", color="0.65", markersize=5)
        axes[1].plot([-1, 1, np.nan, 0, 0], [0, 0, np.nan, -1, 1], **style)


def _show(figure: Figure, lines: dict, rows: pd.DataFrame, p: float) -> None:
    for kind, each_line in lines.items():
        part = rows[rows["kind"] == kind]
        each_line.set_data(part["x"], part["y"])
    heading = f"p = {p:.3g}" if p < 10 else f"p = {p:.0f}"
    figure.suptitle(heading, x=0.01, ha="left", fontsize=TEXT + 4, fontweight="bold")
