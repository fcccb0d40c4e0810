"""How large the weights of every layer are: histograms of log |w|, exact zeros in a bin apart."""

from math import ceil

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lpreg.figures.drawing import ABOUT, Evidence, needing
from lpreg.figures.looks import Look, looks
from lpreg.figures.style import TEXT, number, plain, strength, title
from lpreg.figures.web import light, menu, packed, rule, safe, web

COLUMNS = [*ABOUT, "tensor", "size", "low", "high", "n", "share"]
STEP = 1 / 3  # decades between two thresholds


@needing(COLUMNS, "results", "sparsity")
def frame(evidence: Evidence) -> pd.DataFrame:
    """Means over the finished members with the chosen settings.

    Returns:
        One row per arm of a place, tensor and bin: the columns of `ABOUT`, `tensor`, `size` (its
        weights), `low` and `high`, `n` (members), and `share`, of the weights of the tensor with
        low < |w| <= high. Both are 0 in the bin of the exact zeros; in the last `high` is infinite.
    """
    rows = evidence.of_chosen(evidence.sparsity).sort_values("threshold", kind="stable")
    layers = rows.groupby(["member", "tensor"], sort=False)
    below = layers["count"].shift(fill_value=0)
    bins = rows.assign(
        low=layers["threshold"].shift(fill_value=0.0), high=rows["threshold"], few=below
    )
    rest = layers.tail(1).assign(low=lambda last: last["threshold"], high=np.inf)
    rest = rest.assign(few=rest["count"], count=rest["size"])
    bins = pd.concat([bins, rest])
    bins["share"] = (bins["count"] - bins["few"]) / bins["size"]
    known = [*ABOUT, "tensor", "size", "low", "high"]
    groups = bins.groupby(known, sort=False, dropna=False, observed=True)
    means = groups.agg(n=("member", "size"), share=("share", "mean")).reset_index()
    return _in_order(means, evidence)


def _in_order(means: pd.DataFrame, evidence: Evidence) -> pd.DataFrame:
    """Places and arms as in the results, tensors as in the network, bins from left to right."""
    tensors = pd.Categorical(means["tensor"], evidence.sparsity["tensor"].unique())
    order = [*ABOUT[:3], "arm", "_", "low", "high"]
    return means.assign(_=tensors).sort_values(order, kind="stable").drop(columns="_")


def draw(frame: pd.DataFrame) -> Figure:
    """A panel per arm, in it a ridge per tensor, the first on top; zeros are bars on the left."""
    arms, tensors = looks(frame), list(frame["tensor"].unique())
    across = min(5, len(arms))
    down = ceil(len(arms) / across)
    tall = 0.5 + 0.24 * (len(tensors) + 1)
    figure = Figure((1.1 + 1.95 * across, 0.75 + down * tall), layout="constrained")
    heading = f"{title(frame)}: log |w| in every layer"
    figure.suptitle(heading, x=0.01, ha="left", fontsize=TEXT + 3, fontweight="bold")
    grid = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    bins = _shown(frame)
    ridge = bins.loc[bins["high"] > 0, "share"].max()
    for axes, (arm, look) in zip(grid.flat, arms.items(), strict=False):
        plain(axes)
        for place, tensor in enumerate(tensors):
            rows = bins.loc[(bins["arm"] == arm) & (bins["tensor"] == tensor)]
            _ridge(axes, rows, look, len(tensors) - 1 - place, 1.5 / ridge)
        lam = strength(frame.loc[frame["arm"] == arm, "lam"].iloc[0])
        axes.set_title(f"{arm}  {lam}", fontsize=TEXT, loc="left")
        axes.set_yticks(range(len(tensors)), tensors[::-1], fontsize=TEXT - 1)
        axes.set_xlabel("log10 |w|", fontsize=TEXT)
        axes.label_outer()
        ticks = _ticks(bins)
        axes.set_xticks(list(ticks), [*ticks.values()])
    for axes in grid.flat[len(arms) :]:
        axes.set_axis_off()
    return figure


