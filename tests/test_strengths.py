"""docs/strengths.md: each conversion, against the library that it names.

A solution that scikit-learn found must be stationary for our penalty at the converted strength, and
not at another one. Keras and optax are not here: their formulas are ours, and they are large.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import skglm.penalties as skglm
import torch
from skglm.datafits import Logistic, Quadratic
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import ElasticNet as SklearnElasticNet
from sklearn.linear_model import Lasso, LogisticRegression, MultiTaskLasso, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from torch import Tensor, nn
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    linear,
    mse_loss,
)
from torch.optim import SGD, Adagrad, Adam, Adamax, AdamW, NAdam, RAdam, RMSprop

from lpreg import L1, L2, ElasticNet, Group, LInf, Lp, Norm, Regularized, views
from lpreg.penalties import Penalty

Loss = Callable[[Tensor, Tensor], Tensor]


def diabetes() -> tuple[Tensor, Tensor]:
    x, y = map(torch.tensor, load_diabetes(return_X_y=True))
    return (x - x.mean(0)) / x.std(0), y / y.std()


def iris() -> tuple[Tensor, Tensor]:
    x, y = map(torch.tensor, load_iris(return_X_y=True))
    return (x - x.mean(0)) / x.std(0), y


def versicolor() -> tuple[Tensor, Tensor]:
    x, y = iris()
    return x, (y == 1).double()


def half_mse(output: Tensor, y: Tensor) -> Tensor:
    return mse_loss(output, y) / 2


N, FLOWERS, ALPHA, C, R = 442, 150, 0.1, 0.3, 0.6
LEAST_SQUARES = {"tol": 1e-13, "max_iter": 1_000_000}
LOGISTIC = {"tol": 1e-13, "max_iter": 1_000_000, "solver": "saga", "random_state": 0}

CONVERSIONS: dict[str, tuple[Any, Callable[[], tuple[Tensor, Tensor]], Loss, Penalty]] = {
    "Lasso, 1/2 mse": (Lasso(ALPHA, **LEAST_SQUARES), diabetes, half_mse, L1(ALPHA)),
    "Lasso, mse_loss": (Lasso(ALPHA, **LEAST_SQUARES), diabetes, mse_loss, L1(2 * ALPHA)),
    "ElasticNet, 1/2 mse": (
        SklearnElasticNet(ALPHA, l1_ratio=R, **LEAST_SQUARES),
        diabetes,
        half_mse,
        ElasticNet(ALPHA, R),
    ),
    "ElasticNet, mse_loss": (
        SklearnElasticNet(ALPHA, l1_ratio=R, **LEAST_SQUARES),
        diabetes,
        mse_loss,
        ElasticNet(2 * ALPHA, R),
    ),
    "Ridge, 1/2 mse": (Ridge(ALPHA * N), diabetes, half_mse, L2(ALPHA * N / (2 * N))),
    "Ridge, mse_loss": (Ridge(ALPHA * N), diabetes, mse_loss, L2(ALPHA * N / N)),
    **{
        f"LogisticRegression {kind}, {loss.__name__}": (
            LogisticRegression(C=C, l1_ratio=ratio, **LOGISTIC),
            data,
            loss,
            penalty,
        )
        for data, loss in ((versicolor, binary_cross_entropy_with_logits), (iris, cross_entropy))
        for kind, ratio, penalty in (
            ("l2", 0.0, L2(1 / (2 * FLOWERS * C))),
            ("l1", 1.0, L1(1 / (FLOWERS * C))),
            ("elasticnet", R, ElasticNet(1 / (FLOWERS * C), R)),
        )
    },
}


def solution(name: str) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (outputs, features) of scikit-learn, and the gradients of our task loss there."""
    model, data, loss, _ = CONVERSIONS[name]
    x, y = data()
    model.fit(x.numpy(), y.numpy())
    w = torch.tensor(model.coef_, dtype=torch.float64).reshape(-1, x.shape[1])
    b = torch.tensor(model.intercept_, dtype=torch.float64).reshape(-1)
    for leaf in (w, b):
        leaf.requires_grad_()
    output = linear(x, w, b)
    loss(output.squeeze(1), y).backward()
    assert w.grad is not None and b.grad is not None
    return w.detach(), w.grad, b.grad


