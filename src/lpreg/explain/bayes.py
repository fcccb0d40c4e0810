"""The most probable weights are the penalised ones.

With Gaussian noise of variance s^2 on n samples, and any prior proportional to
exp(-n / s^2 penalty(w)), the posterior is proportional to

    exp(-n / s^2 (half the mean squared error + penalty(w))),

whose mode is where the penalised loss is least. L2(lam) is a Gaussian of variance s^2 / (2 n lam),
L1(lam) a Laplace of scale s^2 / (n lam), Lp a generalised normal (Tibshirani 1996, section 5).
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Lasso, Ridge

from lpreg.explain.common import each, power
from lpreg.penalties import L1, L2, Penalty

FEATURES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
SAMPLES = 40
SCAN, ZOOMS = 41, 12
"""Points along a side of a grid on which a mode is searched, and how often it is refined."""


@dataclass(frozen=True)
class Regression:
    """A linear regression whose noise is known.

    Attributes:
        x: (n, 2), standardised.
        y: (n,), standardised.
        names: of the inputs.
    """

    x: np.ndarray
    y: np.ndarray
    names: tuple[str, str]

    @property
    def weight(self) -> float:
        """n / s^2, with s^2 as least squares estimates it."""
        rest = self.y - self.x @ self.least_squares
        return len(self.y) * (len(self.y) - 2) / float(rest @ rest)

    @property
    def least_squares(self) -> np.ndarray:
        return np.linalg.lstsq(self.x, self.y, rcond=None)[0]

    def loss(self, w: np.ndarray) -> np.ndarray:
        """Half the mean squared error, (...) for weights (..., 2)."""
        return ((self.y - w @ self.x.T) ** 2).mean(-1) / 2

    def log_posterior(self, penalty: Penalty, w: np.ndarray) -> np.ndarray:
        """Up to a constant, (points,) for weights (points, 2)."""
        return -self.weight * (self.loss(w) + each(penalty.value, w))


def diabetes(names: tuple[str, str], samples: int = SAMPLES) -> Regression:
    """Two inputs of scikit-learn's diabetes data, the first samples of it."""
    inputs, target = map(np.asarray, load_diabetes(return_X_y=True))
    x, y = inputs[:samples, [FEATURES.index(name) for name in names]], target[:samples]
    return Regression((x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std(), names)


def mesh(centre: np.ndarray, half: float, side: int) -> np.ndarray:
    """(side * side, 2): a square of points."""
    axes = [np.linspace(middle - half, middle + half, side) for middle in centre]
    return np.stack(np.meshgrid(*axes), -1).reshape(-1, 2)


def mode(problem: Regression, penalty: Penalty, half: float = 2.0) -> np.ndarray:
    """(2,): where the posterior is highest, on grids that zoom in; to 1e-6 or so."""
    best = np.zeros(2)
    for _ in range(ZOOMS):
        w = mesh(best, half, SCAN)
        best = w[problem.log_posterior(penalty, w).argmax()]
        half *= 4 / SCAN
    return best


def mean(problem: Regression, penalty: Penalty, half: float = 2.0, side: int = 401) -> np.ndarray:
    """(2,): the mean of the posterior."""
    w = mesh(np.zeros(2), half, side)
    log = problem.log_posterior(penalty, w)
    weights = np.exp(log - log.max())
    return weights @ w / weights.sum()


def solution(problem: Regression, penalty: Penalty) -> np.ndarray:
    """(2,): what scikit-learn finds, by Ridge for L2 and by Lasso for L1."""
    if isinstance(penalty, L2):
        model = Ridge(2 * len(problem.y) * float(penalty.lam), fit_intercept=False)
    elif isinstance(penalty, L1):
        model = Lasso(float(penalty.lam), fit_intercept=False, tol=1e-14, max_iter=100_000)
    else:
        raise ValueError(f"{penalty!r}: scikit-learn solves L1 and L2.")
    return model.fit(problem.x, problem.y).coef_


def cases(shapes: tuple[float, ...], strengths: int) -> pd.DataFrame:
    """Every pair of the diabetes inputs, p = 1 or 2, at shares of the strength that zeroes Lasso.

    Returns:
        `p`, `lam`, `apart` (largest distance of a coefficient), `zero` (whether scikit-learn's
        solution has one), `mean_least` (the smaller magnitude in the mean of the posterior).
    """
    rows = []
    for names in combinations(FEATURES, 2):
        problem = diabetes(names)
        top = np.abs(problem.x.T @ problem.y).max() / len(problem.y)
        for share in np.linspace(0.2, 0.8, strengths):
            for p in shapes:
                penalty = power(p, float(share * top))
                known = solution(problem, penalty)
                apart = np.abs(mode(problem, penalty) - known).max()
                least = np.abs(mean(problem, penalty, side=101)).min()
                rows.append((p, share * top, apart, (known == 0).any(), least))
    return pd.DataFrame(rows, columns=["p", "lam", "apart", "zero", "mean_least"])
