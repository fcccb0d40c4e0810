"""Norms and their balls: |x|^p with its slope and its prox, and where sum |x|^p is 1."""

from math import inf
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lpreg.explain.common import called, each, line, power, still
from lpreg.explain.topics import Progress, Result
from lpreg.figures.style import TEXT, panels

SHAPES = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, inf)


def make(folder: Path, progress: Progress) -> Result:
    """All pictures of the topic."""
    progress("shapes")
    shapes = frame(SHAPES)
    return Result(
        [
            still(
                draw(shapes),
                folder,
                "shapes",
                "A single weight: its penalty |x|^p, the slope with which that pulls at it, and "
                "where the prox of strength λ = 0.5 puts it. p = 0 is the limit: 1 but at zero.",
                "Three panels over x from -2 to 2, a line per p from 0 to infinity.",
            )
        ],
        {"shapes": shapes},
    )


def frame(shapes: tuple[float, ...], lam: float = 0.5, reach: float = 2.0) -> pd.DataFrame:
    """|x|^p for single numbers: `p`, `x`, `value`, `slope` at strength 1, `prox` at `lam`."""
    x = np.linspace(-reach, reach, 801)[:, None]
    return pd.concat(
        pd.DataFrame(
            {
                "p": p,
                "x": x[:, 0],
                "value": each(power(p).value, x),
                "slope": each(power(p).gradient, x)[:, 0],
                "prox": each(power(p, lam).prox, x)[:, 0],
            }
        )
        for p in shapes
    )


def draw(shapes: pd.DataFrame) -> Figure:
    """Penalty, slope and prox side by side."""
    figure, axes = panels("One weight under |x|^p", columns=3, size=(11, 4))
    for panel, name in zip(axes, ("value", "slope", "prox"), strict=True):
        for p in shapes["p"].unique():
            rows = shapes[shapes["p"] == p]
            panel.plot(rows["x"], rows[name], label=called(p), **line(p))
        panel.set_ylabel(name, fontsize=TEXT)
        panel.set_xlabel("weight x", fontsize=TEXT)
    axes[0].legend(fontsize=TEXT)
    return figure
