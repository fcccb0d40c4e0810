"""How much better an arm does on what it has seen: bars of the gap, with intervals."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure

from lpreg.figures.drawing import ABOUT, Evidence, intervals, needing, score
from lpreg.figures.looks import looks
from lpreg.figures.style import TEXT, panels, strength, title
from lpreg.figures.web import light, rule, safe, web

COLUMNS = [*ABOUT, "metric", "n", "gap", "gap_low", "gap_high", "train", "test"]


@needing(COLUMNS, "results")
def frame(evidence: Evidence) -> pd.DataFrame:
    """Gaps of the finished members with the chosen settings.

    Returns:
        One row per arm of a place: the columns of `ABOUT`, `metric` ("accuracy" or "mse"), `n`
        (members), `gap` (train - test for an accuracy, test - train for a squared error) with its
        95 % t interval `gap_low` and `gap_high`, and the means `train` and `test`.
    """
    members = evidence.of_chosen(evidence.results)
    train, test = score(members, "train"), score(members, "test")
    sign = np.where(test["metric"] == "accuracy", 1, -1)
    members = members.assign(
        metric=test["metric"],
        train=train["score"],
        test=test["score"],
        gap=sign * (train["score"] - test["score"]),
    )
    return intervals(members, [*ABOUT, "metric"], ["gap", "train", "test"])


def draw(frame: pd.DataFrame) -> Figure:
    """A bar per arm, the first on top."""
    heading = f"{title(frame)}: generalization gap"
    figure, (axes,) = panels(heading, size=(7.5, 1.3 + 0.3 * len(frame)))
    unit = _unit(frame)
    for place, (arm, look) in enumerate(looks(frame).items()):
        row = frame.loc[frame["arm"] == arm].iloc[0]
        axes.barh(place, unit * row["gap"], height=0.66, **look.bar)
        ends = [unit * row["gap_low"], unit * row["gap_high"]]
        axes.plot(ends, [place, place], color="black", linewidth=1.4)
    axes.set_yticks(range(len(frame)), _names(frame), fontsize=TEXT)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.axvline(0, color="0.3", linewidth=0.8)
    axes.set_xlabel(_label(frame), fontsize=TEXT)
    return figure


def plot(frame: pd.DataFrame) -> go.Figure:
    """A bar per arm, the first on top."""
    figure, unit = web(90 + 26 * len(frame), showlegend=False), _unit(frame)
    names = _names(frame)
    for name, (arm, look) in zip(names, looks(frame).items(), strict=True):
        row = frame.loc[frame["arm"] == arm].iloc[0]
        seen = [unit * row[each] for each in ("gap_low", "gap_high", "train", "test")]
        figure.add_bar(
            x=light([unit * row["gap"]]),
            y=[safe(name)],
            orientation="h",
            name=safe(arm),
            marker=look.web_bar,
            error_x={
                "array": light([unit * (row["gap_high"] - row["gap"])]),
                "arrayminus": light([unit * (row["gap"] - row["gap_low"])]),
                "color": look.color,
                "thickness": 2,
            },
            hovertemplate=(
                f"%{{x:.3~g}} [{seen[0]:.3g}, {seen[1]:.3g}], {row['n']} seeds<br>"
                f"training {seen[2]:.4g}, test {seen[3]:.4g}"
            ),
        )
    figure.update_layout(
        xaxis=rule(title=_label(frame), zeroline=True),
        yaxis=rule(autorange="reversed", showgrid=False, ticks=""),
        bargap=0.3,
    )
    return figure


def _names(frame: pd.DataFrame) -> list[str]:
    return [
        f"{arm}  {strength(frame.loc[frame['arm'] == arm, 'lam'].iloc[0])}".strip()
        for arm in looks(frame)
    ]


def _unit(frame: pd.DataFrame) -> float:
    """Accuracies are shown in points."""
    return 100 if frame["metric"].iloc[0] == "accuracy" else 1


def _label(frame: pd.DataFrame) -> str:
    if frame["metric"].iloc[0] == "accuracy":
        return "training - test accuracy, points"
    return "test - training squared error"
