"""Linear models whose exact solutions other libraries know: what the couplings must reach.

diabetes, X standardised, y centred, task loss 1/2 mean squared error, float64, lam = 0.1 lam_max.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.linear_model import ElasticNet as SklearnElasticNet
from sklearn.linear_model import Lasso, Ridge
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop
from torch.optim.lr_scheduler import CosineAnnealingLR

from lpreg import L0, L1, L2, ElasticNet, Group, LInf, Lp, Regularized, penalty_value, views
from lpreg.penalties.base import Penalty

LAM = 4.5160030020462884
BASES: dict[str, Callable[[Any], Optimizer]] = {
    "sgd": lambda parameters: SGD(parameters, lr=0.4),
    "momentum": lambda parameters: SGD(parameters, lr=0.1, momentum=0.9),
    "adam": lambda parameters: Adam(parameters, lr=1.0),
    "adamw": lambda parameters: AdamW(parameters, lr=1.0, weight_decay=0.0),
    "rmsprop": lambda parameters: RMSprop(parameters, lr=1.0),
}
EACH_BASE = pytest.mark.parametrize("base", BASES)


class Problem(NamedTuple):
    x: Tensor
    y: Tensor

    def loss(self, w: Tensor) -> Tensor:
        """1/2 mean squared error of every row of `w` (models, features), summed."""
        return 0.5 * (w @ self.x.T - self.y).square().mean(dim=1).sum()


@pytest.fixture(scope="module")
def diabetes() -> Problem:
    x, y = map(torch.as_tensor, load_diabetes(return_X_y=True))
    return Problem((x - x.mean(0)) / x.std(0, correction=0), y - y.mean())


class Weights(nn.Module):
    """Nothing but weights, shaped as the penalty wants to see them."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.w = nn.Parameter(start.clone())


