"""What all pictures share: colours, text, how numbers are written, how files are made.

An arm has one look in all pictures of a study. Its colour is that of its penalty, one of those that
Okabe and Ito (2008) chose so that the colour-blind tell them apart; its dash and its mark tell it
from the other arms of that colour, and all of them apart in grey print.
"""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import ArrayLike

TEXT = 9.0  # points, on a page of 11 inches: legible when it is printed at half that size

ENDINGS: dict[str, dict[str, Any]] = {
    "png": {"dpi": 150, "metadata": {"Software": None}},
    "svg": {"metadata": {"Date": None, "Creator": None}},
    "pdf": {"metadata": {"CreationDate": None, "Creator": None, "Producer": None}},
}

GREY = "#7F7F7F"  # of what has no penalty; seen on white and on black
COLOURS = {
    "L1": "#0072B2",
    "L2": "#D55E00",
    "L3": "#009E73",
    "EN": "#E69F00",
    "L0": "#CC79A7",
    "Linf": "#56B4E9",
}
PLAIN = ("none", "dropout")
DASHES: dict[str, Any] = {  # Plotly's names, and what matplotlib makes of them
    "solid": "-",
    "dash": (0, (4.5, 1.6)),
    "dot": (0, (1.2, 1.2)),
    "dashdot": (0, (5, 1.3, 1.2, 1.3)),
    "longdash": (0, (9, 2)),
}
HATCHES = {"solid": "", "dash": "///", "dot": "...", "dashdot": "\\\\\\", "longdash": "---"}
MARKS = {  # the same of marks, by colour
    GREY: ("circle", "o"),
    COLOURS["L1"]: ("square", "s"),
    COLOURS["L2"]: ("diamond", "D"),
    COLOURS["L3"]: ("triangle-up", "^"),
    COLOURS["EN"]: ("triangle-down", "v"),
    COLOURS["L0"]: ("x", "X"),
    COLOURS["Linf"]: ("star", "*"),
}
GRID = "rgba(128, 128, 128, 0.25)"  # seen on white and on black
CLEAR = "rgba(0, 0, 0, 0)"
POINTS = 150  # of a line on the page: more cannot be seen, and would only make it heavy


class Look(NamedTuple):
    """How an arm looks.

    Attributes:
        color: of Okabe and Ito.
        dash: a key of `DASHES`.
        filled: whether its mark is; only that of the first arm of a colour is.
    """

    color: str
    dash: str
    filled: bool

    @property
    def line(self) -> dict[str, Any]:
        """For a line of matplotlib."""
        return {"color": self.color, "linestyle": DASHES[self.dash]}

    @property
    def mark(self) -> dict[str, Any]:
        """For a mark of matplotlib."""
        face = self.color if self.filled else "white"
        edge = {"markeredgecolor": self.color, "markeredgewidth": 1.2}
        return {"marker": MARKS[self.color][1], "markerfacecolor": face, **edge}

    @property
    def web_line(self) -> dict[str, Any]:
        """For a line of Plotly."""
        return {"color": self.color, "dash": self.dash, "width": 2}

    @property
    def web_mark(self) -> dict[str, Any]:
        """For a mark of Plotly."""
        symbol = MARKS[self.color][0]
        return {"color": self.color, "symbol": symbol if self.filled else f"{symbol}-open"}

    @property
    def bar(self) -> dict[str, Any]:
        """For a bar of matplotlib: pale, so that what lies on it is seen."""
        edge = {"edgecolor": self.color, "linewidth": 1, "hatch": HATCHES[self.dash]}
        return {"facecolor": f"{self.color}80" if self.filled else f"{self.color}26", **edge}

    @property
    def web_bar(self) -> dict[str, Any]:
        """For a bar of Plotly."""
        edge = {"color": self.color, "width": 1}
        pattern = {"shape": HATCHES[self.dash][:1], "fgcolor": self.color, "size": 7}
        pattern |= {"fillmode": "overlay", "solidity": 0.15, "bgcolor": f"{self.color}26"}
        opaque = {"color": f"{self.color}80" if self.filled else f"{self.color}26"}
        return {**opaque, "line": edge, "pattern": pattern if not self.filled else None}


def look(arm: str, arms: Sequence[str]) -> Look:
    """How an arm looks among all arms of its study, in their order."""
    colours = _colours(arms)
    before = [other for other in arms[: arms.index(arm)] if colours[other] == colours[arm]]
    return Look(colours[arm], [*DASHES][len(before) % len(DASHES)], not before)


