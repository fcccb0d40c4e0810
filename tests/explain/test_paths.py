"""Paths against scikit-learn and closed forms, their ends, a first layer, many features."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, Ridge, enet_path, lasso_path

from lpreg.explain import firstlayer, many, paths
from lpreg.explain.common import power, tensor
from lpreg.explain.solve import Problem, descend, objective, sweep
from lpreg.penalties import L1, L2, ElasticNet, Lp

PROBLEM = paths.diabetes()
FEW = paths.products(30)
LAMS = paths.end(PROBLEM, L1(1)) * np.array([0.01, 0.05, 0.2, 0.7, 1.1])


@pytest.mark.parametrize("problem", [PROBLEM, FEW], ids=["diabetes", "more features than rows"])
@pytest.mark.parametrize(("shape", "ratio"), [(L1(1), 1.0), (ElasticNet(1, 0.5), 0.5)])
def test_lasso_and_elastic_net_are_those_of_scikit_learn(problem: Problem, shape, ratio: float):
    options: dict[str, Any] = {"tol": 1e-13, "max_iter": 200_000, "alphas": LAMS}
    if ratio == 1:
        _, known, _ = lasso_path(problem.x, problem.y, **options)
    else:
        _, known, _ = enet_path(problem.x, problem.y, l1_ratio=ratio, **options)
    ours = descend(problem, shape, LAMS)[np.argsort(-LAMS)]
    np.testing.assert_allclose(ours, known.T, atol=1e-5)
    assert ((np.abs(ours) > 1e-7) == (np.abs(known.T) > 1e-7)).all()


def test_ridge_is_that_of_scikit_learn_and_the_closed_form():
    n, d = PROBLEM.x.shape
    for lam, w in zip(LAMS, descend(PROBLEM, L2(1), LAMS), strict=True):
        known = Ridge(2 * n * lam, fit_intercept=False).fit(PROBLEM.x, PROBLEM.y).coef_
        closed = np.linalg.solve(PROBLEM.gram + 2 * lam * np.eye(d), PROBLEM.pull)
        np.testing.assert_allclose(w, known, atol=1e-8)
        np.testing.assert_allclose(w, closed, atol=1e-8)


def test_p_of_three_is_where_scipy_ends():
    for lam, w in zip(LAMS, descend(PROBLEM, Lp(1, 3), LAMS), strict=True):
        found = minimize(
            lambda v, lam=lam: (
                0.5 * v @ PROBLEM.gram @ v - PROBLEM.pull @ v + lam * (np.abs(v) ** 3).sum()
            ),
            np.zeros(10),
            jac=lambda v, lam=lam: PROBLEM.gram @ v - PROBLEM.pull + 3 * lam * v * np.abs(v),
            method="BFGS",
            options={"gtol": 1e-9},
        )
        np.testing.assert_allclose(w, found.x, atol=1e-6)


def test_an_orthogonal_design_has_the_prox_for_its_solution():
    x, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(40, 6)))
    problem = Problem(x * np.sqrt(40), np.random.default_rng(1).normal(size=40), tuple("abcdef"))
    for p in (0.5, 1.0, 2.0, 3.0):
        known = power(p, 0.07).prox(tensor(problem.pull)).numpy()
        start = np.ones((1, 6))
        np.testing.assert_allclose(sweep(problem, power(p), np.array([0.07]), start)[0], known)
        if p >= 1:
            np.testing.assert_allclose(descend(problem, power(p), np.array([0.07]))[0], known)


def test_p_of_a_half_is_the_best_of_all_sets_of_features():
    lams = np.array([0.02, 0.1])
    for lam, w in zip(lams, paths.path(PROBLEM, Lp(1, 0.5), lams), strict=True):
        ours = objective(PROBLEM, Lp(1, 0.5), np.array(lam), w[None])[0]
        best = 0.5  # of no feature
        for size in range(1, 11):
            for some in map(list, combinations(range(10), size)):
                gram, pull = PROBLEM.gram[np.ix_(some, some)], PROBLEM.pull[some]
                v = np.linalg.solve(gram, pull)
                for _ in range(60):  # the slope of the penalty held, the rest solved for
                    v = np.linalg.solve(gram, pull - lam / 2 * np.sign(v) * np.abs(v) ** -0.5)
                loss = 0.5 * v @ gram @ v - pull @ v + 0.5
                best = min(best, loss + lam * np.sqrt(np.abs(v)).sum())
        assert ours <= best + 1e-9


def test_the_ends_of_a_path():
    ols = LinearRegression(fit_intercept=False).fit(PROBLEM.x, PROBLEM.y).coef_
    np.testing.assert_allclose(PROBLEM.ols, ols, atol=1e-10)
    top = paths.finite(PROBLEM, L1(1))
    data: Any = load_diabetes()
    assert top * data.target.std() == pytest.approx(45.160030020462884)
    assert top == pytest.approx(paths.end(PROBLEM, L1(1)))
    below, at = descend(PROBLEM, L1(1), np.array([0.999 * top, top * (1 + 1e-12)]))
    assert np.count_nonzero(below) == 1 and not at.any()
    assert paths.finite(PROBLEM, L2(1)) == np.inf


def test_lasso_uses_no_more_features_than_there_are_rows(monkeypatch):
    monkeypatch.setattr(paths, "KINDS", {"lasso, L1": L1(1), "ridge, L2": L2(1)})
    table = paths.frame(FEW, 6)
    lasso = table[(table["penalty"] == "lasso, L1") & (table["lam"] > 0)]
    used = lasso[lasso["weight"].abs() > 1e-8].groupby("lam").size()
    assert used.max() <= 30 < len(FEW.features)
    ridge = table[(table["penalty"] == "ridge, L2")]
    assert (ridge["weight"] != 0).all()
    assert np.allclose(table.loc[table["lam"] == 0, "explained"], 1)


def test_statements_of_the_ends_can_fail(monkeypatch):
    held = {one.claim.name: one.holds for one in paths.statements(2)}
    assert all(held.values()) and len(held) == 5
    monkeypatch.setattr(paths, "KINDS", {**paths.KINDS, "ridge, L2": L1(1), "lasso, L1": L2(1)})
    swapped = {one.claim.name: one.holds for one in paths.statements(2)}
    assert not swapped["l1-selects"] and not swapped["l2-shrinks"]


def test_california_is_left_out_when_it_is_not_there(monkeypatch):
    monkeypatch.setattr(paths, "find", lambda file: None)
    assert paths.california() is None


def test_a_first_layer_of_l1_has_zeros_and_one_of_l2_none(monkeypatch):
    monkeypatch.setattr(firstlayer, "STEPS", 60)
    table = firstlayer.frame(PROBLEM, 3, 2)
    zeros = table.groupby(["penalty", "lam"])["zeros"].mean()
    assert (zeros["L2"] == 0).all()
    assert zeros["L1"].iloc[-1] == 1 and zeros["L1"].is_monotonic_increasing


def test_many_features_split_by_split_is_scikit_learn():
    train, _, test = many.splits(2, 2)
    lam = 0.1 * paths.end(Problem(train.x[1], train.y[1], train.features), L1(1))
    ours = descend(train, L1(1), np.full((2, 1), lam))[1, 0]
    options: dict[str, Any] = {"alphas": [lam], "tol": 1e-13, "max_iter": 100_000}
    _, known, _ = lasso_path(train.x[1], train.y[1], **options)
    np.testing.assert_allclose(ours, known[:, 0], atol=1e-6)
    assert test.loss(np.zeros((2, 1, 30)))[1, 0] == pytest.approx((test.y[1] ** 2).mean() / 2)
