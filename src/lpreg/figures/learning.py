"""Learning curves of all arms over each other: task loss, total loss, accuracy."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure

from lpreg.figures.drawing import ABOUT, Evidence, needing, score
from lpreg.figures.looks import looks
from lpreg.figures.style import TEXT, legend, logarithmic, panels, strength, title, words
from lpreg.figures.web import light, log_rule, menu, packed, rule, safe, thin, web

COLUMNS = [*ABOUT, "epoch", "n", "task", "total", "metric", "score"]
SHOWN = {
    "task": "task loss, training",
    "total": "task loss + penalty, training",
    "score": "accuracy, validation",
}


@needing(COLUMNS, "results", "curves")
def frame(evidence: Evidence) -> pd.DataFrame:
    """Means over the finished members with the chosen settings.

    Returns:
        One row per arm of a place and epoch: the columns of `ABOUT`, `epoch`, `n` (members), `task`
        (task loss on the training part), `total` (with the penalty), `metric` ("accuracy" or
        "mse") and `score` (on the validation part).
    """
    curves = evidence.of_chosen(evidence.curves)
    curves = curves.join(score(curves, "val"))
    by = [*ABOUT, "epoch", "metric"]
    groups = curves.groupby(by, sort=False, dropna=False, observed=True)
    columns = {"task": "train_loss", "total": "total_loss", "score": "score"}
    means = {name: (column, "mean") for name, column in columns.items()}
    return groups.agg(n=("member", "size"), **means).reset_index()


def draw(frame: pd.DataFrame) -> Figure:
    """Task loss, total loss and accuracy beside each other; arms have marks here and there."""
    heading = f"{title(frame)}: learning curves, means over the seeds"
    figure, axes = panels(heading, columns=3, size=(11, 4.2))
    for panel, metric in zip(axes, SHOWN, strict=True):
        for place, (arm, look) in enumerate(looks(frame).items()):
            rows = frame.loc[frame["arm"] == arm]
            every = max(1, len(rows) // 5)
            marks = {"markevery": (place * every // 16, every), "markersize": 4.5, **look.mark}
            wide = 2.2 if arm == "none" else 1.3
            panel.plot(rows["epoch"], rows[metric], label=arm, linewidth=wide, **look.line, **marks)
        panel.set(xlabel="epoch", title=_label(frame, metric), **_scale(frame, metric))
        panel.title.set_fontsize(TEXT)
        panel.xaxis.label.set_fontsize(TEXT)
        panel.locator_params(axis="x", nbins=4)
        if panel.get_yscale() == "log":
            logarithmic(panel.yaxis)
    legend(figure, axes[0])
    return figure


def plot(frame: pd.DataFrame) -> go.Figure:
    """One panel, with a button for each of the three quantities."""
    figure = web(480)
    curves = {arm: thin(frame.loc[frame["arm"] == arm]) for arm in looks(frame)}
    for arm, look in looks(frame).items():
        rows = curves[arm]
        line = {**look.web_line, "width": 3 if arm == "none" else 1.8}
        figure.add_scatter(
            x=light(rows["epoch"]),
            y=light(rows["task"]),
            name=safe(arm),
            mode="lines+markers",
            line=line,
            marker={**look.web_mark, "size": 7, "maxdisplayed": 6},
            hovertemplate=f"epoch %{{x}}: %{{y:.4~g}}, {strength(rows['lam'].iloc[0])}",
        )
    buttons = []
    for metric, label in (("task", "task loss"), ("total", "total loss"), ("score", "")):
        axis = {f"yaxis.{key}": value for key, value in _axis(frame, metric).items()}
        values = [packed(light(rows[metric])) for rows in curves.values()]
        label = label or str(frame["metric"].iloc[0])
        buttons.append({"label": label, "method": "update", "args": [{"y": values}, axis]})
    figure.update_layout(
        updatemenus=[menu(buttons)],
        margin_t=52,
        xaxis=rule(title="epoch"),
        yaxis=rule(**_nested(_axis(frame, "task"))),
    )
    return figure


def _label(frame: pd.DataFrame, metric: str) -> str:
    return SHOWN[metric].replace("accuracy", words(frame))


def _is_log(frame: pd.DataFrame, metric: str) -> bool:
    """Losses are logarithmic when they fall to less than a tenth."""
    values = frame[metric]
    error = metric != "score" or frame["metric"].iloc[0] == "mse"
    return bool(error and values.min() > 0 and values.max() / values.min() > 10)


def _range(frame: pd.DataFrame, metric: str) -> tuple[float, float]:
    """Of the axis. An accuracy first climbs from guessing, which may start below the panel."""
    rows = frame
    if metric == "score" and frame["metric"].iloc[0] == "accuracy":
        rows = frame.loc[frame["epoch"] >= 0.25 * frame["epoch"].max()]
    low, high = rows[metric].min(), rows[metric].max()
    if _is_log(frame, metric):
        return low / 1.2, high * 1.2
    margin = 0.05 * (high - low) + 1e-3 * abs(high) + 1e-12
    return low - margin, high + margin


def _scale(frame: pd.DataFrame, metric: str) -> dict[str, Any]:
    kind = "log" if _is_log(frame, metric) else "linear"
    return {"yscale": kind, "ylim": _range(frame, metric)}


def _axis(frame: pd.DataFrame, metric: str) -> dict[str, Any]:
    """What a button changes about the axis."""
    low, high = _range(frame, metric)
    about = {"title.text": _label(frame, metric)}
    if _is_log(frame, metric):
        return {**about, **log_rule(low, high), "tickmode": "array"}
    accuracy = metric == "score" and frame["metric"].iloc[0] == "accuracy"
    form = {"tickmode": "auto", "tickformat": "~%" if accuracy else ""}
    return {**about, "type": "linear", "range": [low, high], **form}


def _nested(axis: dict[str, Any]) -> dict[str, Any]:
    return {**{k: v for k, v in axis.items() if k != "title.text"}, "title": axis["title.text"]}
