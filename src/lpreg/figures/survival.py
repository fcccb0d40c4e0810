"""When the arms converge: the share of seeds that have not yet, over the epochs."""

import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure

from lpreg.analysis import loss_epochs
from lpreg.analysis.survival import curve, median
from lpreg.figures.drawing import ABOUT, PLACE, Evidence, needing
from lpreg.figures.looks import looks
from lpreg.figures.style import TEXT, legend, number, panels, percent, strength, title
from lpreg.figures.web import light, rule, safe, web

COLUMNS = [*ABOUT, "epoch", "n", "waiting", "low", "high", "median"]


@needing(COLUMNS, "results", "curves")
def frame(evidence: Evidence) -> pd.DataFrame:
    """Kaplan-Meier curves of the finished members with the chosen settings.

    Returns:
        One row per arm of a place and epoch in which members converged, the first and the last
        epoch beside them: the columns of `ABOUT`, `epoch`, `n` (members at the start), `waiting`
        (the share whose task loss on the training part has not converged yet) with its 95 %
        interval `low` and `high`, and the `median` epoch of the arm (NaN when half have not
        converged). Places where nothing converged are left out.
    """
    best = evidence.chosen
    own = evidence.curves.loc[evidence.curves["member"].isin(best["member"])]
    found = loss_epochs(best, own).merge(best, on="member")
    last = own.groupby("member")["epoch"].max()
    watched = found.loc[found["status"] == "ok"].assign(last=found["member"].map(last))
    somewhere = watched.groupby(list(PLACE))["converged"].transform("any").astype(bool)
    tables = []
    groups = watched.loc[somewhere].groupby(ABOUT, sort=False, dropna=False, observed=True)
    for keys, members in groups:
        waits = members["epoch"], members["converged"]
        steps = curve(*waits).rename(columns={"time": "epoch", "survival": "waiting"})
        end = steps.tail(1).assign(epoch=float(members["last"].max()))
        about = {**dict(zip(ABOUT, keys, strict=True)), "n": len(members), "median": median(*waits)}
        tables.append(pd.concat([steps, end]).assign(**about))
    return evidence.named(pd.concat(tables)) if tables else pd.DataFrame()


def draw(frame: pd.DataFrame) -> Figure:
    """A staircase per arm."""
    figure, (axes,) = panels(f"{title(frame)}: convergence of the task loss", size=(8.5, 4.6))
    for place, (arm, look) in enumerate(looks(frame).items()):
        rows = frame.loc[frame["arm"] == arm]
        wide = 2.2 if arm == "none" else 1.4
        marks = {"markevery": (place % 2, 3), "markersize": 5, **look.mark}
        stairs = {"drawstyle": "steps-post", "linewidth": wide, **look.line, **marks}
        axes.plot(rows["epoch"], rows["waiting"], label=arm, **stairs)
    axes.set_ylim(-0.03, 1.03)
    percent(axes.yaxis)
    axes.set_xlabel("epoch", fontsize=TEXT)
    axes.set_ylabel("seeds that have not converged", fontsize=TEXT)
    legend(figure, axes)
    return figure


def plot(frame: pd.DataFrame) -> go.Figure:
    """The same, with the median under the pointer."""
    figure = web(460)
    for arm, look in looks(frame).items():
        rows = frame.loc[frame["arm"] == arm]
        half, lam = rows["median"].iloc[0], strength(rows["lam"].iloc[0])
        told = "half have not" if pd.isna(half) else f"median {number(half)}"
        figure.add_scatter(
            x=light(rows["epoch"]),
            y=light(rows["waiting"]),
            name=safe(arm),
            mode="lines+markers",
            line={**look.web_line, "shape": "hv", "width": 3 if arm == "none" else 1.8},
            marker={**look.web_mark, "size": 7, "maxdisplayed": 6},
            hovertemplate=f"%{{y:.0%}} left at epoch %{{x}}<br>{told}, {lam}".rstrip(", "),
        )
    figure.update_layout(
        xaxis=rule(title="epoch"),
        yaxis=rule(title="seeds that have not converged", tickformat=".0%", range=[-0.03, 1.03]),
    )
    return figure
