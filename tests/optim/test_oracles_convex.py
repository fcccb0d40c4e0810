"""Convex problems that scipy and scikit-learn solve too: the same weights to 1e-5, the same zeros.

Beside Lasso, elastic net and Ridge (in tests/test_oracles.py): bridge penalties, LInf and Group on
the diabetes data, and the logistic regression with L1 on the breast-cancer data. Full batch.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from lpreg import L1, Group, LInf, Lp, Regularized, views
from lpreg.penalties.base import Penalty

Base = Callable[[Any], Optimizer]
BRIDGES = {"p = 1.5": Lp(1.0, 1.5), "p = 3": Lp(0.02, 3), "p = 4": Lp(0.001, 4)}
LIMIT, GROUP = 60.0, 8.0
PENALTIES: dict[str, Penalty] = {
    **BRIDGES,
    "LInf": LInf(LIMIT),
    "Group": Group(GROUP, views.Rows()),
}


class Squares(NamedTuple):
    """1/2 mean squared error of 10 weights, up to a constant: w gram w / 2 - pull w."""

    gram: np.ndarray
    pull: np.ndarray

    def gradient(self, w: Any) -> Any:
        return self.gram @ w - self.pull

    def loss(self, w: np.ndarray) -> float:
        return float(w @ self.gram @ w / 2 - self.pull @ w)


def standardised(load: Any) -> tuple[np.ndarray, np.ndarray]:
    x, y = load(return_X_y=True)
    return (x - x.mean(0)) / x.std(0), y


@pytest.fixture(scope="module")
def diabetes() -> Squares:
    x, y = standardised(load_diabetes)
    return Squares(x.T @ x / len(y), x.T @ (y - y.mean()) / len(y))


# --- the solutions of scipy ---


def bridge(problem: Squares, lam: float, p: float) -> np.ndarray:
    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        size = np.abs(w)
        slope = lam * p * size ** (p - 1) * np.sign(w)
        return problem.loss(w) + lam * (size**p).sum(), problem.gradient(w) + slope

    return minimize(objective, np.ones(10), jac=True, method="BFGS", options={"gtol": 1e-9}).x


def limited(problem: Squares) -> np.ndarray:
    """LInf as a quadratic program: lam t under -t <= w <= t."""

    def objective(z: np.ndarray) -> tuple[float, np.ndarray]:
        gradient = np.append(problem.gradient(z[:-1]), LIMIT)
        return problem.loss(z[:-1]) + LIMIT * z[-1], gradient

    bounds = np.block([[np.eye(10), np.ones((10, 1))], [-np.eye(10), np.ones((10, 1))]])
    within = {"type": "ineq", "fun": lambda z: bounds @ z, "jac": lambda z: bounds}
    start, options = np.append(np.zeros(10), 1.0), {"ftol": 1e-16, "maxiter": 1000}
    solver = partial(minimize, jac=True, method="SLSQP", constraints=within, options=options)
    return solver(objective, start).x[:-1]


def grouped(problem: Squares) -> np.ndarray:
    """Group by its dual: (pull - q) gram^-1 (pull - q) / 2, no pair of q longer than its limit."""
    inverse = np.linalg.inv(problem.gram)
    limit = 2 * GROUP**2

    def objective(q: np.ndarray) -> tuple[float, np.ndarray]:
        w = inverse @ (problem.pull - q)
        return float((problem.pull - q) @ w / 2), -w

    within = {"type": "ineq", "fun": lambda q: limit - (q.reshape(5, 2) ** 2).sum(1)}
    options = {"ftol": 1e-16, "maxiter": 1000}
    solver = partial(minimize, jac=True, method="SLSQP", constraints=within, options=options)
    return inverse @ (problem.pull - solver(objective, np.zeros(10)).x)


@pytest.fixture(scope="module")
def exact(diabetes: Squares) -> dict[str, np.ndarray]:
    bridges = {name: bridge(diabetes, lp.lam, lp.p) for name, lp in BRIDGES.items()}  # pyright: ignore
    return {**bridges, "LInf": limited(diabetes), "Group": grouped(diabetes)}


# --- training ---

# Where a penalised weight is small, so is its gradient at the end, and Adam's and RMSprop's steps
# of lr / sqrt(v) grow without bound: eps keeps RMSprop's below 2 / curvature.
BASES: dict[str, Base] = {
    "sgd": partial(SGD, lr=0.4),
    "adam": partial(Adam, lr=1.0),
    "adamw": partial(AdamW, lr=1.0, weight_decay=0.0),
    "rmsprop": partial(RMSprop, lr=1.0, eps=2.5),
}


class Stack(nn.Module):
    """The weights of every problem, (5, 2) each."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        for number in range(len(PENALTIES)):
            start = 10 * torch.randn(5, 2, generator=generator, dtype=torch.float64)
            self.register_parameter(str(number), nn.Parameter(start))


