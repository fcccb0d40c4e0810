"""The effects that the claims of a study are about, with their intervals and verdicts."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lpreg.figures.drawing import Evidence, needing
from lpreg.figures.looks import GREY
from lpreg.figures.style import TEXT, logarithmic, plain
from lpreg.figures.web import light, log_rule, rule, safe, web

COLUMNS = ["recipe", "name", "text", "unit", "verdict", "effect", "low", "high", "n", "ours"]
VERDICTS: dict[str, dict[str, Any]] = {
    "supported": {"color": "#009E73", "marker": "o", "symbol": "circle"},
    "contradicted": {"color": "#D55E00", "marker": "X", "symbol": "x"},
    "inconclusive": {"color": GREY, "marker": "D", "symbol": "diamond-open"},
}
UNITS = {
    "points": "accuracy, points",
    "times": "ratio, times",
    "epochs": "epochs",
    "weights": "weights",
}
ROW = 40  # pixels


@needing(COLUMNS, "verdicts")
def frame(evidence: Evidence) -> pd.DataFrame:
    """The verdicts that rest on an effect.

    Returns:
        One row per claim and recipe: `recipe`, `name` and `text` of the claim, `unit`, `verdict`,
        `effect` with its interval `low` and `high`, `n` (seeds), `ours` (the same as a text).
        Effects of one unit stand together, in the order of the claims.
    """
    verdicts = evidence.verdicts
    judged = verdicts.loc[verdicts["verdict"].isin(VERDICTS) & np.isfinite(verdicts["effect"])]
    units = dict.fromkeys([*UNITS, *judged["unit"]])
    order = {unit: place for place, unit in enumerate(units)}
    return judged.sort_values("unit", kind="stable", key=lambda units: units.map(order))


def draw(frame: pd.DataFrame) -> Figure:
    """A panel per unit, in it a row per claim; the line is where there would be no effect."""
    groups = _groups(frame)
    tall = [len(rows) + 1.6 for _, rows in groups]
    figure = Figure((9.5, 0.8 + 0.29 * sum(tall)), layout="constrained")
    heading = f"Claims, recipe {frame['recipe'].iloc[0]}: effects and 95 % intervals"
    figure.suptitle(heading, x=0.01, ha="left", fontsize=TEXT + 3, fontweight="bold")
    panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=tall)[:, 0]
    for axes, (unit, rows) in zip(panels, groups, strict=True):
        plain(axes)
        for place, row in enumerate(rows.to_dict("records")):
            look = VERDICTS[row["verdict"]]
            axes.plot([row["low"], row["high"]], [place] * 2, color=look["color"], linewidth=1.6)
            face = "white" if row["verdict"] == "inconclusive" else look["color"]
            mark = {"marker": look["marker"], "markerfacecolor": face, "markersize": 7}
            axes.plot(row["effect"], place, color=look["color"], **mark)
        axes.set_yticks(range(len(rows)), list(rows["name"]), fontsize=TEXT)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.axvline(_nothing(unit), color="0.3", linewidth=0.9)
        if _is_log(unit, rows):
            axes.set_xscale("log")
            logarithmic(axes.xaxis)
        axes.set_xlabel(UNITS.get(unit, unit or "difference"), fontsize=TEXT)
    handles = [
        Line2D(
            [],
            [],
            color=look["color"],
            marker=look["marker"],
            markerfacecolor="white" if verdict == "inconclusive" else look["color"],
            label=verdict,
        )
        for verdict, look in VERDICTS.items()
    ]
    style = {"ncols": 3, "frameon": False, "fontsize": TEXT}
    figure.legend(handles=handles, loc="outside lower right", **style)
    return figure


def plot(frame: pd.DataFrame) -> go.Figure:
    """The same, names above their rows, with the claim under the pointer."""
    groups = _groups(frame)
    between = 70
    inside = ROW * len(frame) + between * (len(groups) - 1)
    figure = web(inside + 130, showlegend=True)
    top, shown = 1.0, set()
    for number, (unit, rows) in enumerate(groups, start=1):
        end = "" if number == 1 else str(number)
        bottom = max(0.0, top - ROW * len(rows) / inside)
        places = np.arange(len(rows))
        for verdict, look in VERDICTS.items():
            own = (rows["verdict"] == verdict).to_numpy()
            if own.any():
                trace = _marks(rows[own], places[own], look)
                names = {"name": verdict, "legendgroup": verdict}
                axes = {"xaxis": f"x{end}", "yaxis": f"y{end}"}
                figure.add_scatter(**trace, **names, **axes, showlegend=verdict not in shown)
                shown.add(verdict)
        at = {"x0": _nothing(unit), "x1": _nothing(unit), "xref": f"x{end}"}
        figure.add_shape(y0=0, y1=1, yref=f"y{end} domain", line_color=GREY, **at)
        for place, name in zip(places, rows["name"], strict=True):
            figure.add_annotation(
                text=safe(name),
                x=0,
                xref="paper",
                xanchor="left",
                y=place - 0.3,
                yref=f"y{end}",
                showarrow=False,
                font_size=12,
            )
        log = {}
        if _is_log(unit, rows):
            low, high = min(1, rows["low"].min()), max(1, rows["high"].max())
            log = log_rule(low / 1.15, high * 1.15)
        x = rule(title=UNITS.get(unit, unit or "difference"), anchor=f"y{end}", **log)
        y = rule(domain=[bottom, top], range=[len(rows) - 0.5, -0.5], visible=False)
        figure.update_layout({f"xaxis{end}": x, f"yaxis{end}": {**y, "anchor": f"x{end}"}})
        top = bottom - between / inside
    return figure


def _marks(rows: pd.DataFrame, places: np.ndarray, look: dict[str, Any]) -> dict[str, Any]:
    told = zip(rows["text"], rows["ours"], rows["n"], strict=True)
    return {
        "x": light(rows["effect"]),
        "y": places + 0.15,
        "mode": "markers",
        "marker": {"color": look["color"], "symbol": look["symbol"], "size": 10},
        "error_x": {
            "array": light(rows["high"] - rows["effect"]),
            "arrayminus": light(rows["effect"] - rows["low"]),
            "color": look["color"],
            "thickness": 2,
            "width": 0,
        },
        "text": [f"{_wrapped(safe(text))}<br>{safe(ours)}, {n} seeds" for text, ours, n in told],
        "hovertemplate": "%{text}",
    }


def _wrapped(text: str, width: int = 48) -> str:
    """In lines for a small screen."""
    lines = [""]
    for word in text.split():
        full = len(lines[-1]) + len(word) > width
        lines = [*lines, word] if full else [*lines[:-1], f"{lines[-1]} {word}".strip()]
    return "<br>".join(lines)


def _groups(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(str(unit), rows) for unit, rows in frame.groupby("unit", sort=False)]


def _nothing(unit: str) -> float:
    """Where there is no effect."""
    return 1.0 if unit == "times" else 0.0


def _is_log(unit: str, rows: pd.DataFrame) -> bool:
    return unit == "times" and bool((rows[["low", "effect"]].min() > 0).all())
