"""What does it cost to tune two strengths, and is it worth it?"""

from pathlib import Path

import numpy as np
import pandas as pd

from lpreg.analysis.claims import Claim
from lpreg.explain.common import Sampled, still, verdicts
from lpreg.explain.statements.drawing import View, draw
from lpreg.explain.statements.linear import Sets, excess, fit
from lpreg.explain.statements.truth import FACTORS, INPUTS, RATIOS, STRONGEST, penalties
from lpreg.explain.topics import Progress, Result

SAMPLES, MATTER = 60, 10
COUNTS = (10, 20, 50, 100, 300)
"""Held-out samples that choose."""
ONE, TWO = "elastic net, one strength", "elastic net, two strengths"
ARMS = {"L1": "L1", "L2": "L2", ONE: "EN", TWO: "last"}
FITS = {"L1": len(FACTORS), "L2": len(FACTORS), ONE: len(FACTORS), TWO: len(FACTORS) * len(RATIOS)}


def make(folder: Path, progress: Progress) -> Result:
    """The study, its picture and its verdicts."""
    progress("fits")
    found = frame(15 if progress.quick else 200)
    view = View(
        f"Tuning one strength ({FITS[ONE]} fits) or two ({FITS[TWO]} fits)",
        "held-out samples that choose",
        "error on new data",
        ARMS,
        log="x",
        same=False,
    )
    figure = draw(found, view)
    for panel in figure.axes:
        panel.set_xticks(COUNTS, [str(count) for count in COUNTS])
    picture = still(
        figure,
        folder,
        "tuning",
        f"Linear models on {SAMPLES} samples, {MATTER} of {INPUTS} inputs matter, in neighbours "
        "that correlate by 0.7. Left: the error at the setting that held-out samples choose, above "
        "that of the true weights. Right: what the choice loses against the best setting tried. "
        "Means and 95 % intervals over fresh data sets.",
        "Two panels over held-out samples: error at the choice, and loss by the choice.",
    )
    return Result([picture], {"tuning": found}, verdicts(*statements(found)))


def data(samples: int, truth: np.ndarray, random: np.random.Generator) -> Sets:
    """Inputs in pairs that correlate by 0.7, noise as large as 1."""
    repeats = len(truth)
    own = random.normal(size=(repeats, samples, INPUTS))
    own[..., 1::2] = 0.7 * own[..., ::2] + np.sqrt(1 - 0.49) * own[..., 1::2]
    noise = random.normal(size=(repeats, samples))
    return Sets(own, np.einsum("bnd,bd->bn", own, truth) + noise, truth)


def risk(weights: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The error above that of the truth on inputs as `data` draws them."""
    off = weights - truth
    crossed = 2 * 0.7 * (off[..., ::2] * off[..., 1::2]).sum(-1)
    return excess(weights, truth) + crossed


def frame(repeats: int, seed: int = 111) -> pd.DataFrame:
    """Excess error, and what the choice loses: `panel`, `arm`, `x`, `repeat`, `value`."""
    random = np.random.default_rng(seed)
    truth = random.choice([-1.0, 1.0], (repeats, INPUTS)) / np.sqrt(MATTER)
    truth[:, MATTER:] = 0
    train, pool = data(SAMPLES, truth, random), data(max(COUNTS), truth, random)
    fits = {
        "L1": fit(train, penalties("L1", STRONGEST["L1"] * FACTORS)),
        "L2": fit(train, penalties("L2", STRONGEST["L2"] * FACTORS)),
        ONE: fit(train, penalties("EN", STRONGEST["EN"] * FACTORS)),
    }
    every = [fit(train, penalties("EN", 2 * FACTORS, ratio)) for ratio in RATIOS]
    fits[TWO] = np.concatenate(every, axis=1)
    rows = []
    for arm, weights in fits.items():
        errors = risk(weights, truth[:, None])
        for count in COUNTS:
            held_out = Sets(pool.x[:, :count], pool.y[:, :count], truth)
            taken = errors[np.arange(repeats), held_out.error(weights).argmin(1)]
            values = {"at the choice": taken, "lost by the choice": taken - errors.min(1)}
            for panel, value in values.items():
                rows += [(panel, arm, count, i, each) for i, each in enumerate(value)]
    return pd.DataFrame(rows, columns=["panel", "arm", "x", "repeat", "value"])


def statements(found: pd.DataFrame) -> list[Sampled]:
    """What COURAGE says of two strengths."""
    grid = found.pivot_table("value", ["panel", "repeat"], ["arm", "x"])
    few, many = COUNTS[1], COUNTS[-1]

    def claim(name: str, text: str, kind: str, metric: str, said: str = "") -> Claim:
        return Claim(name, text, kind, metric, source="COURAGE", published=said)

    taken, lost = grid.loc["at the choice"], grid.loc["lost by the choice"]
    harder = f"Two strengths are harder to tune than one: with {few} held-out samples more is lost"
    worth = f"Two strengths are worth it: with {many} held-out samples better than one"
    alone = {arm: taken[arm, many].mean() for arm in ("L1", "L2")}
    better = min(alone, key=alone.__getitem__)
    beats = (
        "Elastic net with two tuned strengths generalises better than the better of L1 and L2 "
        f"({better} here), where correlated inputs matter and {many} held-out samples choose"
    )
    metric = "error lost by the choice"
    return [
        Sampled(
            claim("tuning-harder", harder, "higher", metric, "calls for meticulous tuning"),
            lost[[(TWO, few), (ONE, few)]].to_numpy().T,
        ),
        Sampled(
            claim("tuning-worth", worth, "lower", "excess test error"),
            taken[[(TWO, many), (ONE, many)]].to_numpy().T,
        ),
        Sampled(
            claim("tuning-net", beats, "lower", "excess test error", "more successfully"),
            taken[[(TWO, many), (better, many)]].to_numpy().T,
        ),
    ]
