"""The estimators solve the stated problem, show their zeros, and fit into scikit-learn's tools."""

import pickle
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

import lpreg
from lpreg import LpMLPClassifier, LpMLPRegressor

IRIS = load_iris(return_X_y=True)
EXACT: dict[str, Any] = {
    "hidden_layer_sizes": (),
    "batch_size": None,
    "learning_rate_init": 0.1,
    "learning_rate": "cosine",
    "dtype": "float64",
    "max_iter": 600,
    "random_state": 0,
}


def fresh(model: Any, **given: Any) -> Any:
    """An estimator like it, with other parameters."""
    model = clone(model)
    return model.set_params(**given)


def noisy(samples=200):
    """Eight inputs, of which the first two decide between two classes."""
    x = np.random.RandomState(0).randn(samples, 8)
    return x, np.where(x[:, 0] > x[:, 1], "more", "less")


SELECTING = LpMLPClassifier(
    (16,),
    penalty="group",
    where="first",
    lam=0.05,
    batch_size=50,
    max_iter=20,
    learning_rate_init=0.03,
    random_state=0,
)


def test_without_hidden_layers_l2_is_logistic_regression():
    x, y = StandardScaler().fit_transform(IRIS[0]), IRIS[1]
    ours = LpMLPClassifier(penalty="l2", lam=1 / (2 * len(y)), **EXACT).fit(x, y)
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(x, y)
    np.testing.assert_allclose(ours.coefs_[0].T, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-4)


def test_without_hidden_layers_l1_is_the_lasso():
    data: Any = load_diabetes()
    x, y = StandardScaler().fit_transform(data.data), scale(data.target)
    ours = LpMLPRegressor(penalty="l1", lam=0.2, **EXACT).fit(x, y)
    theirs = Lasso(alpha=0.1, tol=1e-10).fit(x, y)
    np.testing.assert_allclose(ours.coefs_[0][:, 0], theirs.coef_, atol=1e-4)
    np.testing.assert_array_equal(ours.selected_features_, np.flatnonzero(theirs.coef_))
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), atol=1e-3)


def test_a_group_penalty_selects_the_inputs_that_matter():
    x, y = noisy()
    model = fresh(SELECTING).fit(x, y)
    assert model.selected_features_.tolist() == [0, 1]
    assert model.score(x, y) > 0.9
    np.testing.assert_array_equal(model.feature_importances_ > 0, np.arange(8) < 2)
    norms = np.linalg.norm(model.coefs_[0], axis=1)
    np.testing.assert_allclose(model.feature_importances_, norms)


def test_select_from_model_keeps_them():
    x, y = noisy()
    kept = SelectFromModel(fresh(SELECTING), threshold=1e-12).fit(
        pd.DataFrame(x).add_prefix("x"), y
    )
    assert kept.get_feature_names_out().tolist() == ["x0", "x1"]


def test_the_network_gives_the_predictions():
    x, y = noisy()
    model = LpMLPClassifier((5, 4), "tanh", max_iter=3, random_state=0).fit(x, y)
    hidden = x
    for w, b in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        hidden = np.tanh(hidden @ w + b)
    scores = hidden @ model.coefs_[-1] + model.intercepts_[-1]
    np.testing.assert_allclose(model.predict_log_proba(x), torch.tensor(scores).log_softmax(1))
    np.testing.assert_array_equal(model.predict(x), model.classes_[scores.argmax(1)])
    assert lpreg.sparsity(model.model_).zeros == sum((w == 0).sum() for w in model.coefs_)


def test_a_path_is_every_strength_alone():
    x, y = noisy(90)
    model = LpMLPClassifier((6,), dtype="float64", max_iter=5, random_state=3)
    lams = [1e-3, 1e-1]
    for lam, member in zip(lams, model.path(x, y, lams), strict=True):
        assert member.lam == lam
        alone = fresh(model, lam=lam).fit(x, y)
        np.testing.assert_allclose(member.predict_proba(x), alone.predict_proba(x), rtol=1e-9)


def test_a_pipeline_in_a_grid_search_over_strengths_and_penalties():
    x, y = noisy(90)
    pipe = make_pipeline(StandardScaler(), LpMLPClassifier((4,), max_iter=3, random_state=0))
    grid = [
        {"lpmlpclassifier__penalty": ["l1", "l2"], "lpmlpclassifier__lam": [1e-4, 1e-2]},
        {"lpmlpclassifier__penalty": [None, lpreg.L1(1e-2) + lpreg.L2(1e-2)]},
        {"lpmlpclassifier__penalty": [{"fc1.weight": lpreg.L1(1e-2), "fc2.*": lpreg.L2(1e-2)}]},
    ]
    search = GridSearchCV(pipe, grid, cv=2).fit(x, y)
    assert len(search.cv_results_["params"]) == 7
    again = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(again.predict(x), search.predict(x))


@pytest.mark.parametrize(
    ("penalty", "sparse"),
    [
        *(("l1", True), ("elasticnet", True), ("l0", True), ("lp", True), ("group", True)),
        *(("l2", False), ("linf", False), (None, False), (lpreg.Lp(1e-2, 3.0), False)),
    ],
)
def test_penalties_by_name(penalty, sparse):
    x, y = noisy(60)
    settings: dict[str, Any] = {"max_iter": 40, "learning_rate_init": 0.02, "random_state": 0}
    model = LpMLPClassifier((6,), penalty=penalty, lam=0.1, p=0.5, **settings).fit(x, y)
    assert ((model.coefs_[0] == 0).mean() > 0.3) == sparse


WRONG = {
    "penalty": ({"penalty": "l3"}, "penalty='l3' is unknown; allowed: 'l1', 'l2'"),
    "exponent": ({"penalty": "lp"}, "penalty='lp' needs its exponent"),
    "strength": ({"lam": -1.0}, "lam"),
    "coupling": ({"coupling": "prox"}, "coupling='prox' is unknown; allowed: auto, loss"),
    "refused": ({"penalty": "l2", "coupling": "dual_averaging"}, "use coupling 'proximal'"),
    "activation": ({"activation": "logistic"}, "unknown activation 'logistic'; allowed: arctan"),
    "solver": ({"solver": "lbfgs"}, "unknown solver 'lbfgs'; allowed: sgd, adam, adamw"),
    "schedule": ({"learning_rate": "adaptive"}, "unknown learning_rate 'adaptive'"),
    "batch": ({"batch_size": 0}, "batch_size=0; allowed: 'auto', None, or 1 and more"),
    "epochs": ({"max_iter": 0}, "max_iter=0, but it must be above 0"),
    "dtype": ({"dtype": "float16"}, "unknown dtype 'float16'"),
    "where": ({"where": ["fc9.*"]}, "'fc9.*' matches no parameter"),
    "rate": ({"learning_rate_init": 1e30, "solver": "sgd"}, "the training diverged: scale the in"),
}


@pytest.mark.parametrize(("given", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_parameter_is_told(given, message):
    with pytest.raises(ValueError) as error:
        LpMLPClassifier((4,), random_state=0, **{"max_iter": 4, **given}).fit(*noisy(40))
    assert message in str(error.value)


def test_what_is_no_penalty_is_told():
    with pytest.raises(TypeError, match=r"penalty=1.0 is no penalty; allowed: 'l1'"):
        LpMLPClassifier(penalty=1.0).fit(*noisy(40))  # pyright: ignore


def test_without_scikit_learn_the_command_is_told(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("lpreg.estimators")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(ModuleNotFoundError) as error:
        _ = lpreg.LpMLPClassifier
    assert str(error.value).endswith('is not installed: pip install "lpreg[lab]"')
