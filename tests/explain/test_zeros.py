"""Zeros: contact and paths in the plane, random problems, fitted curves, against other solvers."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.linear_model import ElasticNet as SkElasticNet
from sklearn.linear_model import Lasso, Ridge

from lpreg.explain import contact, overfitting, shares
from lpreg.explain.common import each, verdicts

PLANE = contact.PROBLEM
CONVEX = [name for name, (shape, _) in contact.PENALTIES.items() if shape.convex]
GRID = np.stack(np.meshgrid(np.linspace(-1, 2, 601), np.linspace(-1, 2, 601)), axis=-1)


@pytest.fixture(scope="module")
def paths():
    return contact.frame(PLANE, 40)


def design() -> tuple[np.ndarray, np.ndarray]:
    """Two samples whose least squares loss, halved, is that of the plane."""
    x = np.linalg.cholesky(PLANE.curvature).T
    return x, x @ np.array(PLANE.best)


@pytest.mark.parametrize("lam", [0.1, 0.6, 1.2])
def test_penalised_solutions_are_those_of_scikit_learn(lam):
    x, y = design()  # scikit-learn: |y - Xw|^2 / (2 n) with n = 2
    others = {
        "p = 1": Lasso(lam / 2, fit_intercept=False, tol=1e-14, max_iter=10**6),
        "p = 2": Ridge(2 * lam, fit_intercept=False),
        "elastic net": SkElasticNet(
            lam / 2, l1_ratio=0.5, fit_intercept=False, tol=1e-14, max_iter=10**6
        ),
    }
    for name, other in others.items():
        found = contact.penalised(PLANE, contact.PENALTIES[name][0], np.array([lam]))[0]
        assert np.allclose(found, other.fit(x, y).coef_, atol=1e-6), name


@pytest.mark.parametrize("name", contact.PENALTIES)
@pytest.mark.parametrize("lam", [0.3, 1.0])
def test_no_point_of_a_grid_is_better_than_the_penalised_solution(name, lam):
    shape = contact.PENALTIES[name][0]
    found = contact.penalised(PLANE, shape, np.array([lam]))
    cost = lambda w: PLANE.loss(w) + lam * each(shape.value, w)  # noqa: E731
    best = cost(GRID.reshape(-1, 2)).min()
    assert cost(found)[0] <= best + 1e-12
    assert cost(found)[0] >= best - 1e-3


@pytest.mark.parametrize("name", contact.PENALTIES)
def test_no_point_of_a_grid_inside_the_ball_is_better_than_the_contact(paths, name):
    shape = contact.PENALTIES[name][0]
    rows = paths[(paths["penalty"] == name) & (paths["kind"] == "solution")]
    w = rows[["w1", "w2"]].to_numpy()
    assert PLANE.loss(w) == pytest.approx(PLANE.worst / 2)
    points = GRID.reshape(-1, 2)
    inside = each(shape.value, points) <= rows["radius"].item()
    assert PLANE.loss(points[inside]).min() >= PLANE.worst / 2 - 1e-6
    assert np.allclose(contact.constrained(PLANE, shape, rows["radius"].to_numpy()), w, atol=1e-4)


@pytest.mark.parametrize("name", CONVEX)
def test_the_path_of_a_convex_penalty_leads_through_the_contact(name):
    shape = contact.PENALTIES[name][0]
    w = contact.penalised(PLANE, shape, np.geomspace(0.5, 5, 4000))
    assert np.linalg.norm(w - contact.touching(PLANE, shape), axis=1).min() < 1e-3


def test_the_constrained_solution_is_that_of_slsqp():
    found = contact.constrained(PLANE, contact.PENALTIES["p = 3"][0], np.array([0.3]))[0]
    limit = {"type": "ineq", "fun": lambda w: 0.3 - (np.abs(w) ** 3).sum()}
    other = minimize(PLANE.loss, [0.3, 0.3], constraints=limit, method="SLSQP", tol=1e-14)
    assert np.allclose(found, other.x, atol=1e-5)


def test_zeros_are_where_the_ball_has_corners_on_the_axes(paths):
    solutions = paths[paths["kind"] == "solution"].set_index("penalty")["w1"].abs()
    zero = {"p = 0.5", "p = 1", "elastic net"}
    assert set(solutions.index[solutions < 1e-8]) == zero
    assert solutions.drop(list(zero)).min() > 0.1


def test_duality_holds_for_convex_penalties_alone():
    radii = np.array([0.2, 0.6])
    for name, (shape, _) in contact.PENALTIES.items():
        gap = contact.gaps(PLANE, shape, radii, 400)
        assert gap.min() > -1e-9, name
        assert (gap.max() < 1e-3) == shape.convex, name


def test_solutions_of_random_problems_are_those_of_scikit_learn():
    random = np.random.default_rng(3)
    curvature, pull = shares.problems(4, 5, random)
    lams = np.array([0.01, 0.1, 0.3, 1.0])
    found = shares.solve(curvature, pull, shares.SHAPES["1"], lams)
    for gram, slope, lam, w in zip(curvature, pull, lams, found, strict=True):
        x = np.linalg.cholesky(gram).T * np.sqrt(5)
        y = np.linalg.solve(x.T / 5, slope)
        other = Lasso(lam, fit_intercept=False, tol=1e-14, max_iter=10**6).fit(x, y).coef_
        assert np.allclose(w, other, atol=1e-7)
        assert ((w == 0) == (other == 0)).all()


@pytest.mark.parametrize("name", ["0.5", "1", "1.5", "2", shares.NET])
def test_solutions_of_random_problems_are_stationary(name):
    curvature, pull = shares.problems(20, 3, np.random.default_rng(4))
    shape = shares.SHAPES[name]
    w = shares.solve(curvature, pull, shape, np.full(20, 0.2))
    grad = torch.tensor((curvature @ w[..., None])[..., 0] - pull)
    left = shape.with_data((0.2, *shape.data()[1:])).distance(torch.tensor(w), grad)
    assert left.max() < 1e-6


def test_the_strength_gives_up_half():
    curvature, pull = shares.problems(20, 3, np.random.default_rng(5))
    best = np.linalg.solve(curvature, pull[..., None])[..., 0]
    assert np.allclose(shares.lost(curvature, pull, 0 * best), 1)
    assert np.allclose(shares.lost(curvature, pull, best), 0)
    w = shares.matched(curvature, pull, shares.SHAPES["2"])
    assert np.allclose(shares.lost(curvature, pull, w), shares.LOST, atol=2e-3)


def test_shares_are_counted_with_wilson_intervals():
    found = shares.sample(40, (2,), {name: shares.SHAPES[name] for name in ("1", "2")})
    table = shares.frame(found).set_index("penalty").to_dict("index")
    for name, row in table.items():
        own = found[found["penalty"] == name]
        p, n, z = float((own["zeros"] > 0).mean()), 40, 1.959963985
        middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        assert row["zero"] == p
        assert row["zero_low"] == pytest.approx(middle - half, abs=1e-6)
        assert row["zero_high"] == pytest.approx(middle + half, abs=1e-6)
    assert table["1"]["zero"] > 0.4
    assert table["2"]["zero"] == table["2"]["near"] == 0
    said = verdicts(*shares.statements(found)).set_index("name")
    assert list(said["verdict"]) == ["supported"] * 2
    assert said["right_mean"]["l1-zeros"] == 0


def test_curves_are_those_of_the_networks(monkeypatch):
    monkeypatch.setattr(overfitting, "STRENGTHS", {"L2": (1e-3, 1e-1)})
    short = overfitting.Recipe(batch_size=None, steps=30, loss="mse", evaluate_every=30)
    monkeypatch.setattr(overfitting, "RECIPE", short)
    rows = overfitting.sample(2)
    for (_, _), group in rows.groupby(["seed", "lam"], dropna=False):
        error = ((group["fitted"] - overfitting.truth(group["x"].to_numpy())) ** 2).mean()
        assert group["test"].iloc[0] == pytest.approx(error, rel=1e-4)
    table = overfitting.errors(rows)
    assert len(table) == 6
    best = table[table["arm"] == "L2"].groupby("seed")["val"].min()
    assert np.allclose(
        table[table["chosen"] & (table["arm"] == "L2")].set_index("seed")["val"], best
    )
    means = table[table["arm"] == "L2"].groupby("lam")["train"].mean()
    assert list(means) == sorted(means)
