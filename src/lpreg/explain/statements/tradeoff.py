"""Bias and variance, measured over many training sets, over the strength and over the width."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from lpreg.analysis.claims import Claim
from lpreg.explain.common import Sampled, still, verdicts
from lpreg.explain.statements.drawing import View, draw
from lpreg.explain.statements.networks import Own, full, network, outputs, targets, train
from lpreg.explain.topics import Picture, Progress, Result
from lpreg.figures.style import TEXT, number
from lpreg.penalties import L2

SAMPLES, NOISE = 24, 0.5
STRENGTHS = (0.0, 3e-4, 1e-3, 3e-3, 1e-2)
WIDTHS = (2, 4, 16, 64)
CURVES = {"smooth": 1, "wiggly": 3}
"""By their periods."""
SMOOTH, WIGGLY = CURVES
SETS = 8
"""Training sets per repetition: bias and variance are over these."""
RECIPE, RATE = full(700, "mse"), 0.02
GRID = np.linspace(-1, 1, 101)
ARMS = {"bias²": "L1", "variance": "L2", "error (their sum)": "last"}


def make(folder: Path, progress: Progress) -> Result:
    """The study, its picture and its verdicts."""
    repeats = 4 if progress.quick else 12
    parts = []
    for width, name in [*((width, SMOOTH) for width in WIDTHS), (WIDTHS[-1], WIGGLY)]:
        progress(f"{width} hidden units, {name} curve")
        parts.append(frame(width, repeats, name))
    found = pd.concat(parts, ignore_index=True)
    return Result([_picture(found, folder)], {"tradeoff": found}, verdicts(*statements(found)))


def _picture(found: pd.DataFrame, folder: Path) -> Picture:
    wide = WIDTHS[-1]
    narrow = found.loc[(found["lam"] == 0) & (found["curve"] == SMOOTH)]
    narrow = narrow.assign(panel="smooth curve, no penalty", x=narrow["width"])
    strong = found.loc[found["width"] == wide]
    strong = strong.assign(panel=strong["curve"] + f" curve, {wide} hidden units")
    strong["x"] = strong["lam"].replace(0.0, STRENGTHS[1] / 3)
    view = View(
        "Bias and variance of networks",
        "hidden units",
        "squared error of the curve",
        ARMS,
        log="x",
        same=False,
        size=(11, 4.2),
    )
    figure = draw(pd.concat([narrow, strong]), view)
    left, *others = figure.axes
    left.set_xticks(WIDTHS, [str(width) for width in WIDTHS])
    ticks = [STRENGTHS[1] / 3, *STRENGTHS[1:]]
    for panel in others:
        panel.set_xlabel("strength of L2 (none at the left end)", fontsize=TEXT + 1)
        panel.set_xticks(ticks, ["0", *map(number, STRENGTHS[1:])])
    for panel in figure.axes:
        panel.set_ylim(-0.05 * panel.get_ylim()[1], None)
    return still(
        figure,
        folder,
        "tradeoff",
        f"Networks with one hidden layer learn a curve from {SAMPLES} noisy samples, each of many "
        "networks from samples of its own. Bias²: how far their mean is from the curve; variance: "
        f"how much they differ, over {SETS} training sets; both are estimated without a lean, so "
        "that what is near 0 may fall below. Means and 95 % intervals over fresh "
        "groups of them. The smooth curve is one period of a sine, the wiggly one three: there a "
        "penalty adds more bias than it takes variance.",
        "Three panels: bias, variance and error over the width, and over the strength of L2.",
    )


def curve(x: np.ndarray, name: str) -> np.ndarray:
    """What is to be learned, one of `CURVES`."""
    return np.sin(CURVES[name] * np.pi * x)


def frame(width: int, repeats: int, name: str, seed: int = 104) -> pd.DataFrame:
    """Bias², variance and their sum: `curve`, `width`, `lam`, `arm`, `repeat`, `value`.

    All training sets and strengths are one stack. Each set has a sample at random within each of
    equal intervals.
    """
    random = np.random.default_rng(seed)
    within = random.uniform(size=(repeats * SETS, SAMPLES))
    x = (-1 + 2 * (np.arange(SAMPLES) + within) / SAMPLES).astype(np.float32)
    y = (curve(x, name) + NOISE * random.normal(size=x.shape)).astype(np.float32)
    networks, penalties = [], []
    for lam in STRENGTHS:
        for i, (one, aims) in enumerate(zip(torch.tensor(x), torch.tensor(y), strict=True)):
            net = network((1, width, 1), seed=i, activation="tanh", init="torch_default")
            networks.append(Own(net, one[:, None], aims))
            penalties.append(L2(lam))
    blank = targets(SAMPLES, floating=True)
    ended = train(networks, penalties, torch.zeros(SAMPLES, 1), blank, RECIPE, RATE, "loss")
    grid = torch.tensor(GRID, dtype=torch.float32)[:, None]
    told = outputs(networks[0], ended, grid)[..., 0].astype(float)
    told = told.reshape(len(STRENGTHS), repeats, SETS, -1)
    bias, variance = decompose(told, curve(GRID, name))
    values = {"bias²": bias, "variance": variance, "error (their sum)": bias + variance}
    rows = [
        (name, width, lam, arm, repeat, value[i, repeat])
        for arm, value in values.items()
        for i, lam in enumerate(STRENGTHS)
        for repeat in range(repeats)
    ]
    return pd.DataFrame(rows, columns=["curve", "width", "lam", "arm", "repeat", "value"])


def decompose(told: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared bias and variance of predictions (..., sets, points) of a truth (points,), means over
    the points. Both are unbiased: they add up to the mean squared distance from the truth."""
    sets = told.shape[-2]
    variance = told.var(-2, ddof=1)
    bias = np.square(told.mean(-2) - truth) - variance / sets
    return bias.mean(-1), variance.mean(-1)


