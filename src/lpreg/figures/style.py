"""What all pictures for paper share: text, how numbers are written, how files are made."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

TEXT = 9.0  # points, on a page of 11 inches: legible when it is printed at half that size

ENDINGS: dict[str, dict[str, Any]] = {
    "png": {"dpi": 150, "metadata": {"Software": None}},
    "svg": {"metadata": {"Date": None, "Creator": None}},
    "pdf": {"metadata": {"CreationDate": None, "Creator": None, "Producer": None}},
}


def number(value: float) -> str:
    """A strength as people write it: 0.05, 1e-4, 6.68e-6."""
    if value == 0 or 0.01 <= value < 1000:
        return f"{value:.3g}"
    return np.format_float_scientific(value, precision=2, trim="-", exp_digits=1)


def strength(lam: float) -> str:
    """A strength beside the name of its arm, nothing where there is none."""
    return "" if pd.isna(lam) else f"λ = {number(lam)}"


def stem(*names: object) -> str:
    """The name of a file from names that may hold anything."""
    return "-".join(re.sub(r"[^\w.+-]", "_", str(name)) for name in names)


def save(
    figure: Figure, folder: Path, name: str, endings: Iterable[str] = ("png", "svg")
) -> list[Path]:
    """Write a picture to an existing folder: the same files for the same picture.

    Args:
        figure: the picture.
        folder: for its files.
        name: of the files, without ending.
        endings: keys of `ENDINGS`: png, svg, pdf.
    """
    written = []
    for ending in endings:
        path = folder / f"{name}.{ending}"
        with matplotlib.rc_context({"svg.hashsalt": name}):
            figure.savefig(path, **ENDINGS[ending])
        written.append(path)
    return written


def title(frame: pd.DataFrame) -> str:
    """What all of a picture is about."""
    data, model, recipe = frame[["data", "model", "recipe"]].iloc[0]
    return f"{data}, {model}, recipe {recipe}"


def panels(
    heading: str, rows: int = 1, columns: int = 1, size: tuple[float, float] = (7.5, 4.4)
) -> tuple[Figure, list[Axes]]:
    """A page with a heading and panels on it, row by row, that share the style.

    Args:
        heading: above everything.
        rows, columns: of panels.
        size: width and height of the page, in inches.
    """
    figure = Figure(size, layout="constrained")
    figure.suptitle(heading, x=0.01, ha="left", fontsize=TEXT + 3, fontweight="bold")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel in axes:
        plain(panel)
    return figure, axes


def plain(axes: Axes) -> None:
    """The style of a panel."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=TEXT, color="0.5", length=3)


def logarithmic(axis: Axis) -> None:
    """A logarithmic axis with numbers as people write them."""
    low, high = np.log10(axis.get_view_interval())
    axis.set_major_locator(LogLocator(subs=(1.0, 3.0) if high - low < 3 else (1.0,)))
    axis.set_major_formatter(lambda value, _: number(value))
    axis.set_minor_locator(NullLocator())


def percent(axis: Axis) -> None:
    """An axis of shares."""
    axis.set_major_formatter(lambda share, _: f"{100 * share:.3g} %")


def scored(axis: Axis, frame: pd.DataFrame) -> None:
    """An axis of the accuracy or the squared error that a frame holds."""
    if frame["metric"].iloc[0] == "accuracy":
        percent(axis)


def words(frame: pd.DataFrame) -> str:
    """What the `metric` of a frame is called."""
    return "accuracy" if frame["metric"].iloc[0] == "accuracy" else "squared error"


def legend(figure: Figure, axes: Axes) -> None:
    """The arms, on the right of the page; each is named once."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside right upper",
        frameon=False,
        fontsize=TEXT,
        handlelength=3,
        labelspacing=0.6,
    )
