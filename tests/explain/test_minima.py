"""Minima against scipy and a fine grid; gradients and Hessians of a network against differences."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from lpreg.explain import minima
from lpreg.explain.common import power, tensor
from lpreg.explain.landscape import RIDGE, Network, along, ends, negative
from lpreg.explain.solve import Problem, descend, objective, sweep

PROBLEM = minima.diabetes()
LAM = minima.strength(PROBLEM, 0.2)
FIRST = minima.begin(PROBLEM, 40)
LAMS = np.full(len(FIRST), LAM)


def value(w: np.ndarray, p: float) -> np.ndarray:
    """The objective, written out again."""
    residual = PROBLEM.y - w @ PROBLEM.x.T
    return (residual**2).sum(-1) / (2 * len(PROBLEM.y)) + LAM * (np.abs(w) ** p).sum(-1)


@pytest.mark.parametrize("way", [descend, sweep])
def test_where_starts_end_no_small_step_leads_down(way):
    found, _ = minima.distinct(way(PROBLEM, power(0.5), LAMS, FIRST), LAMS)
    steps = np.random.default_rng(0).normal(size=(500, 10))
    for w in found:
        for size in (1e-3, 1e-5):
            assert (value(w + size * steps, 0.5) >= value(w, 0.5) - 1e-15).all()
        used = w != 0
        if used.any():
            held = minimize(
                lambda v, w=w, used=used: value(np.where(used, _spread(v, used), 0), 0.5),
                w[used],
                method="Nelder-Mead",
                options={"xatol": 1e-9, "fatol": 1e-14},
            )
            np.testing.assert_allclose(held.x, w[used], atol=1e-5)


def _spread(v: np.ndarray, used: np.ndarray) -> np.ndarray:
    w = np.zeros(len(used))
    w[used] = v
    return w


def test_one_weight_at_a_time_ends_where_a_fine_grid_has_nothing_better():
    grid = np.linspace(-1.5, 1.5, 1_501)
    found, _ = minima.distinct(sweep(PROBLEM, power(0.5), LAMS, FIRST), LAMS)
    for w in found:
        for j in range(10):
            rows = np.tile(w, (len(grid), 1))
            rows[:, j] = grid
            assert (
                objective(PROBLEM, power(0.5), np.array(LAM), rows).min() >= value(w, 0.5) - 1e-12
            )


def test_all_that_are_met_are_among_all_that_there_are():
    every = minima.everywhere(PROBLEM, 0.5, LAM)
    met, counts = minima.distinct(descend(PROBLEM, power(0.5), LAMS, FIRST), LAMS)
    assert counts.sum() == len(FIRST) and len(met) > 1
    for w in met:
        assert np.abs(every - w).max(1).min() < 1e-6
    assert len(every) == len({tuple(row != 0) for row in every})


def test_p_of_one_has_one_minimum():
    met, counts = minima.distinct(descend(PROBLEM, power(1.0), LAMS, FIRST), LAMS)
    assert len(met) == 1 and counts[0] == len(FIRST)


def test_the_surface_has_the_minima_of_a_grid():
    plane = minima.surface(PROBLEM, 101)
    for p, count in ((0.5, 4), (1.0, 1)):
        rows = plane[plane["p"] == p]
        marks, grid = rows[rows["minimum"]], rows[~rows["minimum"]]
        assert len(marks) == count
        assert marks["objective"].min() <= grid["objective"].min() + 1e-12
        table = grid.pivot(index="second", columns="first", values="objective").to_numpy()
        inner = table[1:-1, 1:-1]
        shifts = [(i, j) for i in (0, 1, 2) for j in (0, 1, 2) if (i, j) != (1, 1)]
        lower = [inner < table[i : i + inner.shape[0], j : j + inner.shape[1]] for i, j in shifts]
        assert np.logical_and.reduce(lower).sum() == count


def test_the_statements_can_fail(monkeypatch):
    held = [one.holds for one in minima.statements(PROBLEM, 1, 20)]
    assert held == [True, True]
    monkeypatch.setattr(minima, "power", lambda p, lam=1.0: power(1.0, lam))
    assert [one.holds for one in minima.statements(PROBLEM, 1, 20)] == [False, False]


SMALL = Problem(PROBLEM.x[:40, :3], PROBLEM.y[:40], PROBLEM.features[:3])


def test_the_network_s_loss_is_that_of_the_engine_and_its_curvature_that_of_differences():
    network = Network(SMALL, 2)
    outcomes = network.train(3, 20, 2)
    rows = network.rows(outcomes, -1)
    losses = torch.stack([network.loss(row) for row in rows])
    ours = [one.curves["total_loss"][-1] for one in outcomes]
    np.testing.assert_allclose(losses, ours, rtol=1e-5)
    values, vectors = network.curvatures(rows[:1])
    step, slopes = 1e-5, []
    for unit in torch.eye(rows.shape[1], dtype=torch.float64):
        slopes.append(network.slopes(torch.stack([rows[0] + step * unit, rows[0] - step * unit])))
    difference = torch.stack([(up - down) / (2 * step) for up, down in slopes])
    whole = vectors[0] * values[0] @ vectors[0].T
    np.testing.assert_allclose(whole, difference, atol=1e-6)
    assert RIDGE.lam > 0


def test_points_without_slope_have_none():
    network = Network(SMALL, 1)
    outcomes = network.train(4, 200, 2)
    points, slope = network.saddles(network.rows(outcomes, -1), 40)
    assert (slope < 1e-6).any()
    still = points[slope.argmin()]
    step = 1e-4 * torch.eye(len(still), dtype=torch.float64)
    for unit in step:
        moved = (network.loss(still + unit) - network.loss(still - unit)) / 2e-4
        assert abs(float(moved)) < 1e-5


def test_what_is_told_of_curvature_and_ends():
    assert negative(tensor([[-1.0, 1e-9, 2.0, 3.0], [1, 2, 3, 4]])).tolist() == [0.25, 0]
    outcomes = Network(SMALL, 1).train(4, 20, 2)
    table = ends({1: outcomes})
    assert table["excess"].min() == 0 and len(table) == 4
    curved = along(Network(SMALL, 1), outcomes)
    assert list(curved["step"].unique()) == [0, 10, 20]
    assert curved["negative"].between(0, 1).all()