@pytest.mark.parametrize("name", CONVERSIONS)
def test_scikit_learn(name: str) -> None:
    penalty = CONVERSIONS[name][-1]
    w, slope, slope_of_bias = solution(name)
    scale = float(slope.abs().max())
    assert scale > 1e-3 and bool((w == 0).any()) == (not penalty.smooth)
    assert float(penalty.distance(w, slope).max()) < 1e-6 * scale
    assert float(slope_of_bias.abs().max()) < 1e-6 * scale
    for factor in (0.5, 0.99, 1.01, 2.0):
        lam, *ratio = penalty.data()
        other = penalty.with_data((lam * factor, *ratio))
        assert float(other.distance(w, slope).max()) > 1e-3 * scale


def trained(optimizer: Callable[[nn.Module], Any], steps: int = 5) -> Tensor:
    """The weights of a linear model after a few full-batch steps."""
    x, y = iris()
    model = nn.Linear(4, 3).double()
    with torch.no_grad():
        model.weight.copy_(torch.linspace(-1, 1, 12).view(3, 4))
        model.bias.zero_()
    step = optimizer(model)
    for _ in range(steps):
        step.zero_grad()
        cross_entropy(model(x), y).backward()
        step.step()
    return model.weight.detach()


NETWORK: dict[str, Any] = {
    "hidden_layer_sizes": (5,),
    "activation": "tanh",
    "solver": "lbfgs",
    "tol": 1e-14,
    "max_iter": 20_000,
    "max_fun": 100_000,
    "random_state": 0,
}


@pytest.mark.parametrize(
    ("kind", "data", "loss", "lam"),
    [
        (MLPClassifier, iris, cross_entropy, 0.5 / FLOWERS),
        (MLPRegressor, diabetes, half_mse, 0.5 / N),
        (MLPRegressor, diabetes, mse_loss, 1 / N),
    ],
)
def test_perceptrons_of_scikit_learn(kind: Any, data: Any, loss: Loss, lam: float) -> None:
    x, y = data()
    alpha = 3.0
    fitted = kind(alpha=alpha, **NETWORK).fit(x.numpy(), y.numpy())
    weights = [torch.tensor(w.T).requires_grad_() for w in fitted.coefs_]
    first, last = weights
    hidden = torch.tanh(linear(x, first, torch.tensor(fitted.intercepts_[0])))
    loss(linear(hidden, last, torch.tensor(fitted.intercepts_[1])).squeeze(1), y).backward()
    for w in weights:
        slope = w.grad
        assert slope is not None
        scale = float(slope.abs().max())
        for factor, stationary in ((1.0, True), (0.9, False), (0.5, False), (2.0, False)):
            penalty = L2(alpha * lam * factor)
            assert (float(penalty.distance(w.detach(), slope).max()) < 1e-2 * scale) == stationary


def test_a_group_lasso_of_scikit_learn() -> None:
    x, y = diabetes()
    both = torch.stack([y, x[:, 0] + y.flip(0)], dim=1)
    fitted = MultiTaskLasso(alpha=0.1, tol=1e-13, max_iter=1_000_000).fit(x.numpy(), both.numpy())
    w = torch.tensor(fitted.coef_).requires_grad_()
    mse_loss(linear(x, w, torch.tensor(fitted.intercept_)), both).backward()
    assert w.grad is not None
    scale = float(w.grad.abs().max())
    assert (w == 0).all(0).any() and not (w == 0).all()
    for factor, stationary in ((1.0, True), (0.99, False), (1.01, False), (math.sqrt(2), False)):
        penalty = Group(2 * 0.1 / 2**1.5 * factor, views.Columns())
        distance = float(penalty.distance(w.detach(), w.grad).max())
        assert (distance < 1e-6 * scale) == stationary


