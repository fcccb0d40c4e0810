"""Linear models with lpreg's penalties: many data sets at many strengths at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.func import vmap

from lpreg.explain.common import tensor
from lpreg.penalties import Penalty

NEAR = 0.05
"""The absolute loss is rounded within this distance of 0, where it has a kink."""


class Sets(NamedTuple):
    """Data sets of one shape: inputs (b, n, d), targets (b, n), the true weights (b, d)."""

    x: np.ndarray
    y: np.ndarray
    truth: np.ndarray

    def error(self, weights: np.ndarray) -> np.ndarray:
        """Mean squared error of weights (b, s, d) on these data: (b, s)."""
        told = np.einsum("bnd,bsd->bsn", self.x, weights)
        return np.square(told - self.y[:, None]).mean(-1)


def fit(
    sets: Sets, penalties: Sequence[Penalty], loss: str = "squared", steps: int = 2000
) -> np.ndarray:
    """Weights that minimise mean loss + penalty, (b, s, d), for every data set and every penalty.

    The loss of a residual r is r^2 / 2, so that `L1(a)` is scikit-learn's `Lasso(alpha=a)`; or |r|
    ("absolute"), rounded within `NEAR` of 0. Accelerated proximal gradient steps that start afresh
    where they overshoot, until no weight moves.

    Args:
        sets: the data. There is no intercept: inputs and targets have mean 0 by their making.
        penalties: of one kind, in their strengths.
        loss: "squared" or "absolute".
        steps: at most.

    Source: O'Donoghue and Candès, "Adaptive restart for accelerated gradient schemes", Foundations
    of Computational Mathematics 15, 2015.
    """
    x, y = tensor(sets.x), tensor(sets.y)
    kind = penalties[0].structure()
    data = tuple(tensor(each) for each in zip(*(p.data() for p in penalties), strict=True))
    n = x.shape[1]
    steepest = torch.linalg.matrix_norm(x, 2).square() / n
    size = (1 / steepest if loss == "squared" else NEAR / steepest)[:, None, None]

    def slope(w: Tensor) -> Tensor:  # w is (strengths, sets, d)
        rest = torch.einsum("bnd,sbd->sbn", x, w) - y
        pull = rest if loss == "squared" else (rest / NEAR).clamp(-1, 1)
        return torch.einsum("bnd,sbn->sbd", x, pull) / n

    if loss == "squared":  # the same, without the samples
        gram, right = x.mT @ x / n, (x.mT @ y[..., None])[..., 0] / n
        slope = lambda w: torch.einsum("bde,sbe->sbd", gram, w) - right  # noqa: E731

    step = size.expand(-1, 1, x.shape[2])[:, 0]
    prox = vmap(lambda data, v: kind.with_data(data).prox(v, step))
    w = ahead = torch.zeros(len(penalties), *x.shape[::2], dtype=x.dtype)
    pace = torch.ones(*w.shape[:2], 1, dtype=x.dtype)
    for _ in range(steps):
        new = prox(data, ahead - size[:, 0] * slope(ahead))
        moved = new - w
        over = ((ahead - new) * moved).sum(-1, keepdim=True) > 0
        faster = torch.where(over, 1.0, (1 + (1 + 4 * pace.square()).sqrt()) / 2)
        ahead = new + torch.where(over, 0.0, (pace - 1) / faster) * moved
        w, pace = new, faster
        if moved.abs().max() < 1e-6:
            break
    return w.transpose(0, 1).numpy()


def chosen(fits: np.ndarray, held_out: Sets) -> tuple[np.ndarray, np.ndarray]:
    """Of weights (b, s, d) those with the least error on other data of each set: (b, d), and which
    they are, (b,)."""
    best = held_out.error(fits).argmin(1)
    return fits[np.arange(len(fits)), best], best


def excess(weights: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """By how much the error on new data is above that of the truth, of weights (..., d), for inputs
    that are independent and of variance 1: |w - w*|^2."""
    return np.square(weights - truth).sum(-1)
