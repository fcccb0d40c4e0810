"""Penalised least squares, solved plainly: with the penalties' own prox, many problems at once.

The task loss of n rows is |y - X w|^2 / (2 n), that of scikit-learn's lasso, with columns of mean 0
and variance 1 and targets likewise, so that weights are comparable. It needs X'X / n and X'y / n.
A penalty is given by its shape, at strength 1: of separable penalties a prox knows nothing but the
product of strength and step, so that a whole path is solved as one matrix, a row per strength.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch

from lpreg.explain.common import tensor
from lpreg.penalties import Penalty


class Quadratic(Protocol):
    """A loss that is w G w / 2 - w b and a constant.

    Attributes:
        gram: G, (..., d, d). pull: b, (..., d).
    """

    @property
    def gram(self) -> np.ndarray: ...
    @property
    def pull(self) -> np.ndarray: ...


class Moments(NamedTuple):
    """A quadratic loss as such."""

    gram: np.ndarray
    pull: np.ndarray


TOLERANCE = 1e-10
MOST = 100_000
EVERY = 20
"""How far a step may still go at the end, in standardised weights; and when to give up; iterations
between two looks."""


@dataclass(frozen=True)
class Problem:
    """Least squares on standardised data, or many of them with leading dimensions.

    Attributes:
        x: (..., n, d), columns of mean 0 and variance 1 (0 where they are constant).
        y: (..., n), of mean 0 and variance 1.
        features: the names of the columns.
    """

    x: np.ndarray
    y: np.ndarray
    features: tuple[str, ...]

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray, features: Sequence[str]) -> "Problem":
        """Of raw data."""
        return cls(standard(x, -2), standard(y, -1), tuple(features))

    @property
    def gram(self) -> np.ndarray:
        """X'X / n, (..., d, d): the curvature of the loss."""
        return np.swapaxes(self.x, -1, -2) @ self.x / self.x.shape[-2]

    @property
    def pull(self) -> np.ndarray:
        """X'y / n, (..., d): what the loss pulls weights of zero with."""
        return (self.y[..., None, :] @ self.x)[..., 0, :] / self.x.shape[-2]

    @property
    def ols(self) -> np.ndarray:
        """Ordinary least squares, (..., d); the shortest solution where there are many."""
        return (np.linalg.pinv(self.x) @ self.y[..., None])[..., 0]

    def loss(self, w: np.ndarray) -> np.ndarray:
        """Of rows of weights (..., k, d): (..., k)."""
        residual = self.y[..., None, :] - w @ np.swapaxes(self.x, -1, -2)
        return (residual**2).mean(-1) / 2


def standard(values: np.ndarray, axis: int) -> np.ndarray:
    """Of mean 0 and variance 1; a constant becomes 0."""
    centred = values - values.mean(axis, keepdims=True)
    spread = centred.std(axis, keepdims=True)
    return centred / np.where(spread > 1e-12, spread, 1.0)


def objective(problem: Problem, shape: Penalty, lams: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Loss and penalty of rows of weights (k, d), of strengths (k,) or one: (k,)."""
    return problem.loss(w) + lams * torch.func.vmap(shape.value)(tensor(w)).numpy()


def descend(
    problem: Quadratic,
    shape: Penalty,
    lams: np.ndarray,
    start: np.ndarray | None = None,
    enough: int = MOST,
) -> np.ndarray:
    """Minimise by accelerated proximal gradient descent.

    Where the penalty is convex it ends in the minimum, otherwise in one near the start: there the
    prox of a gradient step stays.

    Args:
        problem: one, or many with leading dimensions.
        shape: a separable penalty of strength 1.
        lams: strengths, (..., k).
        start: (..., k, d); zero when left out.
        enough: steps after which what is there will do; by default it is an error.

    Returns:
        Weights, (..., k, d).

    Source: Beck and Teboulle, "A fast iterative shrinkage-thresholding algorithm", SIAM Journal on
    Imaging Sciences 2, 2009, restarted whenever it runs uphill (O'Donoghue and Candes, 2015).
    """
    gram, pull = tensor(problem.gram), tensor(problem.pull)[..., None, :]
    step = 1 / torch.linalg.eigvalsh(gram)[..., -1, None, None]
    w = tensor(np.zeros((*lams.shape, gram.shape[-1])) if start is None else start)
    steps = (step * tensor(lams)[..., None]).expand_as(w)
    ahead, pace = w, torch.ones_like(w[..., :1])
    for i in range(enough):
        new = shape.prox(ahead - step * (ahead @ gram - pull), steps)
        left = (new - ahead).abs().amax() if i % EVERY == 0 else None
        w, before = new, w
        if left is not None and left < TOLERANCE:
            return w.numpy()
        uphill = ((ahead - w) * (w - before)).sum(-1, keepdim=True) > 0
        pace = torch.where(uphill, 1.0, pace)
        faster = (1 + (1 + 4 * pace**2).sqrt()) / 2
        ahead, pace = w + (pace - 1) / faster * (w - before), faster
    if enough < MOST:
        return w.numpy()
    raise RuntimeError(f"{shape!r}: no end after {MOST:,} steps")


def sweep(problem: Problem, shape: Penalty, lams: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Go downhill from every start by coordinate descent, for penalties that are not convex too.

    Each weight in turn goes to its best place given the others, which the prox with step 1 is for
    columns of variance 1. Where it ends, no weight alone can do better.

    Args:
        problem: one.
        shape: a separable penalty of strength 1.
        lams: strengths, (k,).
        start: (k, d).

    Returns:
        Weights, (k, d).
    """
    gram, pull = tensor(problem.gram), tensor(problem.pull)
    w, strengths = tensor(start).T.clone(), tensor(lams).expand(len(start))
    for _ in range(MOST):
        moved = 0.0
        for j, row in enumerate(gram):
            new = shape.prox(w[j] + pull[j] - row @ w, strengths)
            moved = max(moved, float((new - w[j]).abs().amax()))
            w[j] = new
        if moved < TOLERANCE:
            return w.T.numpy().copy()
    raise RuntimeError(f"{shape!r}: no end after {MOST:,} sweeps")
