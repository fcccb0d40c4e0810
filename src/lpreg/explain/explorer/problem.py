"""What the explorer page is about: a regression on two inputs, and the prox of other p as a table.

Only six numbers of a problem enter its solution. With inputs X = Z L', where Z'Z = n I and
L L' = [[1, r], [r, 1]] (r the correlation), and y = X w* + noise e, half the mean squared error is
w'(X'X/n)w / 2 - w'(X'y/n) and a constant, X'X/n = L L' and X'y/n = L L' w* + noise L (Z'e/n).
So the page holds Z'e/n, two numbers per sample.
"""

from functools import cache
from math import log

import numpy as np

from lpreg.explain.common import tensor
from lpreg.penalties import Lp

SEED = 7
SIZE, SAMPLES = 20, 12
"""Rows of a sample, and how many samples there are to look at."""
TRUTH = (1.2, 0.4)
OTHERS = (0.25, 0.75, 1.25, 1.5, 1.75, 3.0, 4.0)
"""The p whose prox is read from a table."""
KNOTS = 601
ENDS = (1e-7, 1e6)


@cache
def _inputs() -> np.ndarray:
    """(n, 2): columns of mean square 1, orthogonal."""
    q, _ = np.linalg.qr(np.random.default_rng(SEED).normal(size=(SIZE, 2)))
    return q * SIZE**0.5


def _errors(sample: int) -> np.ndarray:
    """(n,): the noise of a sample, of variance 1."""
    return np.random.default_rng([SEED, sample]).normal(size=SIZE)


def data(correlation: float, noise: float, sample: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (n, 2) and targets (n,) of a setting."""
    root = np.linalg.cholesky(np.array([[1.0, correlation], [correlation, 1.0]]))
    x = _inputs() @ root.T
    return x, x @ TRUTH + noise * _errors(sample)


def shifts() -> list[list[float]]:
    """Per sample Z'e / n: what its noise does to the weights of independent inputs."""
    return [(_inputs().T @ _errors(sample) / SIZE).tolist() for sample in range(SAMPLES)]


def table(p: float) -> dict[str, object]:
    """The prox of lam |x|^p at v as v z(k), k = p lam |v|^(p-2): see `lpreg.penalties.powers`.

    Returns:
        `start` and `step` of log k, `log_z` at the knots, and `jump`: the log k from which on the
        prox is zero, None for p > 1.
    """
    low, high = (log(end) for end in ENDS)
    jump = None
    if p < 1:
        least = 2 * (1 - p) / (2 - p)
        jump = log(p / (2 - p)) + (1 - p) * log(least)
        high = jump - 1e-12
    knots = np.linspace(low, high, KNOTS)
    one = tensor([1.0])
    z = [float(Lp(float(np.exp(log_k)) / p, p).prox(one)) for log_k in knots]
    step = (high - low) / (KNOTS - 1)
    return {"start": low, "step": step, "log_z": np.log(z).round(11).tolist(), "jump": jump}
