"""What an arm gives and takes as its strength grows: accuracy and exact zeros over lambda."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure

from lpreg.analysis.tables import AXES
from lpreg.figures.drawing import PLACE, Evidence, needing
from lpreg.figures.looks import looks
from lpreg.figures.settings import COLUMNS, settings
from lpreg.figures.style import TEXT, legend, logarithmic, panels, percent, scored, title, words
from lpreg.figures.web import light, rule, safe, web

SHOWN = ("score", "zeros")


@needing(COLUMNS, "results")
def frame(evidence: Evidence) -> pd.DataFrame:
    """The settings of `settings` where an arm has several strengths, with what has none beside it.

    Of several learning rates, momenta or batch sizes those are kept with which validation chose the
    setting of the arm.
    """
    table = settings(evidence)
    if table.empty:
        return table
    cell = [*PLACE, "arm"]
    best = table.loc[table["chosen"], [*cell, *AXES]]
    same = table.merge(best, on=[*cell, *AXES])
    same["arm"] = pd.Categorical(same["arm"], evidence.arms)
    tried = same.groupby([*PLACE, "arm"], observed=True)["lam"].transform("nunique")
    somewhere = tried.groupby([same[name] for name in PLACE]).transform("max") > 1
    return same.loc[somewhere & ((tried > 1) | same["lam"].isna())]


def draw(frame: pd.DataFrame) -> Figure:
    """Accuracy over zeros, with the same strengths."""
    heading = f"{title(frame)}: strength"
    figure, axes = panels(heading, rows=2, size=(8.5, 6))
    ends = [frame["lam"].min(), frame["lam"].max()]
    for panel, value in zip(axes, SHOWN, strict=True):
        for arm, look in looks(frame).items():
            rows = _path(frame, arm, ends)
            wide = 2.2 if arm == "none" else 1.4
            marks = look.mark if rows["n"].all() else {}
            line = {**look.line, "linewidth": wide, "markersize": 6, **marks}
            panel.plot(rows["lam"], rows[value], label=arm, **line)
            band = {"color": look.color, "alpha": 0.08, "linewidth": 0}
            panel.fill_between(rows["lam"], rows[f"{value}_low"], rows[f"{value}_high"], **band)
        panel.set_xscale("log")
        logarithmic(panel.xaxis)
    scored(axes[0].yaxis, frame)
    percent(axes[1].yaxis)
    axes[0].set_ylabel(f"{words(frame)}, validation", fontsize=TEXT)
    axes[1].set_ylabel("exact zeros", fontsize=TEXT)
    axes[1].set_xlabel("strength λ", fontsize=TEXT)
    legend(figure, axes[0])
    return figure


def plot(frame: pd.DataFrame) -> go.Figure:
    """The same; an arm is switched in both panels at once."""
    figure = web(620)
    ends = [frame["lam"].min(), frame["lam"].max()]
    form = ".1%" if frame["metric"].iloc[0] == "accuracy" else ""
    for axis, value, written in zip(("y", "y2"), SHOWN, (form, ".1%"), strict=True):
        for arm, look in looks(frame).items():
            rows = _path(frame, arm, ends)
            has_strength = rows["n"].all()
            figure.add_scatter(
                x=light(rows["lam"]),
                y=light(rows[value]),
                yaxis=axis,
                name=safe(arm),
                legendgroup=safe(arm),
                showlegend=axis == "y",
                mode="lines+markers" if has_strength else "lines",
                line={**look.web_line, "width": 3 if arm == "none" else 1.6},
                marker={**look.web_mark, "size": 8},
                error_y={
                    "array": light(rows[f"{value}_high"] - rows[value]),
                    "arrayminus": light(rows[value] - rows[f"{value}_low"]),
                    "thickness": 1,
                    "width": 3,
                }
                if has_strength
                else None,
                hovertemplate=f"%{{y:{written or '.4~g'}}} at λ = %{{x:.3~g}}",
            )
    top = rule(
        title=f"{words(frame)}, validation", tickformat="~%" if form else "", domain=[0.53, 1]
    )
    figure.update_layout(
        xaxis=rule(title="strength λ", type="log", exponentformat="power", dtick=1, anchor="y2"),
        yaxis=top,
        yaxis2=rule(title="exact zeros", tickformat="~%", domain=[0, 0.47]),
    )
    return figure


def _path(frame: pd.DataFrame, arm: str, ends: list[float]) -> pd.DataFrame:
    """The strengths of an arm; of one without a strength a level line, whose `n` is 0."""
    rows = frame.loc[frame["arm"] == arm].sort_values("lam", kind="stable")
    if rows["lam"].notna().all():
        return rows
    level = rows.iloc[np.zeros(2, dtype=int)]
    return level.assign(lam=ends, n=0)
