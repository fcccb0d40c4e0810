"""scikit-learn estimators: perceptrons with a penalty, and the choice of its strength."""

from lpreg.estimators.folds import LpMLPClassifierCV, LpMLPRegressorCV
from lpreg.estimators.perceptron import LpMLPClassifier, LpMLPRegressor

__all__ = ["LpMLPClassifier", "LpMLPClassifierCV", "LpMLPRegressor", "LpMLPRegressorCV"]
