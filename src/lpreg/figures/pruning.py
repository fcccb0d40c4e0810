"""How many weights an arm can lose: accuracy after magnitude pruning, without retraining."""

import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure

from lpreg.figures.drawing import ABOUT, Evidence, intervals, needing
from lpreg.figures.looks import looks
from lpreg.figures.style import TEXT, legend, logarithmic, panels, scored, strength, title, words
from lpreg.figures.web import light, rule, safe, web

COLUMNS = [*ABOUT, "density", "metric", "n", "score", "score_low", "score_high"]
MEASURES = {"pruned_test_accuracy": "accuracy", "pruned_test_mse": "mse"}


@needing(COLUMNS, "results", "measures")
def frame(evidence: Evidence) -> pd.DataFrame:
    """Means over the finished members with the chosen settings.

    Returns:
        One row per arm of a place and density: the columns of `ABOUT`, `density` (the share of the
        weights that are kept, the largest ones), `metric` ("accuracy" or "mse"), `n` (members) and
        `score` on the test part, with its 95 % t interval `score_low` and `score_high`.
    """
    measures = evidence.measures
    pruned = measures.loc[measures["measure"].isin(MEASURES)]
    if pruned.empty:
        return pd.DataFrame()
    rows = evidence.of_chosen(pruned).rename(columns={"at": "density", "value": "score"})
    rows["metric"] = rows["measure"].map(MEASURES)
    return intervals(rows, [*ABOUT, "density", "metric"], ["score"])


def draw(frame: pd.DataFrame) -> Figure:
    """All arms over each other, from all weights on the left to few on the right."""
    figure, (axes,) = panels(f"{title(frame)}: pruning", size=(8.5, 4.6))
    for arm, look in looks(frame).items():
        rows = _path(frame, arm)
        wide = 2.2 if arm == "none" else 1.4
        line = {"label": arm, "linewidth": wide, "markersize": 5.5, **look.line, **look.mark}
        axes.plot(rows["density"], rows["score"], **line)
    axes.set_xscale("log")
    axes.invert_xaxis()
    logarithmic(axes.xaxis)
    axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g} %")
    scored(axes.yaxis, frame)
    axes.set_xlabel("weights kept, the largest ones", fontsize=TEXT)
    axes.set_ylabel(f"{words(frame)}, test", fontsize=TEXT)
    legend(figure, axes)
    return figure


def plot(frame: pd.DataFrame) -> go.Figure:
    """The same, with the interval as whiskers."""
    figure = web(500)
    form = ".1%" if frame["metric"].iloc[0] == "accuracy" else ".4~g"
    for arm, look in looks(frame).items():
        rows = _path(frame, arm)
        figure.add_scatter(
            x=light(rows["density"]),
            y=light(rows["score"]),
            name=safe(arm),
            mode="lines+markers",
            line={**look.web_line, "width": 3 if arm == "none" else 1.8},
            marker={**look.web_mark, "size": 8},
            error_y={
                "array": light(rows["score_high"] - rows["score"]),
                "arrayminus": light(rows["score"] - rows["score_low"]),
                "thickness": 0.8,
                "width": 2,
            },
            hovertemplate=(
                f"%{{y:{form}}} with %{{x:.0%}} of the weights, {strength(rows['lam'].iloc[0])}"
            ),
        )
    shares = [1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01]
    figure.update_layout(
        xaxis=rule(
            title="weights kept, the largest ones",
            type="log",
            autorange="reversed",
            tickvals=shares,
            ticktext=[f"{share:.0%}" for share in shares],
        ),
        yaxis=rule(title=f"{words(frame)}, test", tickformat=".0%" if form == ".1%" else ""),
    )
    return figure


def _path(frame: pd.DataFrame, arm: str) -> pd.DataFrame:
    return frame.loc[frame["arm"] == arm].sort_values("density", ascending=False)
