"""Learning curves of one arm at a time: training, validation and test, and the convergence."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lpreg.figures import curves
from lpreg.figures.curves import MARK, PARTS, PLAIN, settled
from lpreg.figures.drawing import Evidence, needing
from lpreg.figures.looks import GREY, looks
from lpreg.figures.web import light, log_rule, menu, packed, rule, safe, thin, web

COLUMNS = ["data", "recipe", "model", "arm", "lam", "seed", "status", "converged"]
COLUMNS += ["epoch", "part", "loss", "accuracy"]
POINTS = 60  # of a line: there are fifteen per arm
BANDS = ("train", "test")
METRICS = ("loss", "accuracy")


@needing(COLUMNS, "results", "curves")
def frame(evidence: Evidence) -> pd.DataFrame:
    """What `lpreg.figures.curves.frame` gives."""
    return evidence.named(curves.frame(evidence))


def plot(frame: pd.DataFrame) -> go.Figure:
    """Task loss over accuracy, with a list of the arms above. Bands reach from the lowest to the
    highest seed; a green line stands where half of the seeds have converged."""
    metrics = [metric for metric in METRICS if frame[metric].count()]
    figure = web(620 if len(metrics) > 1 else 420)
    epochs = thin(frame[["epoch"]].drop_duplicates().sort_values("epoch"), POINTS)["epoch"]
    seen = frame.loc[frame["epoch"].isin(epochs) & (frame["status"] == "ok")]
    lines = {arm: _lines(seen.loc[seen["arm"] == arm], metrics, epochs) for arm in looks(frame)}
    first = next(iter(lines))
    for (metric, part, kind), y in lines[first].items():
        axis = "y" if metric == "loss" else "y2"
        figure.add_scatter(x=light(epochs), y=y, yaxis=axis, **_style(metric, part, kind))
    changed = list(range(len(lines[first])))
    for metric in metrics if "none" in lines else []:
        axis = "y" if metric == "loss" else "y2"
        y = lines["none"][metric, "val", "mean"]
        figure.add_scatter(x=light(epochs), y=y, yaxis=axis, **_plain(metric))
    notes = {arm: _notes(frame.loc[frame["arm"] == arm]) for arm in lines}
    buttons = [
        {
            "label": safe(arm),
            "method": "update",
            "args": [{"y": [*map(packed, own.values())]}, notes[arm], changed],
        }
        for arm, own in lines.items()
    ]
    figure.update_layout(
        updatemenus=[menu(buttons, type="dropdown", direction="down")],
        margin_t=52,
        legend_entrywidth=130,
        xaxis=rule(title="epoch", anchor="y2" if len(metrics) > 1 else "y"),
        yaxis=rule(title="task loss", domain=[0.53, 1] if len(metrics) > 1 else [0, 1]),
        **notes[first],
    )
    _scale(figure, seen)
    return figure


Key = tuple[str, str, str]


def _lines(rows: pd.DataFrame, metrics: list[str], epochs: pd.Series) -> dict[Key, np.ndarray]:
    """Values at these epochs by metric, part and "low", "high" or "mean"."""
    found = {}
    for metric in metrics:
        for part in PARTS:
            groups = rows.loc[rows["part"] == part].groupby("epoch")[metric]
            kinds = {"low": groups.min(), "high": groups.max()} if part in BANDS else {}
            for kind, line in {**kinds, "mean": groups.mean()}.items():
                found[metric, part, kind] = light(line.reindex(epochs))
    return found


def _style(metric: str, part: str, kind: str) -> dict[str, Any]:
    colour = GREY if part == "train" else PARTS[part]["color"]  # black is not seen on black
    group = {"legendgroup": part, "mode": "lines"}
    if kind != "mean":
        band = {"fill": "tonexty", "fillcolor": f"{colour}33"} if kind == "high" else {}
        return {**group, **band, "line_width": 0, "showlegend": False, "hoverinfo": "skip"}
    dash = {"train": "solid", "val": "dash", "test": "dot"}[part]
    return {
        **group,
        "name": PARTS[part]["label"],
        "showlegend": metric == "loss",
        "line": {"color": colour, "dash": dash, "width": 2.2},
        "hovertemplate": "epoch %{x}: %{y:.4~g}",
    }


def _plain(metric: str) -> dict[str, Any]:
    line = {"color": PLAIN["color"], "dash": "dashdot", "width": 1.3}
    names = {"name": PLAIN["label"], "legendgroup": "none", "showlegend": metric == "loss"}
    return {"mode": "lines", "line": line, "hoverinfo": "skip", **names}


def _notes(rows: pd.DataFrame) -> dict[str, Any]:
    """The line where an arm has converged."""
    epoch = settled(rows)
    if epoch is None:
        return {"shapes": [], "annotations": []}
    at = {"xref": "x", "yref": "y domain"}
    line = {"color": MARK["color"], "width": 1.5}
    mark = {"type": "line", "x0": epoch, "x1": epoch, "y0": 0, "y1": 1, "line": line, **at}
    text = {"text": f" converged: {epoch:g}", "x": epoch, "y": 1, "xanchor": "left"}
    text |= {"yanchor": "top", "showarrow": False, "font": {"size": 12}, **at}
    return {"shapes": [mark], "annotations": [text]}


def _scale(figure: go.Figure, rows: pd.DataFrame) -> None:
    """The axes of all arms."""
    losses = rows.groupby(["arm", "part", "epoch"], observed=True)["loss"].mean()
    if losses.min() > 0 and losses.max() / losses.min() > 10:
        figure.update_layout(yaxis=log_rule(losses.min() / 1.3, losses.max() * 1.3))
    else:
        figure.update_layout(yaxis={"range": [0, 1.05 * losses.max()]})
    if rows["accuracy"].count():
        late = rows.loc[rows["epoch"] >= 0.25 * rows["epoch"].max()]
        values = late.groupby(["arm", "part", "epoch"], observed=True)["accuracy"].mean()
        margin = 0.08 * (values.max() - values.min()) + 1e-3
        ends = [values.min() - margin, values.max() + margin]
        y = rule(title="accuracy", tickformat=".0%", domain=[0, 0.47], range=ends)
        figure.update_layout(yaxis2=y)
