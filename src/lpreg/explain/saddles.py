"""A small deep network from many starts: the spread of what they reach, and how the loss curves."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes

from lpreg.analysis.claims import Claim
from lpreg.explain.common import Sampled, still
from lpreg.explain.landscape import RIDGE, Network, along, critical, ends
from lpreg.explain.parts import Part
from lpreg.explain.solve import Problem
from lpreg.explain.topics import Progress
from lpreg.figures.style import TEXT, panels, percent

WIDTHS = (1, 3, 6)
CURVED = 3
"""The width whose curvature is looked at."""
ROWS, STEPS, LOOKS = 100, 600, 6
CLOSE = 0.05
"""Of the variance of the target: what counts as close to the best."""
TONES, MARKS = ("#CC79A7", "#009E73", "#E69F00"), ("o", "s", "^")
SOURCE = "COURAGE"


def make(folder: Path, progress: Progress) -> Part:
    """Pictures and statements."""
    starts, some, few = (40, 8, 4) if progress.quick else (200, 30, 10)
    problem = patients()
    outcomes = {}
    for width in WIDTHS:
        progress(f"{starts} networks of width {width}")
        outcomes[width] = Network(problem, width).train(starts, STEPS, LOOKS)
    progress("curvature along training")
    network = Network(problem, CURVED)
    reached, curved = ends(outcomes), along(network, outcomes[CURVED][:some])
    progress("points without slope")
    points = critical(network, outcomes[CURVED][:few], 60)
    about = (
        f"Perceptrons with two hidden tanh layers on {ROWS} patients of the diabetes data, L2 of "
        f"strength {RIDGE.lam:g} on all weights, full-batch Adam, {STEPS} steps in one stack. "
    )
    figures = [
        still(
            draw_spread(reached),
            folder,
            "spread",
            f"{about}Total loss (1 is what predicting the mean costs) of {starts} starts per "
            "width, from best to worst. All have the same data and differ in the first weights.",
            "Sorted final losses over the share of starts, one line per width.",
        ),
        still(
            draw_curvature(curved, points),
            folder,
            "curvature",
            f"{about}Width {CURVED}. Left, the share of the Hessian's eigenvalues below zero along "
            f"training: mean and 5 % to 95 % of {some} starts. Right, the same against the loss: "
            "dots along training, rings at points without slope that were found near them by "
            "Levenberg's method on the length of the gradient. A minimum has none below zero, a "
            "saddle some.",
            "The share of negative eigenvalues falls over the steps, and with the loss.",
        ),
    ]
    numbers = {"spread": reached, "curvature": curved, "critical": points}
    return Part(figures, numbers, statements(reached, curved, points))


def patients(seed: int = 0) -> Problem:
    """`ROWS` of the patients."""
    data: Any = load_diabetes()
    some = np.random.default_rng(seed).permutation(len(data.target))[:ROWS]
    return Problem.of(data.data[some], data.target[some], data.feature_names)


def draw_spread(reached: pd.DataFrame) -> Figure:
    """Sorted losses per width."""
    figure, (panel,) = panels("Where many starts of a network end", size=(8, 4.6))
    looks = zip(reached.groupby("width"), TONES, MARKS, strict=True)
    for (width, rows), tone, mark in looks:
        loss = np.sort(rows["loss"])
        share = (np.arange(len(loss)) + 0.5) / len(loss)
        style = {"color": tone, "marker": mark, "markevery": 0.1, "markersize": 6}
        panel.plot(share, loss, linewidth=1.8, label=f"hidden layers of {width}", **style)
    percent(panel.xaxis)
    panel.set(xlim=(0, 1), ylim=(0, 1.05 * reached["loss"].max()))
    panel.set_xlabel("starts, from best to worst", fontsize=TEXT + 1)
    panel.set_ylabel("total loss at the end", fontsize=TEXT + 1)
    panel.legend(frameon=False, fontsize=TEXT + 1, loc="lower right")
    return figure


def draw_curvature(curved: pd.DataFrame, points: pd.DataFrame) -> Figure:
    """The share of negative eigenvalues over the steps, and over the loss."""
    figure, (left, right) = panels("How the loss curves along training", 1, 2, (10, 4.4))
    each = curved.groupby("step")["negative"]
    mean = each.mean()
    left.fill_between(mean.index, each.quantile(0.05), each.quantile(0.95), color="0.85")
    left.plot(mean.index, mean, "o-", color="black", markersize=5)
    left.set_xlabel("steps", fontsize=TEXT + 1)
    left.set_ylabel("eigenvalues below zero", fontsize=TEXT + 1)
    dots = {"s": 14, "color": "0.6", "label": "along training"}
    right.scatter(curved["loss"], curved["negative"], **dots)
    found = points[points["reached"]]
    kinds = {
        "saddle": (found["negative"] > 0, "#D55E00"),
        "minimum": (found["negative"] == 0, "#0072B2"),
    }
    for name, (those, tone) in kinds.items():
        rows, ring = found[those], {"facecolor": "none", "edgecolor": tone, "linewidth": 1.6}
        right.scatter(rows["loss"], rows["negative"], s=46, label=f"{name}, no slope", **ring)
    right.set_xlabel("total loss", fontsize=TEXT + 1)
    right.legend(frameon=False, fontsize=TEXT + 1)
    for panel in (left, right):
        percent(panel.yaxis)
        panel.set_ylim(bottom=-0.02)
    return figure


def distinct(points: pd.DataFrame) -> pd.DataFrame:
    """Those without slope, once each: the same loss is the same point, or its mirror image."""
    found = points[points["reached"]]
    return found[~found["loss"].round(6).duplicated()]


def statements(reached: pd.DataFrame, curved: pd.DataFrame, points: pd.DataFrame) -> list[Sampled]:
    """What COURAGE says of minima and saddles of deep networks."""
    widest = reached.loc[reached["width"] == WIDTHS[-1], "excess"].to_numpy()
    narrow = reached.loc[reached["width"] == WIDTHS[0], "excess"].to_numpy()
    found = distinct(points)
    saddle = (found["negative"] > 0).to_numpy(float)
    last = curved.loc[curved["step"] == curved["step"].max(), "negative"].to_numpy()
    first = curved.loc[curved["step"] == 0, "negative"].to_numpy()
    note = (
        f"Two hidden layers on {ROWS} patients; a start is a sample. Unit: variance of the target."
    )
    return [
        Sampled(
            Claim(
                "ends-are-close",
                "The minima that a deep network ends in are close in value to the best",
                "curve",
                f"loss above the best start, width {WIDTHS[-1]}",
                below=CLOSE,
                source=SOURCE,
                note=f"{note} Close: the mean start is within {CLOSE} of the best one.",
            ),
            widest[None],
        ),
        Sampled(
            Claim(
                "wider-ends-closer",
                "They are closer the more weights there are",
                "lower",
                f"loss above the best start, width {WIDTHS[-1]} against {WIDTHS[0]}",
                source=SOURCE,
                note=note,
            ),
            np.stack([widest, narrow]),
        ),
        Sampled(
            Claim(
                "saddles-are-common",
                "Points without slope are more often saddles than minima",
                "curve",
                "share of saddles among points without slope",
                above=0.5,
                source=SOURCE,
                note="Found near the way of training by a method that does not prefer minima; each "
                "distinct one is a sample.",
            ),
            saddle[None],
            "points",
        ),
        Sampled(
            Claim(
                "curvature-falls",
                "Training leaves most directions in which the loss bends down",
                "lower",
                "share of negative eigenvalues, at the end against the start",
                source="of lpreg",
                note=note,
            ),
            np.stack([last, first]),
            "points",
        ),
    ]