def test_skglm() -> None:
    """Its datafits are means over the samples, with the 1/2, and its penalties are ours."""
    x, y = versicolor()
    w = torch.linspace(-1.5, 2, 4, dtype=torch.float64)
    output = x @ w
    signs = 2 * y - 1
    for datafit, target, loss in (
        (Quadratic(), signs, half_mse(output, signs)),
        (Logistic(), signs, binary_cross_entropy_with_logits(output, y)),
    ):
        theirs = datafit.value(target.numpy(), w.numpy(), output.numpy())
        assert theirs == pytest.approx(float(loss), rel=1e-12)
    for penalty, ours in (
        (skglm.L1(0.3), L1(0.3)),
        (skglm.L1_plus_L2(0.3, 0.4), ElasticNet(0.3, 0.4)),
        (skglm.L0_5(0.3), Lp(0.3, 0.5)),
        (skglm.L2_3(0.3), Lp(0.3, 2 / 3)),
    ):
        assert penalty.value(w.numpy()) == pytest.approx(float(ours.value(w)), rel=1e-12)
    pairs = skglm.WeightedGroupL2(0.3, np.sqrt([2, 2]), np.array([0, 2, 4]), np.arange(4))
    rows = Group(0.3, views.Rows()).value(w.view(2, 2))
    assert pairs.value(w.numpy()) == pytest.approx(float(rows), rel=1e-12)


COUPLED = [SGD, Adam, RMSprop, Adagrad, NAdam, RAdam, Adamax]


@pytest.mark.parametrize("base", COUPLED)
def test_weight_decay_is_twice_the_strength(base: Any) -> None:
    def decayed(model: Any) -> Any:
        groups = [{"params": [model.weight], "weight_decay": 0.2}, {"params": [model.bias]}]
        return base(groups, lr=0.1)

    def ours(lam: float) -> Tensor:
        return trained(lambda model: Regularized(base(model.parameters(), lr=0.1), model, L2(lam)))

    torch.testing.assert_close(ours(0.1), trained(decayed), rtol=1e-12, atol=1e-14)
    assert float((ours(0.2) - trained(decayed)).abs().max()) > 1e-3


@pytest.mark.parametrize("base", [AdamW, NAdam, RAdam])
def test_decoupled_decay_is_decoupled_to_first_order(base: Any) -> None:
    how: dict[str, Any] = (
        {"lr": 1e-3} if base is AdamW else {"lr": 1e-3, "decoupled_weight_decay": True}
    )

    def decayed(model: Any) -> Any:
        groups = [{"params": [model.weight]}, {"params": [model.bias], "weight_decay": 0.0}]
        return base(groups, weight_decay=0.2, **how)

    def ours(lam: float) -> Tensor:
        return trained(
            lambda model: Regularized(
                base(model.parameters(), weight_decay=0.0, **how), model, L2(lam), "decoupled"
            )
        )

    first, second = 1e-3 * 0.2, 1e-3 * 1e-3 * 0.2
    assert float((ours(0.1) - trained(decayed)).abs().max()) < 10 * second
    assert float((ours(0.2) - trained(decayed)).abs().max()) > first


def test_between_penalties() -> None:
    w = torch.linspace(-1.5, 2, 12, dtype=torch.float64).view(3, 4)
    for one, other in (
        (ElasticNet(0.3, 0.4), L1(0.12) + L2(0.09)),
        (Lp(0.3, 1), L1(0.3)),
        (Lp(0.3, 2), L2(0.3)),
        (Norm(0.3, 1), L1(0.3)),
        (Norm(0.3, math.inf), LInf(0.3)),
    ):
        torch.testing.assert_close(one.value(w), other.value(w))
        torch.testing.assert_close(one.gradient(w), other.gradient(w))
        torch.testing.assert_close(one.prox(w, 0.7), other.prox(w, 0.7))
    for p in (2, 3):
        size = float(torch.linalg.vector_norm(w, p))
        weaker = Lp(0.3 / (p * size ** (p - 1)), p)
        torch.testing.assert_close(Norm(0.3, p).gradient(w), weaker.gradient(w))
    even = torch.full((3, 4), 0.7)
    torch.testing.assert_close(Group(0.3, views.Rows()).value(even), L1(0.3).value(even))
    first_layer = torch.empty(100, 784).uniform_(-1 / 28, 1 / 28, generator=torch.Generator())
    ratio = Norm(1e-4, 2).gradient(first_layer) / L2(8.7e-6).gradient(first_layer)
    torch.testing.assert_close(ratio, torch.ones_like(ratio), rtol=0.02, atol=0)
