"""Priors against scipy's densities, posteriors against closed forms, modes against scikit-learn."""

from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from lpreg.explain import priors
from lpreg.explain.bayes import Regression, cases, diabetes, mean, mode, solution
from lpreg.explain.common import power
from lpreg.explain.topics import TOPICS
from lpreg.explain.topics import make as make_topic
from lpreg.penalties import L1, L2, LInf


class Quiet:
    quick = True

    def __call__(self, part: str) -> None:
        pass


@pytest.fixture(scope="module")
def problem() -> Regression:
    return diabetes(("bmi", "s2"))


def test_densities_are_those_of_scipy():
    frame = priors.densities((0.5, 1.0, 1.7, 2.0, 4.0))
    for p, rows in frame.groupby("p"):
        scale = 1 / stats.gennorm.std(p)
        known = stats.gennorm.pdf(rows["w"], p, scale=scale)
        np.testing.assert_allclose(rows["density"], known, rtol=1e-10)
        drop = stats.gennorm.logpdf(0, p, scale=scale) - np.log(known)
        np.testing.assert_allclose(rows["cost"], drop, rtol=1e-9, atol=1e-12)


def test_densities_have_mass_and_variance_1():
    frame = priors.densities((1.0, 2.0, 4.0), reach=40.0)
    for _, rows in frame.groupby("p"):
        assert integrate.simpson(rows["density"], x=rows["w"]) == pytest.approx(1, abs=2e-3)
        square = rows["density"] * rows["w"] ** 2
        assert integrate.simpson(square, x=rows["w"]) == pytest.approx(1, abs=2e-3)


def test_the_gaussian_posterior_is_the_closed_form(problem: Regression):
    lam = priors.STRENGTHS[2.0]
    n = len(problem.y)
    rest = problem.y - problem.x @ np.linalg.solve(problem.x.T @ problem.x, problem.x.T @ problem.y)
    noise = rest @ rest / (n - 2)
    variance = noise / (2 * n * lam)
    precision = problem.x.T @ problem.x / noise + np.eye(2) / variance
    centre = np.linalg.solve(precision, problem.x.T @ problem.y / noise)
    grid = priors.posterior(problem)
    rows = grid[grid["p"] == 2]
    points = rows[["first", "second"]].to_numpy()
    log = stats.multivariate_normal.logpdf(points, centre, np.linalg.inv(precision))  # pyright: ignore
    np.testing.assert_allclose(rows["log_posterior"], log - log.max(), atol=1e-4)
    prior = stats.norm.logpdf(points, scale=variance**0.5).sum(1)
    np.testing.assert_allclose(rows["log_prior"], prior - prior.max(), atol=1e-4)
    np.testing.assert_allclose(mean(problem, L2(lam)), centre, atol=1e-6)
    np.testing.assert_allclose(mode(problem, L2(lam)), centre, atol=1e-6)


def test_the_laplace_prior_has_the_scale_that_is_said(problem: Regression):
    lam = priors.STRENGTHS[1.0]
    rows = priors.posterior(problem).query("p == 1")
    scale = 1 / problem.weight / lam
    prior = stats.laplace.logpdf(rows[["first", "second"]], scale=scale).sum(1)
    np.testing.assert_allclose(rows["log_prior"], prior - prior.max(), atol=1e-4)


def test_a_posterior_is_the_product_of_prior_and_likelihood(problem: Regression):
    for _, rows in priors.posterior(problem).groupby("p"):
        rest = rows["log_posterior"] - rows["log_prior"] - rows["log_likelihood"]
        assert np.ptp(rest) < 1e-4
        assert rows[["log_posterior", "log_prior", "log_likelihood"]].max().tolist() == [0, 0, 0]


def test_the_marks_are_on_the_drawn_grid(problem: Regression):
    points = priors.marks(problem)
    step = 2 * priors.HALF / (priors.SIDE - 1)
    for p, rows in priors.posterior(problem).groupby("p"):
        top = rows[["first", "second"]].to_numpy()[rows["log_posterior"].to_numpy().argmax()]
        own = points[(points["p"] == p) & (points["what"] == "mode on the grid")]
        assert np.abs(top - own[["first", "second"]].to_numpy()).max() <= step
    ols = np.linalg.lstsq(problem.x, problem.y, rcond=None)[0]
    for row in points[points["what"] == "least squares"][["first", "second"]].to_numpy():
        np.testing.assert_allclose(row, ols)


def test_the_zero_of_the_laplace_prior_is_in_the_mode_and_not_in_the_mean(problem: Regression):
    lam = priors.STRENGTHS[1.0]
    assert solution(problem, L1(lam))[1] == 0
    assert abs(mean(problem, L1(lam))[1]) > 0.01


def test_the_mode_for_half_is_the_best_of_many_starts(problem: Regression):
    penalty = power(0.5, priors.STRENGTHS[0.5])
    found = mode(problem, penalty)

    def cost(w: np.ndarray) -> float:
        return float(-problem.log_posterior(penalty, w[None])[0])

    rng = np.random.default_rng(0)
    starts = rng.uniform(-1, 1, (20, 2))
    ends = [optimize.minimize(cost, start, method="Nelder-Mead") for start in starts]
    assert cost(found) <= min(end.fun for end in ends) + 1e-6


def test_modes_are_what_scikit_learn_finds(problem: Regression):
    frame = priors.modes(problem)
    assert np.abs(frame["mode"] - frame["solution"]).max() < 1e-5
    lasso = frame[frame["p"] == 1]
    assert (lasso[lasso["lam"] == lasso["lam"].max()]["solution"] == 0).all()
    assert (frame[frame["p"] == 2]["solution"] != 0).all()


@pytest.mark.parametrize(("wrong", "right"), [(L2(0.1), L2(0.2)), (L1(0.1), L1(0.2))])
def test_another_strength_would_be_seen(problem: Regression, wrong, right):
    assert np.abs(mode(problem, wrong) - solution(problem, right)).max() > 1e-2


def test_only_what_scikit_learn_solves_is_asked_of_it(problem: Regression):
    with pytest.raises(ValueError, match="scikit-learn solves L1 and L2"):
        solution(problem, LInf(1.0))


def test_every_pair_supports_both_statements():
    table = cases((2.0, 1.0), 1)
    assert len(table) == 2 * 45
    assert table["apart"].max() < priors.NEAR
    rows = priors.statements(1)
    assert list(rows["verdict"]) == ["supported", "supported"]
    assert list(rows["n"]) == [45, 45]


def test_the_topic_is_made(tmp_path: Path):
    result = make_topic(TOPICS["priors"], tmp_path, Quiet())
    for picture in result.figures:
        for ending in ("png", "svg"):
            assert (tmp_path / "priors" / f"{picture.stem}.{ending}").stat().st_size > 5000
    assert {"densities", "posterior", "modes"} <= result.numbers.keys()
