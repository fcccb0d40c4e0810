"""The studies of statements: their parts against independent computations, on small cases."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import ElasticNet as Net
from sklearn.linear_model import Lasso, QuantileRegressor, Ridge

from lpreg.explain.statements import (
    evolution,
    orders,
    removal,
    stability,
    tradeoff,
    tuning,
    votes,
)
from lpreg.explain.statements.drawing import View, draw, table
from lpreg.explain.statements.ensemble import averages
from lpreg.explain.statements.linear import Sets, chosen, excess, fit
from lpreg.explain.statements.networks import Masked, Own, full, network, outputs, targets, train
from lpreg.explain.statements.outliers import sets as contaminated
from lpreg.explain.statements.truth import pair
from lpreg.penalties import L1, L2, ElasticNet


@pytest.fixture(scope="module")
def sets() -> Sets:
    return pair(3, 2, seed=0)[0]


KINDS = {
    "L1": (L1, lambda lam, n: Lasso(lam, fit_intercept=False, tol=1e-9)),
    "L2": (L2, lambda lam, n: Ridge(2 * n * lam, fit_intercept=False)),
    "EN": (
        lambda lam: ElasticNet(lam, 0.3),
        lambda lam, n: Net(lam, l1_ratio=0.3, fit_intercept=False, tol=1e-9),
    ),
}


@pytest.mark.parametrize(("ours", "theirs"), KINDS.values(), ids=KINDS.keys())
def test_linear_fits_are_those_of_scikit_learn(sets: Sets, ours, theirs):
    strengths = (0.01, 0.1, 0.3)
    found = fit(sets, [ours(lam) for lam in strengths])
    for b, s in np.ndindex(found.shape[:2]):
        model = theirs(strengths[s], sets.x.shape[1]).fit(sets.x[b], sets.y[b])
        np.testing.assert_allclose(found[b, s], model.coef_, atol=1e-4)


def test_the_absolute_loss_is_nearly_that_of_quantile_regression():
    sets = contaminated(0.1, 5, 1, seed=0)
    ours = fit(sets, [L1(0.0)], "absolute")[0, 0]
    exact = QuantileRegressor(alpha=0, fit_intercept=False).fit(sets.x[0], sets.y[0]).coef_

    def loss(w: np.ndarray) -> float:
        return float(np.abs(sets.x[0] @ w - sets.y[0]).mean())

    assert loss(exact) <= loss(ours) < loss(exact) + 0.01


def test_the_chosen_fit_has_the_least_error_on_held_out_data(sets: Sets):
    other = pair(3, 2, seed=0)[1]
    fits = fit(sets, [L1(lam) for lam in (0.01, 0.2, 2.0)])
    weights, best = chosen(fits, other)
    for b in range(2):
        errors = [np.mean((other.x[b] @ w - other.y[b]) ** 2) for w in fits[b]]
        assert best[b] == np.argmin(errors)
        np.testing.assert_array_equal(weights[b], fits[b, best[b]])


def test_the_excess_error_is_that_on_many_new_samples(sets: Sets):
    off = sets.truth + 0.3
    x = np.random.default_rng(1).normal(size=(200_000, off.shape[1]))
    measured = np.mean((x @ (off - sets.truth)[0]) ** 2)
    assert excess(off, sets.truth)[0] == pytest.approx(measured, rel=0.02)


def test_the_risk_among_correlated_inputs_is_that_on_many_new_samples():
    random = np.random.default_rng(2)
    truth = random.normal(size=(1, tuning.INPUTS))
    many = tuning.data(100_000, truth, random)
    off = truth + random.normal(size=truth.shape)
    measured = np.mean((many.x[0] @ (off - truth)[0]) ** 2)
    assert tuning.risk(off, truth)[0] == pytest.approx(measured, rel=0.03)


def test_outliers_change_the_targets_of_some_samples_alone():
    clean, wild = contaminated(0.0, 5, 3, seed=4), contaminated(0.2, 5, 3, seed=4)
    np.testing.assert_array_equal(clean.x, wild.x)
    assert ((clean.y != wild.y).mean(1) == 0.2).all()


def test_stability_is_one_for_the_same_and_near_zero_for_chance():
    same = np.tile(np.arange(20) < 5, (10, 1))
    assert stability.stability(same) == pytest.approx(1)
    chance = np.random.default_rng(0).random((400, 200)) < 0.3
    assert abs(stability.stability(chance)) < 0.02


def test_bias_and_variance_add_up_to_the_error():
    random = np.random.default_rng(0)
    told = random.normal(size=(3, 6, 50))
    truth = random.normal(size=50)
    bias, variance = tradeoff.decompose(told, truth)
    error = ((told - truth) ** 2).mean((-2, -1))
    np.testing.assert_allclose(bias + variance, error)
    np.testing.assert_allclose(variance, told.var(1, ddof=1).mean(1))


def test_what_is_chosen_does_not_see_the_repetition_that_judges_it():
    values = np.array([[0.0, 9.0], [3.0, 1.0], [3.0, 1.0]])
    assert list(tradeoff.others_best(values)) == [1, 0, 0]
    values[0] = 5.0, 0.0  # changes what the others choose, not what it chooses itself
    assert list(tradeoff.others_best(values)) == [1, 1, 1]


def test_networks_with_their_own_data_train_as_they_would_alone():
    random = np.random.default_rng(0)
    sizes, recipe = (3, 4, 5), full(8)
    data = [
        (torch.tensor(random.normal(size=(6, 3))).float(), torch.tensor(random.integers(5, size=6)))
        for _ in range(2)
    ]
    nets = [Own(network(sizes, seed=i), x, y) for i, (x, y) in enumerate(data)]
    ended = train(nets, [L2(0.01)] * 2, torch.zeros(6, 3), targets(6, False), recipe, 0.05, "loss")
    grid = torch.ones(2, 3)
    together = outputs(nets[0], ended, grid)
    for i, (x, y) in enumerate(data):
        alone = network(sizes, seed=i)
        optimizer = torch.optim.Adam(alone.parameters(), 0.05)
        for _ in range(8):
            optimizer.zero_grad()
            weights = [p for name, p in alone.named_parameters() if name.endswith("weight")]
            penalty = 0.01 * torch.stack([w.square().sum() for w in weights]).sum()
            (torch.nn.functional.cross_entropy(alone(x), y) + penalty).backward()
            optimizer.step()
        np.testing.assert_allclose(together[i], alone(grid).detach(), atol=1e-5)


def test_masked_weights_have_no_part_in_the_outputs():
    layer = torch.nn.Linear(3, 2)
    mask = torch.tensor([[1.0, 0, 1], [0, 1, 1]])
    masked, x = Masked(layer, mask), torch.arange(15.0).reshape(5, 3)
    expected = x @ (layer.weight * mask).T + layer.bias
    torch.testing.assert_close(masked(x), expected)


def test_the_largest_weights_are_left_at_the_density():
    task = removal.Task([(torch.zeros(2, 64), torch.zeros(2, dtype=torch.int64))])
    state = task.plant(0).state_dict()
    masks = removal.smallest(state, 0.1)
    flat = torch.cat([state[f"{name}.weight"].abs().flatten() for name in masks])
    kept = torch.cat([mask.flatten() for mask in masks.values()]).bool()
    assert kept.sum() == round(0.1 * len(flat))
    assert flat[kept].min() >= flat[~kept].max()


def test_evolution_finds_the_best_of_all_subsets():
    random = np.random.default_rng(0)
    x = random.normal(size=(1, 40, 8))
    truth = np.array([[1.0, -1, 0.5, 0, 0, 0, 0, 0]])
    sets = Sets(x, np.einsum("bnd,bd->bn", x, truth) + random.normal(size=(1, 40)), truth)
    strengths = evolution.L0_STRENGTHS
    found = evolution.objective(sets, evolution.evolve(sets, strengths, seed=0))[0]
    best = np.full(len(strengths), np.inf)
    for count in range(9):
        for used in map(list, combinations(range(8), count)):
            part = x[0][:, used]
            rest = sets.y[0] - part @ np.linalg.lstsq(part, sets.y[0], rcond=None)[0]
            best = np.minimum(best, np.mean(rest**2) / 2 + np.array(strengths) * count)
    np.testing.assert_allclose(found, best)


def test_averages_of_networks_are_those_of_their_groups():
    random = np.random.default_rng(0)
    sure, y = random.dirichlet(np.ones(3), (8, 20)), random.integers(3, size=20)
    told = dict(averages(sure, y))
    assert told[1] == pytest.approx((sure.argmax(-1) == y).mean())
    assert told[8] == pytest.approx((sure.mean(0).argmax(-1) == y).mean())


def test_prox_times_are_relative_to_those_of_l2():
    times = orders.timing(2)
    assert (times.loc[times["penalty"] == "L2", "ratio"] == 1).all()
    assert (times["seconds"] > 0).all()


def test_pictures_show_means_and_intervals():
    values = np.arange(12.0)
    frame = pd.DataFrame({"panel": "", "arm": "L1", "x": [1, 2] * 6, "repeat": 0, "value": values})
    told = table(frame).set_index("x")
    assert told.loc[1, "mean"] == values[::2].mean()
    figure = draw(frame, View("A heading", "x", "y", {"L1": "L1", "L2": "L2"}))
    (line,) = figure.axes[0].get_lines()
    np.testing.assert_allclose(np.asarray(line.get_ydata()), told["mean"])


def test_bias_and_variance_of_votes_by_hand():
    answers = np.array([[0, 1, 2], [0, 1, 1], [1, 1, 2]])
    bias, variance, error = votes.decompose(answers, np.array([0, 0, 2]))
    assert (bias, variance, error) == pytest.approx((1 / 3, 2 / 9, 5 / 9))
