"""What sparsity costs: validation accuracy against the share of exact zeros, and the front."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure

from lpreg.figures.drawing import PLACE, Evidence, needing
from lpreg.figures.looks import GREY, looks
from lpreg.figures.settings import COLUMNS as SETTING
from lpreg.figures.settings import settings
from lpreg.figures.style import TEXT, legend, panels, percent, scored, strength, title, words
from lpreg.figures.web import light, rule, safe, web

COLUMNS = [*SETTING, "front"]
LINE: dict[str, Any] = {"color": GREY, "linewidth": 5, "alpha": 0.35}


@needing(COLUMNS, "results")
def frame(evidence: Evidence) -> pd.DataFrame:
    """All settings: those of `settings`, and whether they lie on the `front`.

    On the front no other setting of the place has at least as many zeros and predicts at least as
    well, one of them better. Places without any exact zero are left out.
    """
    table = settings(evidence)
    if not table.empty:
        table = table.loc[table.groupby(list(PLACE))["zeros"].transform("max") > 0]
    if table.empty:
        return table
    better = table["score"].where(table["metric"] == "accuracy", -table["score"])
    places = table.assign(better=better).groupby(list(PLACE), sort=False)
    fronts = [_front(rows["zeros"], rows["better"]) for _, rows in places]
    return table.assign(front=pd.concat(fronts))


def _front(zeros: pd.Series, better: pd.Series) -> pd.Series:
    z, s = (values.to_numpy()[:, None] for values in (zeros, better))
    as_good, better_somewhere = (z >= z.T) & (s >= s.T), (z > z.T) | (s > s.T)
    beaten = np.any(as_good & better_somewhere, axis=0)
    return pd.Series(np.isfinite(z + s)[:, 0] & ~beaten, zeros.index)


def draw(frame: pd.DataFrame) -> Figure:
    """A mark per setting, large where validation chose it; strengths of an arm are joined."""
    figure, (axes,) = panels(f"{title(frame)}: accuracy and exact zeros", size=(8.5, 4.6))
    line = _line(frame)
    axes.plot(line["zeros"], line["score"], drawstyle="steps-pre", label="front", **LINE)
    for arm, look in looks(frame).items():
        rows = _path(frame, arm)
        axes.plot(rows["zeros"], rows["score"], linewidth=0.9, **look.line)
        best = rows.loc[rows["chosen"]]
        bars = {"color": look.color, "linewidth": 0.9}
        axes.vlines(best["zeros"], best["score_low"], best["score_high"], **bars)
        marks = {"linestyle": "none", **look.mark}
        axes.plot(rows["zeros"], rows["score"], markersize=5, **marks)
        axes.plot(best["zeros"], best["score"], markersize=9, label=arm, **marks)
    percent(axes.xaxis)
    scored(axes.yaxis, frame)
    axes.set_xlabel("exact zeros, share of the weights", fontsize=TEXT)
    axes.set_ylabel(f"{words(frame)}, validation", fontsize=TEXT)
    legend(figure, axes)
    return figure


def plot(frame: pd.DataFrame) -> go.Figure:
    """The same, with strength and interval under the pointer."""
    figure, line = web(500), _line(frame)
    figure.add_scatter(
        x=light(line["zeros"]),
        y=light(line["score"]),
        name="front",
        mode="lines",
        line={"color": "rgba(127, 127, 127, 0.4)", "width": 6, "shape": "vh"},
        hoverinfo="skip",
    )
    for arm, look in looks(frame).items():
        rows = _path(frame, arm)
        figure.add_scatter(
            x=light(rows["zeros"]),
            y=light(rows["score"]),
            name=safe(arm),
            mode="lines+markers",
            line={**look.web_line, "width": 1.2},
            marker={
                **look.web_mark,
                "size": np.where(rows["chosen"], 13, 8).tolist(),
                "opacity": 1,
                "line": {"width": 1.5, "color": look.color},
            },
            error_y={
                "array": light((rows["score_high"] - rows["score"]).where(rows["chosen"])),
                "arrayminus": light((rows["score"] - rows["score_low"]).where(rows["chosen"])),
                "thickness": 1,
                "width": 3,
            },
            text=[
                ", ".join(filter(None, [strength(lam), "chosen" if best else ""]))
                for lam, best in zip(rows["lam"], rows["chosen"], strict=True)
            ],
            hovertemplate="%{y:.4~g} at %{x:.1%} zeros<br>%{text}",
        )
    y = rule(title=f"{words(frame)}, validation", tickformat=_format(frame))
    x = rule(title="exact zeros, share of the weights", tickformat=".0%")
    figure.update_layout(xaxis=x, yaxis=y)
    return figure


def _path(frame: pd.DataFrame, arm: str) -> pd.DataFrame:
    return frame.loc[frame["arm"] == arm].sort_values("lam", kind="stable")


def _line(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.loc[frame["front"].astype(bool)].sort_values("zeros")


def _format(frame: pd.DataFrame) -> str:
    return "~%" if frame["metric"].iloc[0] == "accuracy" else ""
