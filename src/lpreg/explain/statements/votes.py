"""Bias and variance under the 0/1 loss, over many training sets of digits."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from lpreg.analysis.claims import Claim
from lpreg.data import digits as handwritten
from lpreg.explain.common import Sampled, still, verdicts
from lpreg.explain.statements.drawing import View, draw
from lpreg.explain.statements.networks import Own, full, network, outputs, targets, train
from lpreg.explain.statements.tradeoff import others_best
from lpreg.explain.topics import Picture, Progress, Result
from lpreg.figures.style import TEXT, number
from lpreg.penalties import L2

SAMPLES, SETS = 60, 9
"""Of a training set, and training sets per repetition: the majority is of these."""
STRENGTHS = (0.0, 1e-3, 3e-3, 1e-2, 3e-2)
WIDTHS = (4, 8, 16, 64)
RECIPE, RATE = full(120), 0.02
ARMS = {"bias": "L1", "variance": "L2", "error": "last"}


def make(folder: Path, progress: Progress) -> Result:
    """The study, its picture and its verdicts."""
    repeats = 3 if progress.quick else 10
    parts = []
    for width in WIDTHS:
        progress(f"{width} hidden units")
        parts.append(frame(width, repeats))
    found = pd.concat(parts, ignore_index=True)
    return Result([_picture(found, folder)], {"votes": found}, verdicts(*statements(found)))


def _picture(found: pd.DataFrame, folder: Path) -> Picture:
    wide, left_end = WIDTHS[-1], STRENGTHS[1] / 3
    narrow = found.loc[found["lam"] == 0].assign(panel="no penalty", x=lambda rows: rows["width"])
    strong = found.loc[found["width"] == wide].assign(panel=f"{wide} hidden units, L2")
    strong["x"] = strong["lam"].replace(0.0, left_end)
    view = View(
        "Bias and variance of right and wrong answers",
        "hidden units",
        "share of test digits",
        ARMS,
        log="x",
        shares=True,
        ends=(0, None),
    )
    figure = draw(pd.concat([narrow, strong]), view)
    left, right = figure.axes
    left.set_xticks(WIDTHS, [str(width) for width in WIDTHS])
    right.set_xlabel("strength of L2 (none at the left end)", fontsize=TEXT + 1)
    right.set_xticks([left_end, *STRENGTHS[1:]], ["0", *map(number, STRENGTHS[1:])])
    return still(
        figure,
        folder,
        "votes",
        f"Networks with one hidden layer, each trained on {SAMPLES} digits of its own. Bias: the "
        f"majority of {SETS} such networks is wrong. Variance: a network is not of the majority's "
        "opinion. Error: a network is wrong; the two do not add up to it, as another opinion may "
        "be the right one. Means and 95 % intervals over fresh groups of training sets.",
        "Two panels: bias, variance and error over the width, and over the strength of L2.",
    )


def frame(width: int, repeats: int, seed: int = 112) -> pd.DataFrame:
    """Bias, variance and error: `width`, `lam`, `arm`, `repeat`, `value`. The last 500 digits of a
    fixed order judge, the others are drawn from."""
    data = handwritten()
    random = np.random.default_rng(seed)
    order = torch.from_numpy(random.permutation(len(data.y)))
    x, y = data.x[order] / data.scale, data.y[order]
    pool = len(y) - 500
    rows = [torch.from_numpy(random.choice(pool, SAMPLES, False)) for _ in range(repeats * SETS)]
    networks, penalties = [], []
    for lam in STRENGTHS:
        for i, own in enumerate(rows):
            networks.append(Own(network((64, width, 10), seed=i), x[own], y[own]))
            penalties.append(L2(lam))
    blank = targets(SAMPLES, floating=False)
    ended = train(networks, penalties, torch.zeros(SAMPLES, 64), blank, RECIPE, RATE, "loss")
    answers = outputs(networks[0], ended, x[pool:]).argmax(-1)
    answers = answers.reshape(len(STRENGTHS), repeats, SETS, -1)
    told = [
        (width, lam, arm, repeat, value)
        for i, lam in enumerate(STRENGTHS)
        for repeat in range(repeats)
        for arm, value in zip(ARMS, decompose(answers[i, repeat], y[pool:].numpy()), strict=True)
    ]
    return pd.DataFrame(told, columns=["width", "lam", "arm", "repeat", "value"])


def decompose(answers: np.ndarray, truth: np.ndarray) -> tuple[float, float, float]:
    """Bias, variance and error of answers (networks, samples); of equal votes the first class.

    Source: Domingos, "A unified bias-variance decomposition and its applications", ICML 2000.
    """
    counts = (answers[..., None] == np.arange(answers.max() + 1)).sum(0)
    majority = counts.argmax(-1)
    bias, variance = (majority != truth).mean(), (answers != majority).mean()
    return float(bias), float(variance), float((answers != truth).mean())


def statements(found: pd.DataFrame) -> list[Sampled]:
    """What THEORY says of bias and variance, under the 0/1 loss."""
    grid = found.pivot_table("value", "repeat", ["arm", "width", "lam"])
    wide = WIDTHS[-1]
    best = others_best(grid["error", wide].to_numpy())
    plain = grid[[("error", width, 0.0) for width in WIDTHS]].to_numpy()
    small = plain[np.arange(len(plain)), others_best(plain)]

    def claim(name: str, text: str, kind: str, metric: str, said: str) -> Claim:
        return Claim(name, text, kind, metric, source="THEORY", published=said)

    def at_best(arm: str) -> np.ndarray:
        return grid[arm, wide].to_numpy()[np.arange(len(grid)), best]

    trade = "trading increased bias for reduced variance"
    less = "At its best strength L2 lowers the variance of a wide network's classes"
    more = "At its best strength L2 raises the bias of a wide network's classes"
    large = "The best classifier is a large one that is regularised: better than the best without"
    return [
        Sampled(
            claim("votes-variance", less, "lower", "variance", trade),
            np.stack([at_best("variance"), grid["variance", wide, 0.0]]),
            "points",
        ),
        Sampled(
            claim("votes-bias", more, "higher", "bias", trade),
            np.stack([at_best("bias"), grid["bias", wide, 0.0]]),
            "points",
        ),
        Sampled(
            claim("votes-large", large, "lower", "error", "often a large model, regularized"),
            np.stack([at_best("error"), small]),
            "points",
        ),
    ]
