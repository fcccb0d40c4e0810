"""Perceptrons with a penalty as scikit-learn estimators, trained by the engine of the studies."""

from collections.abc import Iterable, Sequence
from functools import partial
from math import ceil
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
from torch import Tensor, nn

from lpreg.analysis.weightmaps import euclidean, removed
from lpreg.estimators.named import Act, Shape, act, coupling
from lpreg.estimators.stacks import Task
from lpreg.models import mlp
from lpreg.models.options import allowed
from lpreg.select import Where
from lpreg.train import DTYPES, OPTIMIZERS, SCHEDULES, Outcome, Recipe, Run


class Perceptron(BaseEstimator):
    """What the estimators have in common.

    Parameters are those of scikit-learn's `MLPClassifier` where they mean the same. The objective
    is the mean task loss over the samples + the penalty, so that a strength does not depend on the
    size of a batch; scikit-learn's `alpha` is `lam` = alpha / (2 batch size) with `penalty="l2"`,
    and twice that for its regressor, whose loss has a factor 1/2. Inputs are not standardised: put
    a `StandardScaler` before. Not there are `sample_weight`, early stopping and `partial_fit`.

    Parameters:
        hidden_layer_sizes: units of each hidden layer; may be empty, a linear model.
        activation: "relu", "tanh" or "arctan".
        penalty: "l1", "l2", "elasticnet", "group" (an input, or a hidden unit, with all that it
            feeds: what switches inputs off as wholes), "linf", "l0", "lp", "norm" or None; or an
            lpreg penalty or a mapping glob -> penalty, which have their own strengths. The layers
            are named fc1, fc2, ...
        lam: the strength of a penalty that is given by name.
        p: the exponent of "lp" and "norm".
        l1_ratio: of "elasticnet".
        coupling: how the penalty acts, a name of `lpreg.optim.COUPLINGS` or "auto", see `coupling`
            in `lpreg.estimators.named`.
        where: which weights it acts on: "weights", "first", or any other choice of
            `lpreg.describe`.
        solver: "adam", "adamw" or "sgd", the last with `momentum`.
        learning_rate: its schedule, "constant" or "cosine".
        learning_rate_init: its highest value.
        batch_size: samples per step, "auto" for the lesser of 200 and all, None for all.
        max_iter: epochs. All of them are done.
        dtype: in which networks train, "float32" or "float64"; predictions are float64.
        random_state: of initial weights and batches.

    Attributes:
        model_: the trained network, a `torch.nn.Module` in float64, for `lpreg.sparsity`,
            `lpreg.compact` and torch.
        coefs_, intercepts_: per layer, (inputs, outputs) and (outputs,).
        feature_importances_: (features,) Euclidean norm of the weights that leave an input. Compare
            them for inputs on one scale.
        selected_features_: indices of the inputs whose leaving weights are not all exactly zero.
        loss_: the mean task loss on the training data, without the penalty.
        n_iter_: the epochs that were done.
        n_features_in_, feature_names_in_: as everywhere; classifiers have `classes_`.
    """

    _loss: str
    _scale = ""

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (100,),
        activation: str = "relu",
        *,
        penalty: str | Act = "l1",
        lam: float = 1e-4,
        p: float | None = None,
        l1_ratio: float = 0.5,
        coupling: str = "auto",
        where: Where = "weights",
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
        self.lam = lam
        self.p = p
        self.l1_ratio = l1_ratio
        self.coupling = coupling
        self.where = where
        self.solver = solver
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.dtype = dtype
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Train on X (samples, features) and y (samples,), or (samples, outputs) to regress.

        Raises:
            ValueError: a parameter or data that are not allowed, or a training that diverged.
        """
        task = self._task(*self._checked(X, y))
        (outcome,) = task.train([self._run(self._seeds(1)[0], self._act())])
        return self._keep(task, outcome)

    def path(self, X: Any, y: Any, lams: Iterable[float]) -> list[Self]:
        """This estimator fitted with each of several strengths `lam`, trained as one stack.

        With a "group" penalty it shows in which order the inputs go. All start from the same
        weights and take the same batches. Data and errors are those of `fit`.
        """
        members: list[Self] = [clone(self).set_params(lam=lam) for lam in lams]  # pyright: ignore
        tasks = [member._task(*member._checked(X, y)) for member in members]
        (seed,) = self._seeds(1)
        outcomes = tasks[0].train([member._run(seed, member._act()) for member in members])
        together = zip(members, tasks, outcomes, strict=True)
        return [member._keep(task, outcome) for member, task, outcome in together]

    @property
    def coefs_(self) -> list[np.ndarray]:
        return [layer.weight.detach().numpy().T for layer in self._layers()]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        return [layer.bias.detach().numpy() for layer in self._layers()]

    @property
    def feature_importances_(self) -> np.ndarray:
        return euclidean(self.coefs_[0].T)

    @property
    def selected_features_(self) -> np.ndarray:
        return np.flatnonzero(~removed(self.coefs_[0].T))

    def _act(self) -> Act:
        return act(self.penalty, self.lam, Shape(self.p, self.l1_ratio))

    def _layers(self) -> list[nn.Linear]:
        return [layer for layer in self.model_.modules() if isinstance(layer, nn.Linear)]

    def _checked(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """The data, and whether the parameters can be used."""
        allowed("solver", self.solver, OPTIMIZERS)
        allowed("learning_rate", self.learning_rate, SCHEDULES)
        allowed("dtype", self.dtype, DTYPES)
        for name in ("max_iter", "learning_rate_init"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)!r}, but it must be above 0")
        x, y = validate_data(
            self,
            X,
            y,
            dtype=np.dtype(self.dtype),
            multi_output=True,
            y_numeric=isinstance(self, RegressorMixin),
        )
        return np.asarray(x), np.asarray(y)

    def _targets(self, y: np.ndarray) -> tuple[Tensor, int]:
        """The targets as the loss takes them, and the number of outputs."""
        raise NotImplementedError

    def _task(self, x: np.ndarray, y: np.ndarray) -> Task:
        targets, outputs = self._targets(y)
        build = partial(
            _network,
            hidden=tuple(np.ravel(self.hidden_layer_sizes).tolist()),
            activation=self.activation,
            inputs=x.shape[1],
            outputs=outputs,
        )
        return Task(torch.tensor(x), targets, build, self._recipe)

    def _seeds(self, count: int) -> list[int]:
        draw = check_random_state(self.random_state).randint
        return [int(draw(2**31 - 1)) for _ in range(count)]

    def _run(self, seed: int, penalty: Act, rows: tuple[int, ...] | None = None) -> Run:
        how = coupling(self.coupling, penalty)
        return Run(seed, self.learning_rate_init, penalty, how, self.where, rows)

    def _recipe(self, samples: int) -> Recipe:
        """How to train on so many samples."""
        size = self.batch_size
        if size == "auto":
            size = min(200, samples)
        if size is not None and (not isinstance(size, int | np.integer) or size < 1):
            raise ValueError(f"batch_size={size!r}; allowed: 'auto', None, or 1 and more")
        steps = self.max_iter * (1 if size is None else ceil(samples / size))
        return Recipe(
            optimizer=self.solver,
            momentum=self.momentum,
            batch_size=None if size is None else int(size),
            steps=steps,
            schedule=self.learning_rate,
            loss=self._loss,
            evaluate_every=steps,
            dtype=self.dtype,
        )

    def _keep(self, task: Task, outcome: Outcome) -> Self:
        """Be what an outcome is."""
        if outcome.status != "ok":
            raise ValueError(
                f"the training diverged: scale the inputs{self._scale}, or lower "
                f"learning_rate_init={self.learning_rate_init!r}"
            )
        self.model_ = task.build(torch.Generator())
        self.model_.load_state_dict(outcome.state)
        self.model_.double().eval()
        self.loss_ = float(outcome.curves["train_loss"][-1])
        self.n_iter_ = self.max_iter
        return self

    @torch.no_grad()
    def _outputs(self, X: Any) -> Tensor:
        """(samples, outputs), float64."""
        check_is_fitted(self, "model_")
        return self.model_(torch.tensor(validate_data(self, X, dtype=np.float64, reset=False)))


def _network(generator: torch.Generator, **options: Any) -> nn.Sequential:
    return mlp(generator=generator, **options)


class LpMLPClassifier(ClassifierMixin, Perceptron):
    """A perceptron that classifies, trained on the cross entropy of the softmax and a penalty.

    Parameters and attributes are those of `Perceptron`.
    """

    _loss = "cross_entropy"

    def predict_proba(self, X: Any) -> np.ndarray:
        """(samples, classes)."""
        return self._outputs(X).softmax(1).numpy()

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """(samples, classes)."""
        return self._outputs(X).log_softmax(1).numpy()

    def predict(self, X: Any) -> np.ndarray:
        """(samples,), the most probable class."""
        codes = self._outputs(X).argmax(1).numpy()
        return self.classes_[codes]

    def _targets(self, y: np.ndarray) -> tuple[Tensor, int]:
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        return torch.tensor(codes), len(self.classes_)


class LpMLPRegressor(MultiOutputMixin, RegressorMixin, Perceptron):
    """A perceptron that regresses, trained on the mean squared error (without 1/2) and a penalty.

    The targets are taken as they are: for those far from unit size put it into a
    `TransformedTargetRegressor`. Parameters and attributes are those of `Perceptron`.
    """

    _loss = "mse"
    _scale = " and the targets"

    def predict(self, X: Any) -> np.ndarray:
        """(samples,), or (samples, outputs) if there were several."""
        outputs = self._outputs(X).numpy()
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def _targets(self, y: np.ndarray) -> tuple[Tensor, int]:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        outputs = 1 if y.ndim == 1 else y.shape[1]
        return torch.tensor(y.astype(self.dtype)), outputs
