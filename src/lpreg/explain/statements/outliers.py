"""Are penalties robust to outliers? Penalty against loss."""

from pathlib import Path

import numpy as np
import pandas as pd

from lpreg.analysis.claims import Claim
from lpreg.explain.common import Sampled, still, verdicts
from lpreg.explain.statements.drawing import View, draw
from lpreg.explain.statements.linear import Sets, chosen, excess, fit
from lpreg.explain.topics import Progress, Result
from lpreg.penalties import L1, L2, Penalty

SHARES = (0.0, 0.05, 0.1, 0.2)
TRUTHS = {"5 of 20 inputs matter": 5, "all 20 inputs matter": 20}
INPUTS, SAMPLES, WILD = 20, 100, 10.0
"""Outliers have targets with noise of this standard deviation, the others of 1."""
STRENGTHS = np.geomspace(0.003, 3, 12)
ARMS = {
    "squared loss, no penalty": "none",
    "squared loss, L1 penalty": "L1",
    "squared loss, L2 penalty": "L2",
    "absolute loss, no penalty": "other",
    "absolute loss, L1 penalty": "another",
}
KINDS: dict[str, type] = {"no": L2, "L1": L1, "L2": L2}


def make(folder: Path, progress: Progress) -> Result:
    """The study, its picture and its verdicts."""
    progress("fits")
    found = frame(12 if progress.quick else 30)
    view = View(
        "Who keeps outliers out: the penalty or the loss?",
        "share of training targets that are outliers",
        "error on clean new data above the best",
        ARMS,
        log="y",
    )
    picture = still(
        draw(found, view),
        folder,
        "outliers",
        "Linear models on 100 samples of which some have targets with ten times the noise; the "
        "strength of a penalty is chosen on held-out data with as many outliers. Means and 95 % "
        "intervals over fresh data sets. The absolute loss hardly notices the outliers; under the "
        "squared loss no penalty keeps them out.",
        "Two panels, sparse and dense truth: error over the share of outliers, a line per arm.",
    )
    return Result([picture], {"outliers": found}, verdicts(*statements(found)))


def sets(share: float, nonzero: int, repeats: int, seed: int) -> Sets:
    """Data sets of which a share of the targets are outliers; weights alike in size, of length 2.

    The same seed gives the same inputs, truth and noise, whatever the share.
    """
    random = np.random.default_rng(seed)
    x = random.normal(size=(repeats, SAMPLES, INPUTS))
    truth = random.choice([-1.0, 1.0], (repeats, INPUTS)) * 2 / np.sqrt(nonzero)
    truth[:, nonzero:] = 0
    noise = random.normal(size=(repeats, SAMPLES))
    noise[:, : round(share * SAMPLES)] *= WILD
    return Sets(x, np.einsum("bnd,bd->bn", x, truth) + noise, truth)


def frame(repeats: int, seed: int = 100) -> pd.DataFrame:
    """Excess error on clean data: `panel`, `arm`, `x` (share of outliers), `repeat`, `value`."""
    parts = []
    for panel, nonzero in TRUTHS.items():
        for share in SHARES:
            train = sets(share, nonzero, repeats, seed)
            held_out = sets(share, nonzero, repeats, seed + 1)
            held_out = Sets(held_out.x, _relabelled(held_out, train.truth), train.truth)
            for arm in ARMS:
                value = excess(_fitted(arm, train, held_out), train.truth)
                columns = {"panel": panel, "arm": arm, "x": share, "repeat": range(repeats)}
                parts.append(pd.DataFrame({**columns, "value": value}))
    return pd.concat(parts, ignore_index=True)


def _relabelled(sets: Sets, truth: np.ndarray) -> np.ndarray:
    """Targets with the same noise by another truth."""
    return sets.y + np.einsum("bnd,bd->bn", sets.x, truth - sets.truth)


def _fitted(arm: str, train: Sets, held_out: Sets) -> np.ndarray:
    loss, penalty = arm.split()[0], arm.split()[2]
    strengths = [0.0] if penalty == "no" else STRENGTHS
    penalties: list[Penalty] = [KINDS[penalty](lam) for lam in strengths]
    return chosen(fit(train, penalties, loss), held_out)[0]


def statements(found: pd.DataFrame) -> list[Sampled]:
    """What THEORY says of outliers."""
    grid = found.pivot_table("value", ["panel", "repeat"], ["arm", "x"])
    metric = "excess test error"

    def of(penalty: str, share: float, loss: str = "squared") -> np.ndarray:
        arm = f"{loss} loss, {penalty} penalty"
        return grid[arm, share].unstack("panel").mean(axis=1).to_numpy()

    note = (
        "It is the L1 loss (absolute error) that is robust to outliers, not the L1 penalty: the "
        "document confuses the two."
    )
    return [
        Sampled(
            Claim(
                "outliers-l1",
                "L1 regularization is robust to outliers: with 10 % of them its error is at most "
                "one and a half times that without",
                "ratio",
                metric,
                below=1.5,
                source="THEORY",
                published="robust in dealing with outliers",
                note=note,
            ),
            np.stack([of("L1", 0.1), of("L1", 0.0)]),
        ),
        Sampled(
            Claim(
                "outliers-loss",
                "The robust thing is the L1 loss: with 10 % outliers the absolute loss without a "
                "penalty has a lower error than the squared loss with the L1 penalty",
                "lower",
                metric,
                source="ours, to THEORY",
            ),
            np.stack([of("no", 0.1, "absolute"), of("L1", 0.1)]),
        ),
        Sampled(
            Claim(
                "outliers-l2",
                "L2 is not robust to outliers: with 10 % of them its error is more than one and a "
                "half times that without",
                "ratio",
                metric,
                above=1.5,
                source="THEORY",
                published="not robust to outliers",
            ),
            np.stack([of("L2", 0.1), of("L2", 0.0)]),
        ),
        Sampled(
            Claim(
                "outliers-l1-l2",
                "Outliers harm the L1 penalty less than the L2 penalty",
                "difference",
                metric,
                below=0.0,
                source="THEORY",
                published="L1 robust, L2 not",
                note="Compared: how much the error grows from no outliers to 10 %.",
            ),
            np.stack([of("L1", 0.1), of("L1", 0.0), of("L2", 0.1), of("L2", 0.0)]),
        ),
    ]
