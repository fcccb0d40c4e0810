"""How the studies of statements are drawn: means over repetitions with their intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lpreg.analysis.stats import summarize
from lpreg.figures.looks import COLOURS, DASHES, GREY
from lpreg.figures.style import TEXT, logarithmic, panels, percent

LOOKS: dict[str, tuple[str, str, str]] = {
    "none": (GREY, "dash", "o"),
    "L1": (COLOURS["L1"], "solid", "s"),
    "L2": (COLOURS["L2"], "solid", "D"),
    "EN": (COLOURS["EN"], "longdash", "v"),
    "L3": (COLOURS["L3"], "dash", "^"),
    "L4": (COLOURS["L0"], "dashdot", "X"),
    "L0": (COLOURS["L0"], "dashdot", "X"),
    "p = 0.5": ("#000000", "dashdot", "P"),
    "other": (COLOURS["L3"], "dash", "^"),
    "another": (COLOURS["Linf"], "dot", "*"),
    "last": ("#000000", "dashdot", "P"),
}
"""Colour of Okabe and Ito, dash and mark."""


@dataclass(frozen=True)
class View:
    """What a picture says beside its numbers.

    Attributes:
        heading: of the picture.
        x, y: what the axes show.
        arms: name of an arm -> whose look of `LOOKS` it has, in the order of the legend.
        log: the axes that are logarithmic, "x", "y" or "xy".
        shares: whether y is a share.
        size: in inches.
        same: whether the panels share their y axis.
        ends: of the y axis, None where the numbers say.
    """

    heading: str
    x: str
    y: str
    arms: Mapping[str, str]
    log: str = ""
    shares: bool = False
    size: tuple[float, float] = (10.0, 4.2)
    same: bool = True
    ends: tuple[float | None, float | None] = (None, None)


def draw(frame: pd.DataFrame, view: View) -> Figure:
    """Means with 95 % intervals over the repetitions.

    Args:
        frame: a row per repetition: `panel`, `arm`, `x`, `repeat`, `value`. x may be words.
        view: what it says.
    """
    names = list(dict.fromkeys(frame["panel"]))
    figure, axes = panels(view.heading, columns=len(names), size=view.size)
    for panel, name in zip(axes, names, strict=True):
        rows = frame.loc[frame["panel"] == name]
        _panel(panel, rows, view)
        panel.set_title(name, fontsize=TEXT + 1)
        panel.set_xlabel(view.x, fontsize=TEXT + 1)
    axes[0].set_ylabel(view.y, fontsize=TEXT + 1)
    if view.same:
        ends = [f(panel.get_ylim()[i] for panel in axes) for i, f in enumerate((min, max))]
        for panel in axes:
            panel.set_ylim(*ends)
            panel.tick_params(labelleft=panel is axes[0])
    handles: dict[str, Any] = {}
    for panel in axes:
        found = zip(*panel.get_legend_handles_labels(), strict=True)
        handles |= {label: handle for handle, label in found if label not in handles}
    shown = [arm for arm in view.arms if arm in handles]
    if len(shown) > 1:
        style = {"frameon": False, "fontsize": TEXT + 1, "handlelength": 3.2}
        order = [handles[arm] for arm in shown]
        fitting = int(view.size[0] * 13 / (max(map(len, shown)) + 9))
        rows = -(-len(shown) // max(1, fitting))
        place = {"loc": "outside lower center", "ncols": -(-len(shown) // rows)}
        figure.legend(order, shown, **place, **style)
    return figure


def table(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean and 95 % interval per panel, arm and x."""
    groups = frame.groupby(["panel", "arm", "x"], sort=False)["value"]
    told = [(*key, *summarize(values)) for key, values in groups]  # pyright: ignore
    return pd.DataFrame(told, columns=["panel", "arm", "x", "n", "mean", "sd", "low", "high"])


def _panel(panel: Axes, rows: pd.DataFrame, view: View) -> None:
    told = table(rows)
    words = not pd.api.types.is_numeric_dtype(told["x"])
    places = list(dict.fromkeys(told["x"]))
    for i, (arm, look) in enumerate(view.arms.items()):
        one = told.loc[told["arm"] == arm]
        if one.empty:
            continue
        if words:
            shift = 0.6 * ((i + 0.5) / len(view.arms) - 0.5)
            _dots(panel, np.array([places.index(x) for x in one["x"]]) + shift, one, arm, look)
        else:
            _line(panel, one.sort_values("x"), arm, look)
    if words:
        panel.set_xticks(range(len(places)), places)
        panel.set_xlim(-0.6, len(places) - 0.4)
    elif "x" not in view.log and len(places) < 8:
        panel.set_xticks(sorted(places))
    for axis in view.log:
        getattr(panel, f"set_{axis}scale")("log")
        logarithmic(getattr(panel, f"{axis}axis"))
    panel.set_ylim(*view.ends)
    if view.shares:
        percent(panel.yaxis)


def _line(panel: Axes, one: pd.DataFrame, arm: str, look: str) -> None:
    colour, dash, mark = LOOKS[look]
    style = {"color": colour, "linestyle": DASHES[dash], "marker": mark, "markersize": 4.5}
    panel.plot(one["x"], one["mean"], label=arm, linewidth=1.8, **style)
    panel.fill_between(one["x"], one["low"], one["high"], color=colour, alpha=0.15, linewidth=0)


def _dots(panel: Axes, at: np.ndarray, one: pd.DataFrame, arm: str, look: str) -> None:
    colour, _, mark = LOOKS[look]
    reach = [one["mean"] - one["low"], one["high"] - one["mean"]]
    style = {"color": colour, "marker": mark, "markersize": 6, "capsize": 3, "linestyle": ""}
    panel.errorbar(at, one["mean"], reach, label=arm, linewidth=1.6, **style)
