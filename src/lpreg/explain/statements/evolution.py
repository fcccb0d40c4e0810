"""L0 without gradients: a small evolution strategy over which inputs to use, against L1."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lpreg.analysis.claims import Claim
from lpreg.explain.common import Sampled, still, tensor, verdicts
from lpreg.explain.statements.drawing import View, draw
from lpreg.explain.statements.linear import Sets, chosen, excess, fit
from lpreg.explain.statements.truth import SAMPLES, pair
from lpreg.explain.topics import Progress, Result
from lpreg.penalties import L0, L1, L2, Penalty

MATTER = (2, 5, 10, 40)
L0_STRENGTHS = tuple(np.geomspace(0.02, 0.2, 5))
L1_STRENGTHS = tuple(np.geomspace(0.02, 0.6, 12))
L2_STRENGTHS = tuple(np.geomspace(0.02, 4, 12))
PARENTS, CHILDREN, GENERATIONS = 4, 16, 40
ARMS = {"L0 by evolution": "L0", "L0 by its prox": "another", "L1": "L1", "L2": "L2"}


def make(folder: Path, progress: Progress) -> Result:
    """The study, its picture and its verdicts."""
    progress("evolution")
    found = frame(5 if progress.quick else 15)
    view = View(
        "L0 without gradients: which inputs to use, by evolution",
        "inputs that matter, of 40",
        "",
        ARMS,
        log="x",
        same=False,
    )
    figure = draw(found, view)
    for panel in figure.axes:
        panel.set_xticks(MATTER, [str(count) for count in MATTER])
        panel.set_ylim(0, None)
    picture = still(
        figure,
        folder,
        "evolution",
        f"Linear models on {SAMPLES} samples, strengths chosen on held-out data. Evolution tries "
        f"{CHILDREN} sets of inputs in each of {GENERATIONS} generations and keeps the {PARENTS} "
        "with the least loss + L0; the prox steps start from zero and stay in a local minimum. "
        "Means and 95 % intervals over fresh data sets.",
        "Two panels over the number of inputs that matter: error, and inputs used.",
    )
    return Result([picture], {"evolution": found}, verdicts(*statements(found)))


def frame(repeats: int, seed: int = 110) -> pd.DataFrame:
    """Excess error, inputs used, and loss + L0: `panel`, `arm`, `x`, `repeat`, `value`."""
    rows = []
    for count in MATTER:
        train, held_out = pair(count, repeats, seed)
        proxes: list[Penalty] = [L0(lam) for lam in L0_STRENGTHS]
        fits = {
            "L0 by evolution": evolve(train, L0_STRENGTHS, seed),
            "L0 by its prox": fit(train, proxes),
            "L1": fit(train, [L1(lam) for lam in L1_STRENGTHS]),
            "L2": fit(train, [L2(lam) for lam in L2_STRENGTHS]),
        }
        for arm, every in fits.items():
            weights, _ = chosen(every, held_out)
            values = {
                "error on new data above the best": excess(weights, train.truth),
                "inputs used": (weights != 0).sum(1).astype(float),
            }
            if arm.startswith("L0"):
                values["loss + L0"] = objective(train, every).mean(1)
            for panel, each in values.items():
                rows += [(panel, arm, count, i, value) for i, value in enumerate(each)]
    return pd.DataFrame(rows, columns=["panel", "arm", "x", "repeat", "value"])


def objective(sets: Sets, weights: np.ndarray) -> np.ndarray:
    """Half the mean squared error + L0 in the strengths `L0_STRENGTHS`, of weights (b, s, d)."""
    return sets.error(weights) / 2 + np.array(L0_STRENGTHS) * (weights != 0).sum(-1)


def evolve(sets: Sets, strengths: tuple[float, ...], seed: int) -> np.ndarray:
    """Weights of small loss + L0, (b, s, d): least squares on the inputs that evolution picks.

    A (mu + lambda) strategy: a child takes every input from one of two parents, and then flips each
    with a chance of 1 / d.

    Source: Beyer and Schwefel, "Evolution strategies: a comprehensive introduction", Natural
    Computing 1, 2002.
    """
    x, y = tensor(sets.x), tensor(sets.y)
    b, n, d = x.shape
    many = len(strengths)
    gram, right = (x.mT @ x / n)[:, None, None], (x.mT @ y[..., None])[..., 0][:, None, None] / n
    lam = tensor(strengths)[:, None]
    draw = torch.Generator().manual_seed(seed)
    parents = torch.rand(b, many, PARENTS, d, generator=draw) < 0.1

    def cost(used: Tensor) -> Tensor:  # half the mean squared error, but for a constant, and L0
        weights = least_squares(gram, right, used)
        return lam * used.sum(-1) - (weights * right).sum(-1) / 2

    costs = cost(parents)
    for _ in range(GENERATIONS):
        one, other = torch.randint(PARENTS, (2, b, many, CHILDREN), generator=draw)[..., None]
        from_one = torch.rand(b, many, CHILDREN, d, generator=draw) < 0.5
        mates = [parents.gather(2, each.expand(-1, -1, -1, d)) for each in (one, other)]
        flipped = torch.rand(b, many, CHILDREN, d, generator=draw) < 1 / d
        children = torch.where(from_one, *mates) ^ flipped
        everyone = torch.cat([parents, children], 2)
        costs, best = torch.cat([costs, cost(children)], 2).topk(PARENTS, largest=False)
        parents = everyone.gather(2, best[..., None].expand(-1, -1, -1, d))
    return least_squares(gram, right, parents[:, :, :1])[:, :, 0].numpy()


def least_squares(gram: Tensor, right: Tensor, used: Tensor) -> Tensor:
    """The solution of gram w = right on the inputs that are used, (..., d) of bool; 0 elsewhere."""
    on = used.to(gram.dtype)
    matrix = gram * on[..., None] * on[..., None, :] + torch.diag_embed(1 - on)
    return torch.linalg.solve(matrix, right * on) * on


def statements(found: pd.DataFrame) -> list[Sampled]:
    """What SHAPES says of L0, and what follows."""
    grid = found.pivot_table("value", ["panel", "repeat"], ["arm", "x"])
    error = "error on new data above the best"
    evolution, prox = "L0 by evolution", "L0 by its prox"

    def lower(name: str, text: str, panel: str, x: int, other: str, source: str) -> Sampled:
        claim = Claim(name, text, "lower", panel, source=source)
        return Sampled(claim, grid.loc[panel][[(evolution, x), (other, x)]].to_numpy().T)

    few, all_ = MATTER[0], MATTER[-1]
    work = (
        "L0 can be a regularization term in algorithms without gradients: evolution comes to a "
        f"lower loss + L0 than prox steps from zero ({MATTER[1]} inputs matter)"
    )
    sparse = f"Where {few} of 40 inputs matter, L0 by evolution predicts better than L1"
    dense = "Where all inputs matter, L0 by evolution predicts better than L1"
    return [
        lower("evolution-works", work, "loss + L0", MATTER[1], prox, "SHAPES"),
        lower("evolution-sparse", sparse, error, few, "L1", "ours, to SHAPES"),
        lower("evolution-dense", dense, error, all_, "L1", "ours, to SHAPES"),
    ]
