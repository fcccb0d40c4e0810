"""Dense against sparse truth: which penalty predicts better, and does mixing them help?"""

from pathlib import Path

import numpy as np
import pandas as pd

from lpreg.analysis.claims import Claim
from lpreg.explain.common import Sampled, still, verdicts
from lpreg.explain.statements.drawing import View, draw
from lpreg.explain.statements.linear import Sets, chosen, excess, fit
from lpreg.explain.topics import Progress, Result
from lpreg.penalties import L1, L2, ElasticNet, Lp, Penalty

INPUTS, SAMPLES, HELD_OUT = 40, 60, 60
TRUTHS = {"3 of 40 inputs matter": 3, "all 40 matter equally": 40}
FACTORS = np.geomspace(1 / 64, 1, 13)
"""Strengths, in parts of the strongest."""
RATIOS = (0.1, 0.3, 0.5, 0.7, 0.9)
ARMS = {"L1": "L1", "L2": "L2", "EN": "EN", "p = 0.5": "p = 0.5"}
STRONGEST = {"L1": 1.0, "L2": 4.0, "EN": 1.5, "p = 0.5": 1.0}


def make(folder: Path, progress: Progress) -> Result:
    """The study, its picture and its verdicts."""
    progress("fits")
    found, best = frame(12 if progress.quick else 100)
    view = View(
        "Sparse and dense truth: the error over the strength",
        "strength, relative to the strongest tried",
        "error on new data above the best",
        ARMS,
        log="x",
        ends=(0, None),
    )
    picture = still(
        draw(found, view),
        folder,
        "truth",
        "Linear models on 60 samples of 40 inputs, noise as large as the signal. Error of the "
        "weights found, above that of the true ones, over the strength; means and 95 % intervals "
        "over fresh data sets. Where few inputs matter the penalties with a kink at zero win, "
        "where all matter equally L2 does.",
        "Two panels, sparse and dense truth: error over strength with a line per penalty.",
    )
    numbers = {"truth": found, "truth-chosen": best}
    return Result([picture], numbers, verdicts(*statements(best)))


def penalties(arm: str, strengths: np.ndarray, ratio: float = 0.5) -> list[Penalty]:
    """An arm in these strengths."""
    if arm == "EN":
        return [ElasticNet(lam, ratio) for lam in strengths]
    kinds = {"L1": L1, "L2": L2, "p = 0.5": lambda lam: Lp(lam, 0.5)}
    return [kinds[arm](lam) for lam in strengths]


def pair(nonzero: int, repeats: int, seed: int) -> tuple[Sets, Sets]:
    """Training sets and held-out sets of the same truth: weights alike in size, of length 1."""
    random = np.random.default_rng(seed)
    truth = random.choice([-1.0, 1.0], (repeats, INPUTS)) / np.sqrt(nonzero)
    truth[:, nonzero:] = 0
    both = []
    for samples in (SAMPLES, HELD_OUT):
        x = random.normal(size=(repeats, samples, INPUTS))
        y = np.einsum("bnd,bd->bn", x, truth) + random.normal(size=(repeats, samples))
        both.append(Sets(x, y, truth))
    return both[0], both[1]


def frame(repeats: int, seed: int = 101) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Excess error at every strength, and at the chosen one, where `arm` has "EN, two" as well:
    the elastic net of which both strengths are chosen."""
    paths, best = [], []
    for panel, nonzero in TRUTHS.items():
        train, held_out = pair(nonzero, repeats, seed)
        for arm in ARMS:
            fits = fit(train, penalties(arm, STRONGEST[arm] * FACTORS))
            errors = excess(fits, train.truth[:, None])
            paths += [_rows(panel, arm, x, errors[:, i]) for i, x in enumerate(FACTORS)]
            weights = chosen(fits, held_out)[0]
            best.append(_rows(panel, arm, 0.0, excess(weights, train.truth)))
        fits = np.concatenate(
            [fit(train, penalties("EN", 2 * FACTORS, ratio)) for ratio in RATIOS], axis=1
        )
        weights = chosen(fits, held_out)[0]
        best.append(_rows(panel, "EN, two", 0.0, excess(weights, train.truth)))
    return pd.concat(paths, ignore_index=True), pd.concat(best, ignore_index=True)


def _rows(panel: str, arm: str, x: float, values: np.ndarray) -> pd.DataFrame:
    columns = {"panel": panel, "arm": arm, "x": x, "repeat": range(len(values))}
    return pd.DataFrame({**columns, "value": values})


def statements(best: pd.DataFrame) -> list[Sampled]:
    """What THEORY and COURAGE say of the choice between the penalties."""
    grid = best.pivot_table("value", "repeat", ["panel", "arm"])
    sparse, dense = TRUTHS

    def sides(panel: str, left: str, right: str) -> np.ndarray:
        return grid[panel][[left, right]].to_numpy().T

    def lower(name: str, text: str, source: str, values: np.ndarray, said: str = "") -> Sampled:
        metric = "excess test error"
        return Sampled(Claim(name, text, "lower", metric, source=source, published=said), values)

    better = {
        panel: ("L1", "L2")[int(grid[panel][["L1", "L2"]].to_numpy().mean(0).argmin())]
        for panel in TRUTHS
    }
    mixed = "Elastic net generalises better than the better of L1 and L2 alone"
    said = "more successfully than using either L1 or L2 alone"
    dense_text = "Ridge is better than lasso when all inputs matter about equally"
    sparse_text = "Lasso is better than ridge when few inputs matter"
    return [
        lower("truth-dense", dense_text, "THEORY", sides(dense, "L2", "L1"), "performs better"),
        lower("truth-sparse", sparse_text, "THEORY", sides(sparse, "L1", "L2")),
        *(
            lower(
                f"truth-net-{name}",
                f"{mixed} ({name} truth, two strengths tuned)",
                "COURAGE",
                sides(panel, "EN, two", better[panel]),
                said,
            )
            for name, panel in (("sparse", sparse), ("dense", dense))
        ),
    ]