def random(*shape: int, scale: float = 10.0, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def fit(
    problem: Problem,
    penalty: Penalty,
    coupling: str,
    base: Callable[[Any], Optimizer],
    start: Tensor,
    steps: int = 700,
) -> Tensor:
    """The weights after full-batch training, shaped like `start`; rows are models."""
    model = Weights(start)
    optimizer = Regularized(base(model.parameters()), model, penalty, coupling, where="all")
    for _ in range(steps):
        optimizer.zero_grad()
        problem.loss(model.w.view(-1, problem.x.shape[1])).backward()
        optimizer.step()
    return model.w.detach()


def assert_reached(w: Tensor, exact: np.ndarray, atol: float = 1e-6) -> None:
    expected = torch.as_tensor(exact).view_as(w)
    assert ((w == 0) == (expected == 0)).all()
    torch.testing.assert_close(w, expected, rtol=0, atol=atol)


# --- full batch: the solutions of scikit-learn ---


def sklearn_solution(model: Any, problem: Problem) -> np.ndarray:
    return model.fit(problem.x.numpy(), problem.y.numpy()).coef_


EXACT = {"fit_intercept": False, "tol": 1e-14, "max_iter": 1_000_000}
SOLUTIONS = {
    "lasso": (L1(LAM), Lasso(LAM, **EXACT)),
    "elastic net": (ElasticNet(LAM, 0.7), SklearnElasticNet(LAM, l1_ratio=0.7, **EXACT)),
    "ridge": (L2(0.5), Ridge(2 * 442 * 0.5, fit_intercept=False)),
}


@pytest.mark.parametrize(
    ("name", "coupling"),
    [
        *[(name, "proximal") for name in SOLUTIONS],
        *[(name, "dual_averaging") for name in ("lasso", "elastic net")],
    ],
)
@EACH_BASE
def test_full_batch_training_reaches_the_solution(
    base: str, name: str, coupling: str, diabetes: Problem
) -> None:
    penalty, model = SOLUTIONS[name]
    w = fit(diabetes, penalty, coupling, BASES[base], random(1, 10))
    assert_reached(w, sklearn_solution(model, diabetes))


def test_the_lasso_is_the_one_of_the_books(diabetes: Problem) -> None:
    exact = sklearn_solution(Lasso(LAM, **EXACT), diabetes)
    book = [0, -3.0323268, 24.28223635, 10.8334716, 0, 0, -7.67813175, 0, 21.35803975, 0]
    np.testing.assert_allclose(exact, book, atol=1e-7)
    model = Weights(torch.tensor(exact).view(1, -1))
    objective = diabetes.loss(model.w) + penalty_value(model, L1(LAM), where="all")
    assert objective.item() == pytest.approx(1807.1652594, abs=1e-6)


@pytest.mark.parametrize(
    ("base", "coupling", "zeros"),
    [("momentum", "decoupled", 2), ("adam", "decoupled", 10), ("adam", "loss", 0)],
)
def test_the_bare_learning_rate_and_the_loss_miss_the_lasso(
    base: str, coupling: str, zeros: int, diabetes: Problem
) -> None:
    """What a wrong metric does: `decoupled` is `proximal` with the bare learning rate."""
    w = fit(diabetes, L1(LAM), coupling, BASES[base], random(1, 10))
    assert (w == 0).sum() == zeros != 5


# --- weight decay of the base ---


@pytest.mark.parametrize(
    ("penalty", "steps", "atol"), [(L1(LAM), 1600, 1e-5), (ElasticNet(LAM, 0.7), 600, 1.0)]
)
def test_with_weight_decay_dual_averaging_ends_where_proximal_ends(
    penalty: Penalty, steps: int, atol: float, diabetes: Problem
) -> None:
    """With the elastic net only nearly: its smooth part is in the gradient, and so in Adam's
    denominator, and AdamW's decay is measured against that."""
    ends = []
    for coupling in ("proximal", "dual_averaging"):
        with pytest.warns(UserWarning, match=r"weight_decay=0\.01 of AdamW") as told:
            base = partial(AdamW, lr=1.0, betas=(0.9, 0.99))
            ends.append(fit(diabetes, penalty, coupling, base, random(1, 10), steps))
        assert len(told) == 1
    assert 0 < (ends[0] == 0).sum() < 10
    assert_reached(ends[1], ends[0].numpy(), atol)


# --- mini-batches: who finds the support ---


def batches(seed: int, steps: int, size: int, n: int) -> Tensor:
    """Indices (steps, size): a new permutation per epoch, its last short batch left out."""
    generator = torch.Generator().manual_seed(seed)
    epochs = -(-steps // (n // size))
    order = [torch.randperm(n, generator=generator)[: n // size * size] for _ in range(epochs)]
    return torch.cat(order).view(-1, size)[:steps]


def fit_batches(
    problem: Problem, coupling: str, rates: Sequence[float], seeds: int, steps: int
) -> list[Tensor]:
    """Lasso weights (seeds, features) per rate, by Adam with batches of 64 and cosine decay.

    Every seed is a row with its own batches: all that happens is entry by entry.
    """
    x, y = problem
    index = torch.stack([batches(seed, steps, 64, len(y)) for seed in range(seeds)], dim=1)
    model = nn.ModuleList([Weights(torch.zeros(seeds, 10).double()) for _ in rates])
    groups = [
        {"params": part.parameters(), "lr": lr} for part, lr in zip(model, rates, strict=True)
    ]
    optimizer = Regularized(Adam(groups), model, L1(LAM), coupling, where="all")
    schedule = CosineAnnealingLR(optimizer, steps)
    parameters = list(model.parameters())
    for rows in index:
        inputs = x[rows]  # (seeds, 64, features)
        w = torch.stack(list(parameters), dim=-1).detach()  # (seeds, features, rates)
        errors = inputs @ w - y[rows].unsqueeze(-1)
        gradients = inputs.transpose(1, 2) @ errors / 64
        for parameter, gradient in zip(parameters, gradients.unbind(-1), strict=True):
            parameter.grad = gradient
        optimizer.step()
        schedule.step()
    return [parameter.detach() for parameter in parameters]


def test_under_noise_dual_averaging_finds_the_support(diabetes: Problem) -> None:
    support = torch.tensor(sklearn_solution(Lasso(LAM, **EXACT), diabetes)) != 0
    rates = (0.1, 3.0)
    ends = fit_batches(diabetes, "dual_averaging", rates, seeds=10, steps=6000)
    for lr, w in zip(rates, ends, strict=True):
        found = ((w != 0) == support).all(dim=1)
        assert found.all(), f"learning rate {lr}: {int(found.sum())} of 10"


def test_under_noise_proximal_misses_the_support(diabetes: Problem) -> None:
    """It keeps 4 of the 5 zeros: for none of 10 seeds all, after 800 steps as after 6000."""
    support = torch.tensor(sklearn_solution(Lasso(LAM, **EXACT), diabetes)) != 0
    (w,) = fit_batches(diabetes, "proximal", [1.0], seeds=10, steps=800)
    assert ((w != 0) == support).all(dim=1).sum() < 5


# --- non-convex powers: fixed points, and no worse than skglm ---


def objective(problem: Problem, penalty: Penalty, w: Tensor) -> Tensor:
    """Task loss + penalty per row of `w`, (models,)."""
    return torch.stack([problem.loss(row) + penalty.value(row) for row in w.split(1)])


@pytest.fixture(scope="module")
def skglm_solution(diabetes: Problem) -> Callable[[float, float], Tensor]:
    from skglm import GeneralizedLinearEstimator
    from skglm.datafits import Quadratic
    from skglm.penalties import L0_5, L2_3
    from skglm.solvers import AndersonCD

    def solve(p: float, lam: float) -> Tensor:
        # Of working sets only "fixpoint" ones leave zero, where every w is stationary.
        solver = AndersonCD(fit_intercept=False, tol=1e-13, ws_strategy="fixpoint")
        penalty = (L0_5 if p == 0.5 else L2_3)(lam)
        x = np.asfortranarray(diabetes.x.numpy())
        model = GeneralizedLinearEstimator(Quadratic(), penalty, solver)
        return torch.tensor(model.fit(x, diabetes.y.numpy()).coef_).view(1, -1)

    return solve


# Where a gradient comes near zero, a step of lr / sqrt(v) has no bound: eps gives RMSprop one, and
# Adam remembers the large gradients of the start for as long as this takes.
NONCONVEX: dict[str, tuple[Callable[[Any], Optimizer], int]] = {
    "sgd": (BASES["sgd"], 600),
    "adam": (BASES["adam"], 2000),
    "rmsprop": (lambda parameters: RMSprop(parameters, lr=1.0, eps=2.5), 1200),
}


@pytest.mark.parametrize("base", NONCONVEX)
@pytest.mark.parametrize("p", [1 / 2, 2 / 3])
def test_skglm_and_nonconvex_powers(
    p: float, base: str, diabetes: Problem, skglm_solution: Callable[[float, float], Tensor]
) -> None:
    penalty = Lp(10.0, p)
    theirs = skglm_solution(p, 10.0)
    assert 0 < (theirs == 0).sum() < 10

    optimizer, steps = NONCONVEX[base]
    stayed = fit(diabetes, penalty, "proximal", optimizer, theirs, steps=400)
    assert_reached(stayed, theirs.numpy())
    ends = fit(diabetes, penalty, "proximal", optimizer, random(20, 10, scale=20.0), steps)
    for w in (stayed, ends):  # fixed points of the prox: stationary, to a millionth of lam
        gradient = (w @ diabetes.x.T - diabetes.y) @ diabetes.x / len(diabetes.y)
        assert penalty.distance(w, gradient).max() < 1e-6 * 10.0
    best = objective(diabetes, penalty, ends).min()
    assert best <= objective(diabetes, penalty, theirs)[0] * (1 + 1e-4)


# --- norms of groups: against proximal gradient in its textbook form ---


def project_on_l1_ball(v: np.ndarray, radius: float) -> np.ndarray:
    """Duchi et al. (2008), "Efficient projections onto the l1-ball", figure 1."""
    if np.abs(v).sum() <= radius:
        return v
    u = np.sort(np.abs(v))[::-1]
    excess = (np.cumsum(u) - radius) / np.arange(1, len(u) + 1)
    theta = excess[np.nonzero(u > excess)[0][-1]]
    return np.sign(v) * np.maximum(np.abs(v) - theta, 0)


def shrink_rows(v: np.ndarray, threshold: float) -> np.ndarray:
    rows = v.reshape(5, 2)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows * np.maximum(1 - threshold * np.sqrt(2) / length, 0)).ravel()


NORMS: dict[str, tuple[Penalty, Callable[[np.ndarray, float], np.ndarray]]] = {
    "Group": (Group(6.0, views.Rows()), lambda v, step: shrink_rows(v, 6.0 * step)),
    "LInf": (LInf(60.0), lambda v, step: v - project_on_l1_ball(v, 60.0 * step)),
}


@pytest.fixture(scope="module")
def textbook(diabetes: Problem) -> dict[str, np.ndarray]:
    x, y = diabetes.x.numpy(), diabetes.y.numpy()
    gram, pull, solutions = x.T @ x / len(y), x.T @ y / len(y), {}
    for name, (_, prox) in NORMS.items():
        w = np.zeros(10)
        for _ in range(12_000):
            w = prox(w - 0.3 * (gram @ w - pull), 0.3)
        solutions[name] = w
    return solutions


@pytest.mark.parametrize(
    ("base", "coupling", "steps", "atol"),
    [
        *[(base, "proximal", 800, 1e-6) for base in ("sgd", "momentum", "adam")],
        # Dual averaging of a norm comes near like 1 / steps.
        *[(base, "dual_averaging", 800, 0.5) for base in ("sgd", "adam")],
    ],
)
@pytest.mark.parametrize("name", NORMS)
def test_group_and_linf_reach_the_convex_solution(
    name: str,
    base: str,
    coupling: str,
    steps: int,
    atol: float,
    diabetes: Problem,
    textbook: dict[str, np.ndarray],
) -> None:
    w = fit(diabetes, NORMS[name][0], coupling, BASES[base], random(5, 2), steps)
    assert_reached(w, textbook[name], atol)


# --- an orthogonal design: the answer in one formula ---

SEPARABLE = [
    *[L0(3.0), L1(2.0), L2(0.4), ElasticNet(2.0, 0.4)],
    *[Lp(3.0, 0.5), Lp(3.0, 2 / 3), Lp(2.0, 0.9), Lp(1.0, 4 / 3), Lp(1.0, 1.5)],
    *[Lp(0.5, 2.5), Lp(0.3, 3), Lp(0.1, 4)],
]


@pytest.fixture(scope="module")
def orthogonal() -> Problem:
    x = torch.linalg.qr(random(50, 8, seed=2))[0] * 50**0.5
    return Problem(x, x @ random(8, scale=4.0, seed=3) + random(50, scale=1.0, seed=4))


@pytest.mark.parametrize("penalty", SEPARABLE, ids=repr)
def test_an_orthogonal_design_has_the_prox_for_answer(
    penalty: Penalty, orthogonal: Problem
) -> None:
    plain = (orthogonal.y @ orthogonal.x / 50).view(1, -1)
    exact = penalty.prox(plain)
    # A step of 1 finds the global minimum of the non-convex ones.
    bases = [BASES["momentum"], BASES["adam"]] if penalty.convex else [partial(SGD, lr=1.0)]
    for base in bases:
        assert_reached(fit(orthogonal, penalty, "proximal", base, plain, 400), exact.numpy())


@EACH_BASE
def test_an_orthogonal_design_and_dual_averaging(base: str, orthogonal: Problem) -> None:
    plain = (orthogonal.y @ orthogonal.x / 50).view(1, -1)
    w = fit(orthogonal, L1(2.0), "dual_averaging", BASES[base], random(1, 8, scale=1.0), 800)
    assert 0 < (w == 0).sum() < 8
    assert_reached(w, L1(2.0).prox(plain).numpy())