def others_best(values: np.ndarray) -> np.ndarray:
    """For each repetition the setting that is best, lowest, in the mean of the others: of (n,
    settings), (n,). So what is chosen is not judged on what chose it."""
    return (values.sum(0) - values).argmin(1)


def statements(found: pd.DataFrame) -> list[Sampled]:
    """What THEORY says of bias and variance."""
    every = found.pivot_table("value", "repeat", ["curve", "arm", "width", "lam"])
    grid, wiggly = every[SMOOTH], every[WIGGLY]
    bias, variance, error = ARMS
    wide = WIDTHS[-1]
    best = others_best(grid[error, wide].to_numpy())

    def at_best(arm: str) -> np.ndarray:
        return grid[arm, wide].to_numpy()[np.arange(len(grid)), best]

    plain = grid[[(error, width, 0.0) for width in WIDTHS]].to_numpy()
    small = plain[np.arange(len(plain)), others_best(plain)]
    said = "trading increased bias for reduced variance"

    def claim(name: str, text: str, kind: str, metric: str, published: str = said) -> Claim:
        return Claim(name, text, kind, metric, source="THEORY", published=published)

    less = "At its best strength L2 lowers the variance of a wide network"
    more = "At its best strength L2 raises the bias² of a wide network"
    hard = wiggly[error, wide].to_numpy()
    at_hard = hard[np.arange(len(hard)), others_best(hard[:, 1:]) + 1]
    always = (
        f"L2 improves any wide network: also on a curve of {CURVES[WIGGLY]} periods its best "
        "strength is better than none"
    )
    large = "The best model is a large one that is regularised: better than the best width without"
    return [
        Sampled(
            claim("tradeoff-variance", less, "lower", "variance"),
            np.stack([at_best(variance), grid[variance, wide, 0.0]]),
        ),
        Sampled(
            claim("tradeoff-bias", more, "higher", "bias²"),
            np.stack([at_best(bias), grid[bias, wide, 0.0]]),
        ),
        Sampled(
            claim("tradeoff-large", large, "lower", "error", "often a large model, regularized"),
            np.stack([at_best(error), small]),
        ),
        Sampled(
            Claim("tradeoff-always", always, "lower", "error", source="ours, to THEORY"),
            np.stack([at_hard, hard[:, 0]]),
        ),
    ]
