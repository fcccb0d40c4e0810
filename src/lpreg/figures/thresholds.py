"""How many weights are small: the share of |w| <= t over t, exact zeros at t = 0."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure

from lpreg.figures.drawing import ABOUT, Evidence, intervals, needing
from lpreg.figures.looks import looks
from lpreg.figures.style import TEXT, legend, logarithmic, panels, percent, strength, title
from lpreg.figures.web import light, menu, rule, safe, web

COLUMNS = [*ABOUT, "threshold", "n", "share", "share_low", "share_high"]
ZERO = 10**-8.7
"""Where exact zeros stand on a logarithmic axis whose least threshold is 1e-8."""


@needing(COLUMNS, "results", "sparsity")
def frame(evidence: Evidence) -> pd.DataFrame:
    """Means over the finished members with the chosen settings.

    Returns:
        One row per arm of a place and threshold: the columns of `ABOUT`, `threshold`, `n` (members)
        and `share`, of all weights with |w| <= threshold, with its 95 % t interval `share_low` and
        `share_high`.
    """
    rows = evidence.of_chosen(evidence.sparsity)
    members = rows.groupby([*ABOUT, "member", "threshold"], sort=False, dropna=False, observed=True)
    sums = members[["count", "size"]].sum().reset_index()
    sums["share"] = sums["count"] / sums["size"]
    sums["arm"] = pd.Categorical(sums["arm"], evidence.arms)
    return intervals(sums, [*ABOUT, "threshold"], ["share"])


def draw(frame: pd.DataFrame) -> Figure:
    """Shares on a linear scale beside the same on a logarithmic one."""
    heading = f"{title(frame)}: weights with |w| ≤ t"
    figure, axes = panels(heading, columns=2, size=(11, 4.4))
    for panel in axes:
        for place, (arm, look) in enumerate(looks(frame).items()):
            rows = frame.loc[frame["arm"] == arm]
            marks = {"markevery": (place % 8, 8), "markersize": 5, **look.mark}
            wide = 2.2 if arm == "none" else 1.3
            line = {"label": arm, "linewidth": wide, **look.line, **marks}
            panel.plot(_at(rows), rows["share"], **line)
        panel.set(xscale="log", xlabel="t", xlim=(ZERO / 2, 1.3))
        logarithmic(panel.xaxis)
        panel.set_xticks(
            [ZERO, 1e-8, 1e-6, 1e-4, 1e-2, 1], ["0", "1e-8", "1e-6", "1e-4", "0.01", "1"]
        )
        panel.xaxis.label.set_fontsize(TEXT)
    axes[1].set(yscale="log", ylim=(_least(frame), 1.3))
    logarithmic(axes[1].yaxis)
    percent(axes[0].yaxis)
    axes[0].set_ylabel("share of the weights", fontsize=TEXT)
    legend(figure, axes[0])
    return figure


def plot(frame: pd.DataFrame) -> go.Figure:
    """The same with a switch of the scale."""
    figure = web(500)
    for arm, look in looks(frame).items():
        rows = frame.loc[frame["arm"] == arm]
        figure.add_scatter(
            x=light(_at(rows)),
            y=light(rows["share"]),
            name=safe(arm),
            mode="lines+markers",
            line={**look.web_line, "width": 3 if arm == "none" else 1.8},
            marker={**look.web_mark, "size": 7, "maxdisplayed": 7},
            text=[f"{threshold:.3g}" for threshold in rows["threshold"]],
            hovertemplate=f"%{{y:.3%}} with |w| ≤ %{{text}}, {strength(rows['lam'].iloc[0])}",
        )
    linear = {
        "yaxis.type": "linear",
        "yaxis.range": [0, 1.02],
        "yaxis.tickformat": ".0%",
        "yaxis.dtick": 0.2,
    }
    ends = [float(np.log10(_least(frame))), 0.05]
    log = {"yaxis.type": "log", "yaxis.range": ends, "yaxis.tickformat": "~%", "yaxis.dtick": 1}
    buttons = [
        {"label": label, "method": "relayout", "args": [axis]}
        for label, axis in (("logarithmic", log), ("linear", linear))
    ]
    figure.update_layout(
        updatemenus=[menu(buttons)],
        margin_t=52,
        xaxis=rule(
            title="t",
            type="log",
            tickvals=[ZERO, 1e-8, 1e-6, 1e-4, 1e-2, 1],
            ticktext=["0", "1e-8", "1e-6", "1e-4", "0.01", "1"],
        ),
        yaxis=rule(title="share of |w| ≤ t", type="log", range=ends, tickformat="~%", dtick=1),
    )
    return figure


def _at(rows: pd.DataFrame) -> pd.Series:
    return rows["threshold"].where(rows["threshold"] > 0, ZERO)


def _least(frame: pd.DataFrame) -> float:
    """Below the smallest share that is not 0."""
    shares = frame.loc[frame["share"] > 0, "share"]
    return float(shares.min()) / 1.5 if len(shares) else 1e-3