def looks(frame: pd.DataFrame) -> dict[str, Look]:
    """The looks of the arms in a frame, in the order of the study.

    Args:
        frame: its column `arm` is categorical, with all arms of the study as its categories.
    """
    arms, shown = list(frame["arm"].cat.categories), set(frame["arm"])
    return {arm: look(arm, arms) for arm in arms if arm in shown}


def _colours(arms: Sequence[str]) -> Mapping[str, str]:
    """Of the known penalties their own; of the others those that are left, in turn."""
    families = list(dict.fromkeys(arm.partition("-")[0] for arm in arms))
    known = {**COLOURS, **dict.fromkeys(PLAIN, GREY)}
    taken = {known[family] for family in families if family in known}
    others = [family for family in families if family not in known]
    free = [colour for colour in COLOURS.values() if colour not in taken] or [*COLOURS.values()]
    given = {family: free[i % len(free)] for i, family in enumerate(others)}
    return {arm: {**known, **given}[arm.partition("-")[0]] for arm in arms}


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
    figure: Figure, folder: Path, name: str, endings: Sequence[str] = ("png", "svg")
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


def web(height: int, **layout: Any) -> go.Figure:
    """An empty figure for the page, as wide as its place, with the legend under it.

    It has no background, and no colour of text: those are the page's.

    Args:
        height: in pixels.
        layout: more of Plotly's layout.
    """
    figure = go.Figure()
    figure.update_layout(
        template=go.layout.Template(),
        height=height,
        autosize=True,
        margin={"l": 8, "r": 12, "t": 12, "b": 8},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        hovermode="closest",
        hoverlabel={"namelength": -1},
        modebar={"bgcolor": CLEAR, "color": GREY},
        legend={
            "orientation": "h",
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
            "x": 0,
            "itemwidth": 36,
            "entrywidth": 84,
            "tracegroupgap": 0,
            "font": {"size": 12},
        },
    )
    figure.update_layout(layout)
    return figure


def rule(**axis: Any) -> dict[str, Any]:
    """An axis of a figure for the page."""
    colour = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": GRID}
    return {**colour, "automargin": True, "zeroline": False, "tickfont": {"size": 12}, **axis}


def log_rule(low: float, high: float, **axis: Any) -> dict[str, Any]:
    """A logarithmic axis from here to there, for the page: its type, range and ticks."""
    powers = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    steps = (1.0, 3.0) if high / low < 1000 else (1.0,)
    ticks = [step * 10.0**power for power in powers for step in steps]
    ends = [float(np.log10(low)), float(np.log10(high))]
    known = {"type": "log", "range": ends, "tickvals": ticks}
    return {**known, "ticktext": [number(tick) for tick in ticks], **axis}


def menu(buttons: Sequence[Mapping[str, Any]], **where: Any) -> dict[str, Any]:
    """Buttons above a figure of the page, the first of them pressed.

    They are light with dark text on every page, as Plotly has one light colour for the pressed one.
    """
    return {
        "buttons": list(buttons),
        "type": "buttons",
        "direction": "right",
        "x": 0,
        "xanchor": "left",
        "y": 1,
        "yanchor": "bottom",
        "pad": {"b": 8},
        "bgcolor": "#D5D5D5",
        "bordercolor": "#808080",
        "font": {"color": "#222222", "size": 12},
        **where,
    }


def thin(rows: pd.DataFrame, points: int = POINTS) -> pd.DataFrame:
    """At most about so many rows, evenly spaced, the last among them."""
    return rows.iloc[:: -ceil(len(rows) / points)].iloc[::-1]


def packed(values: ArrayLike) -> dict[str, Any]:
    """The same where Plotly leaves them as text: in what a button or a slider changes."""
    array = np.ascontiguousarray(values if isinstance(values, np.ndarray) else light(values))
    names = {"float32": "f4", "int32": "i4", "uint8": "u1"}
    shape = {"shape": ", ".join(map(str, array.shape))} if array.ndim > 1 else {}
    text = b64encode(array.tobytes()).decode("ascii")
    return {"dtype": names[str(array.dtype)], "bdata": text, **shape}


def light(values: ArrayLike) -> np.ndarray:
    """Numbers of the page: as precise as a picture needs them, half as heavy."""
    array = np.asarray(values)
    return array.astype(np.int32 if np.issubdtype(array.dtype, np.integer) else np.float32)