@pytest.fixture(scope="module", params=BASES)
def trained(request: pytest.FixtureRequest, diabetes: Squares) -> dict[str, Tensor]:
    """All problems at once, by one optimizer: they do not know of each other."""
    gram, pull = map(torch.as_tensor, diabetes)
    model = Stack()
    parameters = list(model.parameters())
    penalties = {str(number): penalty for number, penalty in enumerate(PENALTIES.values())}
    optimizer = Regularized(BASES[request.param](parameters), model, penalties, "proximal")
    for _ in range(600):
        weights = torch.stack([w.detach().flatten() for w in parameters])
        for w, gradient in zip(parameters, weights @ gram - pull, strict=True):
            w.grad = gradient.view_as(w)
        optimizer.step()
    return {name: w.detach().flatten() for name, w in zip(PENALTIES, parameters, strict=True)}


@pytest.mark.parametrize("name", PENALTIES)
def test_training_reaches_what_scipy_finds(
    name: str, trained: dict[str, Tensor], exact: dict[str, np.ndarray]
) -> None:
    expected = torch.as_tensor(exact[name])
    torch.testing.assert_close(trained[name], expected, rtol=0, atol=1e-5)
    assert (trained[name] == 0).equal(expected.abs() < 1e-5)


def test_the_problems_are_worth_solving(exact: dict[str, np.ndarray]) -> None:
    pairs = np.abs(exact["Group"]).reshape(5, 2).max(1) < 1e-5
    assert 0 < pairs.sum() < 5
    largest = np.abs(exact["LInf"])
    assert 2 <= (largest > largest.max() - 1e-5).sum() < 10


# --- the logistic regression ---

LAM = 0.1
LOGISTIC: dict[str, Base] = {
    "sgd": partial(SGD, lr=0.1, momentum=0.9),
    "adam": partial(Adam, lr=0.1),
    "adamw": partial(AdamW, lr=0.1, weight_decay=0.0),
    "rmsprop": partial(RMSprop, lr=0.02, momentum=0.9, eps=0.1),
}


@pytest.fixture(scope="module")
def cancer() -> tuple[Tensor, Tensor, Any]:
    """x (569, 30) standardised, y (569,), and the fitted estimator of scikit-learn."""
    x, y = standardised(load_breast_cancer)
    options: dict[str, Any] = {"l1_ratio": 1.0, "C": 1 / (LAM * len(y)), "tol": 1e-12}
    model = LogisticRegression(**options, solver="saga", max_iter=100_000)
    return torch.as_tensor(x), torch.as_tensor(y).double(), model.fit(x, y)


@pytest.mark.parametrize("base", LOGISTIC)
def test_logistic_regression_reaches_that_of_sklearn(
    base: str, cancer: tuple[Tensor, Tensor, Any]
) -> None:
    x, y, theirs = cancer
    model = nn.Linear(30, 1, dtype=torch.float64)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    optimizer = Regularized(LOGISTIC[base](model.parameters()), model, L1(LAM), "proximal")
    weight, bias = model.weight.detach(), model.bias.detach()
    for _ in range(2000):
        error = (torch.sigmoid(x @ weight[0] + bias) - y) / len(y)
        model.weight.grad, model.bias.grad = (error @ x)[None], error.sum()[None]
        optimizer.step()
    torch.testing.assert_close(weight, torch.as_tensor(theirs.coef_), rtol=0, atol=1e-5)
    torch.testing.assert_close(bias, torch.as_tensor(theirs.intercept_), rtol=0, atol=1e-5)
    assert (weight == 0).equal(torch.as_tensor(theirs.coef_ == 0))
    assert (weight != 0).sum() == 4