def _ridge(axes: Axes, rows: pd.DataFrame, look: Look, base: float, scale: float) -> None:
    at, shares = _at(rows), rows["share"].to_numpy()
    zeros = rows["high"].to_numpy() == 0
    above = np.minimum(base + scale * shares, base + 1.6)
    style = {"color": look.color, "alpha": 0.35, "linewidth": 0, "zorder": 100 - base}
    axes.fill_between(at[~zeros], base, above[~zeros], step="mid", **style)
    line = {"color": look.color, "linewidth": 1, "zorder": 100 - base}
    axes.step(at[~zeros], above[~zeros], where="mid", **line)
    share = float(shares[zeros].sum())
    if share > 0:
        axes.bar(at[zeros], 0.85 * share, 2 * STEP, base, color=look.color, zorder=100)
    if share >= 0.005:
        where = (at[zeros][0] + 1.4 * STEP, base + 0.1)
        axes.annotate(f"{share:.0%}".replace("%", " %"), where, fontsize=TEXT - 2, zorder=101)


def plot(frame: pd.DataFrame) -> go.Figure:
    """All arms over each other, with a list of the tensors above."""
    tensors = list(frame["tensor"].unique())
    figure, bins = web(500), _shown(frame)
    for arm, look in looks(frame).items():
        rows = bins.loc[(bins["arm"] == arm) & (bins["tensor"] == tensors[0])]
        figure.add_scatter(
            x=light(_at(rows)),
            y=light(rows["share"]),
            name=safe(arm),
            mode="lines+markers",
            line={**look.web_line, "shape": "hvh", "width": 3 if arm == "none" else 1.6},
            marker={**look.web_mark, "size": 7, "maxdisplayed": 8},
            text=[_bin(low, high) for low, high in zip(rows["low"], rows["high"], strict=True)],
            hovertemplate=f"%{{y:.2%}} with %{{text}}, {strength(rows['lam'].iloc[0])}",
        )
    shares = dict(iter(bins.groupby(["tensor", "arm"], observed=True)["share"]))
    buttons = [
        {
            "label": safe(tensor),
            "method": "restyle",
            "args": [{"y": [packed(light(shares[tensor, arm])) for arm in looks(frame)]}],
        }
        for tensor in tensors
    ]
    ticks = _ticks(bins)
    figure.update_layout(
        updatemenus=[menu(buttons, type="dropdown", direction="down", showactive=True)],
        margin_t=52,
        xaxis=rule(title="log10 |w|", tickvals=list(ticks), ticktext=[*ticks.values()]),
        yaxis=rule(title="share of the weights of the layer", tickformat=".0%", rangemode="tozero"),
    )
    return figure


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    """The bins from the first on that holds weights which are not 0, and that of the zeros."""
    some = (frame["share"] > 1e-3) & (frame["high"] > 0)
    first = frame.loc[some, "high"].min()
    return frame.loc[(frame["high"] == 0) | (frame["high"] >= first)]


def _at(rows: pd.DataFrame) -> np.ndarray:
    """Middles of bins on the axis; zeros stand on the left of the others."""
    highest = np.where(np.isinf(rows["high"]), rows["low"] * 10**STEP, rows["high"])
    with np.errstate(divide="ignore"):
        middle = np.log10(highest) - STEP / 2
    return np.where(rows["high"] == 0, _left(rows), middle)


def _left(rows: pd.DataFrame) -> float:
    """Where zeros stand."""
    least = rows.loc[rows["high"] > 0, "high"].min()
    return float(np.log10(least)) - 4 * STEP


def _ticks(bins: pd.DataFrame) -> dict[float, str]:
    first = ceil(np.log10(bins.loc[bins["high"] > 0, "high"].min()) - STEP - 1e-9)
    powers = range(0, first - 1, -1 if first > -6 else -2)
    return {_left(bins): "0", **{float(power): f"{power}" for power in reversed(powers)}}


def _bin(low: float, high: float) -> str:
    if high == 0:
        return "w = 0"
    return f"|w| > {number(low)}" if np.isinf(high) else f"{number(low)} < |w| ≤ {number(high)}"
