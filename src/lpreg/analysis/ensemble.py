"""What averaging the predictions of the seeds gains over using one of them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Ensemble(NamedTuple):
    """How well members predict, alone and together.

    Attributes:
        n: members.
        member_mean: the mean of what each reaches alone.
        ensemble: what the mean of their predictions reaches.
    """

    n: int
    member_mean: float
    ensemble: float


def accuracy(probabilities: ArrayLike, labels: ArrayLike) -> Ensemble:
    """The accuracy of the mean of the class probabilities; of equal ones the first class counts.

    Args:
        probabilities: (members, samples, classes).
        labels: the true classes, (samples,).
    """
    each, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    alone = (each.argmax(-1) == truth).mean()
    together = (each.mean(0).argmax(-1) == truth).mean()
    return Ensemble(len(each), float(alone), float(together))


def mse(predictions: ArrayLike, targets: ArrayLike) -> Ensemble:
    """The squared error of the mean prediction.

    It is the members' mean squared error less the mean variance of their predictions, so that the
    ensemble never does worse.

    Args:
        predictions: (members, samples).
        targets: (samples,).

    Source: Krogh and Vedelsby, "Neural network ensembles, cross validation, and active learning",
    NIPS 1994.
    """
    each, truth = np.asarray(predictions, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    alone, together = np.square(each - truth).mean(), np.square(each.mean(0) - truth).mean()
    return Ensemble(len(each), float(alone), float(together))
