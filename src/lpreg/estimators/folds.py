"""The strength chosen by cross-validation, all folds and strengths trained as one stack."""

import copy
import warnings
from collections.abc import Callable, Iterable, Sequence
from math import sqrt
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import is_classifier
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv

from lpreg.estimators.named import Act, Shape, strengthened
from lpreg.estimators.perceptron import LpMLPClassifier, LpMLPRegressor, Perceptron
from lpreg.estimators.stacks import Task
from lpreg.optim import matched
from lpreg.penalties import Penalty
from lpreg.select import Where
from lpreg.train import DTYPES, LOSSES, Outcome, generator

SHARES = (1e-3, 1.0)
"""Of the task gradient that the penalty's is at the first weights, for the weakest and strongest of
the strengths that are suggested."""

RULES = ("best", "one_standard_error")


class Chosen(Perceptron):
    """A perceptron whose strength is chosen by cross-validation, then trained on all rows.

    The networks of all folds, strengths and seeds start from the same weights (per seed) and train
    together, each on the rows of its fold; every one is what training it alone gives.

    Parameters, beside those of `Perceptron` except `lam`:
        lams: the strengths to choose from; None to suggest `n_lams`, evenly on a logarithmic scale,
            at which the gradient of the penalty is between `SHARES` of the task loss's.
        cv: folds, as in `GridSearchCV`: a number (None: 5), a splitter, or the splits.
        scoring: as in `GridSearchCV`; None for accuracy or R^2.
        rule: "best", or "one_standard_error": the strongest whose mean score is at most the best's
            standard error over the folds below it.
        n_seeds: networks per fold and strength, whose scores are averaged.
        n_jobs: processes over which stacks are spread, as everywhere in scikit-learn.

    Attributes, beside those of `Perceptron`:
        lams_: the strengths, ascending. lam_: the one that was chosen.
        best_index_: its place. best_score_: its mean score.
        cv_results_: a table as that of `GridSearchCV`, a row per strength: `param_lam`, `params`,
            `split0_test_score`, ..., `mean_test_score`, `std_test_score`, `rank_test_score`,
            `mean_zeros` (share of exact zeros among the weights) and `mean_selected_features`.
        n_splits_: number of folds.
    """

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (100,),
        activation: str = "relu",
        *,
        penalty: str | Act = "l1",
        lams: Iterable[float] | None = None,
        n_lams: int = 10,
        p: float | None = None,
        l1_ratio: float = 0.5,
        coupling: str = "auto",
        where: Where = "weights",
        cv: Any = None,
        scoring: str | Callable[..., float] | None = None,
        rule: str = "best",
        n_seeds: int = 1,
        n_jobs: int | None = None,
        solver: str = "adam",
        learning_rate: str = "constant",
        learning_rate_init: float = 1e-3,
        momentum: float = 0.9,
        batch_size: int | str | None = "auto",
        max_iter: int = 200,
        dtype: str = "float32",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.penalty = penalty
        self.lams = lams
        self.n_lams = n_lams
        self.p = p
        self.l1_ratio = l1_ratio
        self.coupling = coupling
        self.where = where
        self.cv = cv
        self.scoring = scoring
        self.rule = rule
        self.n_seeds = n_seeds
        self.n_jobs = n_jobs
        self.solver = solver
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.dtype = dtype
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Choose the strength and train with it on X (samples, features) and y (samples, ...).

        Raises:
            ValueError: a parameter or data that are not allowed, or every training diverged.
        """
        x, y = self._checked(X, y)
        task = self._task(x, y)
        seeds = self._seeds(self.n_seeds)
        self.lams_ = np.sort(np.asarray(self._strengths(task, seeds[0]), dtype=float))
        splitter: Any = check_cv(self.cv, y, classifier=is_classifier(self))
        folds = [(_rows(train), test) for train, test in splitter.split(x, y)]
        self.n_splits_ = len(folds)
        runs = [
            self._run(seed, self._with(lam), train)
            for train, _ in folds
            for lam in self.lams_
            for seed in seeds
        ]
        outcomes = task.train(runs, self.n_jobs)
        tests = [test for _, test in folds for _ in range(len(self.lams_) * len(seeds))]
        told = [
            self._told(task, outcome, x[test], y[test])
            for outcome, test in zip(outcomes, tests, strict=True)
        ]
        shape = (len(folds), len(self.lams_), len(seeds), 3)
        self._choose(np.array(told).reshape(shape).mean(2))
        (outcome,) = task.train([self._run(seeds[0], self._with(self.lam_))])
        return self._keep(task, outcome)

    def _checked(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        if self.rule not in RULES:
            raise ValueError(f"rule={self.rule!r} is unknown; allowed: {', '.join(RULES)}")
        for name in ("n_seeds", "n_lams"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)!r}, but it must be at least 1")
        return super()._checked(X, y)

    def _with(self, lam: float) -> Penalty:
        return strengthened(self.penalty, float(lam), Shape(self.p, self.l1_ratio))

    def _strengths(self, task: Task, seed: int) -> Iterable[float]:
        """Those to choose from."""
        if self.lams is not None:
            lams = list(self.lams)
            if not lams:
                raise ValueError("lams is empty: give strengths, or None to have them suggested")
            return lams
        model = task.build(generator(seed, "init")).to(DTYPES[self.dtype])
        parameters = dict(model.named_parameters())
        loss = LOSSES[self._loss](model(task.x), task.y)
        slopes = torch.autograd.grad(loss, list(parameters.values()))
        gradients = dict(zip(parameters, slopes, strict=True))
        shares = np.geomspace(*SHARES, self.n_lams).tolist()
        return matched(model, gradients, self._with(1.0), self.where, shares)

    def _told(self, task: Task, outcome: Outcome, x: np.ndarray, y: np.ndarray) -> list[float]:
        """Score on a fold's test rows, share of zeros, inputs that are read; NaN if diverged."""
        if outcome.status != "ok":
            return [np.nan] * 3
        member = copy.copy(self)
        vars(member).pop("feature_names_in_", None)  # the rows come as plain arrays
        member._keep(task, outcome)
        scorer: Any = check_scoring(member, self.scoring)
        zeros = np.concatenate([w.ravel() == 0 for w in member.coefs_]).mean()
        return [float(scorer(member, x, y)), float(zeros), len(member.selected_features_)]

    def _choose(self, told: np.ndarray) -> None:
        """Make the table of (folds, strengths, 3), and choose by it."""
        scores = told[..., 0]
        mean, failed = scores.mean(0), int(np.isnan(scores).sum())
        if failed:
            warnings.warn(
                f"{failed} of {scores.size} trainings diverged; strengths with one are left out",
                FitFailedWarning,
                stacklevel=3,
            )
        if np.isnan(mean).all():
            raise ValueError(
                f"trainings diverged at every strength: scale the inputs{self._scale}, or lower "
                f"learning_rate_init={self.learning_rate_init!r}"
            )
        self.cv_results_ = {
            "param_lam": self.lams_,
            "params": [{"lam": float(lam)} for lam in self.lams_],
            **{f"split{i}_test_score": fold for i, fold in enumerate(scores)},
            "mean_test_score": mean,
            "std_test_score": scores.std(0),
            "rank_test_score": _ranks(mean),
            "mean_zeros": told[..., 1].mean(0),
            "mean_selected_features": told[..., 2].mean(0),
        }
        self.best_index_ = int(np.nanargmax(mean))
        if self.rule == "one_standard_error":
            spread = scores[:, self.best_index_]
            error = spread.std(ddof=1) / sqrt(len(spread)) if len(spread) > 1 else 0.0
            self.best_index_ = int(np.flatnonzero(mean >= mean[self.best_index_] - error)[-1])
        self.lam_ = float(self.lams_[self.best_index_])
        self.best_score_ = float(mean[self.best_index_])


def _rows(train: np.ndarray) -> tuple[int, ...]:
    """Row numbers, of a mask too."""
    return tuple((np.flatnonzero(train) if train.dtype == bool else train).tolist())


def _ranks(mean: np.ndarray) -> np.ndarray:
    """1 for the best; equals share the better rank, what diverged comes last."""
    scores = np.nan_to_num(mean, nan=-np.inf)
    return np.array([1 + int((scores > each).sum()) for each in scores])


class LpMLPClassifierCV(LpMLPClassifier, Chosen):
    """A perceptron that classifies, with a penalty whose strength is chosen by cross-validation.

    Parameters and attributes are those of `Chosen`.
    """


class LpMLPRegressorCV(LpMLPRegressor, Chosen):
    """A perceptron that regresses, with a penalty whose strength is chosen by cross-validation.

    Parameters and attributes are those of `Chosen`.
    """
