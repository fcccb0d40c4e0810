"""Folds and strengths of one stack give what a grid search gives that trains one by one."""

from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, KFold

import lpreg
from lpreg import LpMLPClassifier, LpMLPClassifierCV, LpMLPRegressor, LpMLPRegressorCV

from .test_perceptron import fresh, noisy

LAMS = [1e-4, 1e-2, 0.3]
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (6,),
    "max_iter": 8,
    "batch_size": 16,
    "learning_rate_init": 0.02,
    "dtype": "float64",
    "random_state": 5,
}


def numbers(samples):
    x, _ = noisy(samples)
    return x, x[:, 0] - x[:, 1]


CASES = {
    "classes, l1": (LpMLPClassifier, LpMLPClassifierCV, noisy, "neg_log_loss", {"penalty": "l1"}),
    "classes, l2": (LpMLPClassifier, LpMLPClassifierCV, noisy, "neg_log_loss", {"penalty": "l2"}),
    "full batch": (LpMLPClassifier, LpMLPClassifierCV, noisy, "neg_log_loss", {"batch_size": None}),
    "numbers": (LpMLPRegressor, LpMLPRegressorCV, numbers, None, {"penalty": "elasticnet"}),
}


@pytest.mark.parametrize(("one", "many", "data", "scoring", "given"), CASES.values(), ids=CASES)
def test_it_is_a_grid_search(one, many, data, scoring, given):
    x, y = data(46)  # folds of 12, 12, 11 and 11
    settings = SMALL | given
    folds = KFold(4, shuffle=True, random_state=1)
    grid = GridSearchCV(one(**settings), {"lam": LAMS}, cv=folds, scoring=scoring).fit(x, y)
    ours = many(lams=LAMS, cv=folds, scoring=scoring, **settings).fit(x, y)
    for column in (*(f"split{i}_test_score" for i in range(4)), "mean_test_score"):
        np.testing.assert_allclose(ours.cv_results_[column], grid.cv_results_[column], rtol=1e-7)
    for column in ("std_test_score", "rank_test_score", "param_lam"):
        np.testing.assert_allclose(
            ours.cv_results_[column], np.asarray(grid.cv_results_[column], float), rtol=1e-6
        )
    assert (ours.lam_, ours.n_splits_) == (grid.best_params_["lam"], 4)
    np.testing.assert_allclose(ours.coefs_[0], grid.best_estimator_.coefs_[0], rtol=1e-7)
    np.testing.assert_allclose(
        ours.score(x, y), one(lam=ours.lam_, **settings).fit(x, y).score(x, y)
    )


def test_members_of_different_folds_differ():
    x, y = noisy(46)
    ours = LpMLPClassifierCV(lams=LAMS, cv=4, scoring="neg_log_loss", **SMALL).fit(x, y)
    scores = np.array([ours.cv_results_[f"split{i}_test_score"] for i in range(4)])
    assert len(np.unique(scores)) == scores.size


def test_jobs_change_nothing():
    x, y = noisy(46)
    one = LpMLPClassifierCV(lams=LAMS, cv=3, scoring="neg_log_loss", **SMALL)
    with joblib.parallel_config("threading"):
        two = fresh(one, n_jobs=2).fit(x, y)
    left, right = one.fit(x, y).cv_results_, two.cv_results_
    np.testing.assert_allclose(left["mean_test_score"], right["mean_test_score"], rtol=1e-9)


def test_scores_of_several_seeds_are_averaged():
    x, y = noisy(40)
    draws: Any = np.random.RandomState(0)
    model = LpMLPClassifierCV(lams=LAMS, cv=2, scoring="neg_log_loss", **SMALL)
    alone = []
    for _ in range(2):
        model.random_state = draws
        alone.append(model.fit(x, y).cv_results_)
    both = fresh(model, n_seeds=2, random_state=np.random.RandomState(0)).fit(x, y)
    mean = np.mean([each["mean_test_score"] for each in alone], axis=0)
    np.testing.assert_allclose(both.cv_results_["mean_test_score"], mean, rtol=1e-7)


def test_one_standard_error_takes_the_strongest_that_is_as_good():
    x, y = noisy(60)
    given = {"max_iter": 20, "hidden_layer_sizes": (16,), "learning_rate_init": 0.03}
    model = LpMLPClassifierCV(lams=np.geomspace(1e-4, 0.1, 5), cv=5, **SMALL | given)
    best = fresh(model).fit(x, y)
    simple = fresh(model, rule="one_standard_error").fit(x, y)
    table = simple.cv_results_
    top = best.best_index_
    folds = [table[f"split{i}_test_score"][top] for i in range(5)]
    least = best.best_score_ - np.std(folds, ddof=1) / np.sqrt(5)
    assert simple.lam_ == max(best.lams_[table["mean_test_score"] >= least])
    assert simple.lam_ > best.lam_
    assert simple.best_score_ < best.best_score_


def test_suggested_strengths_are_shares_of_the_gradient():
    x, y = noisy(60)
    model = LpMLPClassifierCV(n_lams=4, cv=2, penalty=lpreg.L1(7.0), **SMALL).fit(x, y)
    np.testing.assert_allclose(model.lams_[1:] / model.lams_[:-1], 10)
    twice = LpMLPClassifierCV(n_lams=4, cv=2, penalty=lpreg.L1(0.0), **SMALL).fit(x, y)
    np.testing.assert_allclose(twice.lams_, model.lams_)
    zeros = model.cv_results_["mean_zeros"]
    assert zeros[0] < 0.1 < zeros[-1]
    assert (np.diff(zeros) >= 0).all()
    assert model.cv_results_["mean_selected_features"].max() == 8


def test_a_diverged_strength_is_left_out():
    x, y = noisy(40)
    wild = {"penalty": "l2", "coupling": "loss", "solver": "sgd", "cv": 2} | SMALL
    with pytest.warns(FitFailedWarning, match="2 of 4 trainings diverged"):
        model = LpMLPClassifierCV(lams=[1e-3, 1e30], **wild).fit(x, y)
    assert model.lam_ == 1e-3
    assert model.cv_results_["rank_test_score"].tolist() == [1, 2]
    with (
        pytest.warns(FitFailedWarning, match="2 of 2"),
        pytest.raises(ValueError, match="diverged at every strength"),
    ):
        LpMLPClassifierCV(lams=[1e30], **wild).fit(x, y)


WRONG = {
    "no penalty": ({"penalty": None}, "penalty=None does not have one strength to choose"),
    "a sum": ({"penalty": lpreg.L1(1) + lpreg.L2(1)}, "does not have one strength to choose"),
    "no gradient": ({"penalty": "l0"}, "L0 has no gradient"),
    "a negative one": ({"lams": [-1.0]}, "lam"),
    "none": ({"lams": []}, "lams is empty"),
    "a rule": ({"rule": "worst"}, "rule='worst' is unknown; allowed: best, one_standard_error"),
    "seeds": ({"n_seeds": 0}, "n_seeds=0, but it must be at least 1"),
}


@pytest.mark.parametrize(("given", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_parameter_is_told(given, message):
    with pytest.raises(ValueError) as error:
        LpMLPClassifierCV((4,), cv=2, max_iter=2, **given).fit(*noisy(40))
    assert message in str(error.value)
