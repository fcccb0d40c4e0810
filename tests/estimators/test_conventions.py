"""scikit-learn's own list of checks, all of it, for all estimators."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from lpreg import LpMLPClassifier, LpMLPClassifierCV, LpMLPRegressor, LpMLPRegressorCV

QUICK = {"hidden_layer_sizes": (8,), "max_iter": 10, "learning_rate_init": 0.1}
FOLDS = QUICK | {"lams": [1e-3], "cv": 2}


@parametrize_with_checks(
    [
        LpMLPClassifier(**QUICK),
        LpMLPRegressor(**QUICK),
        LpMLPClassifierCV(**FOLDS),
        LpMLPRegressorCV(**FOLDS),
    ]
)
def test_it_keeps_the_conventions(estimator, check):
    check(estimator)
