"""First-layer weight maps: how much a network takes from each of its inputs."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import spearmanr

Score = Callable[[np.ndarray], np.ndarray]
"""Weights (..., units, inputs) to one magnitude per input (..., inputs)."""


def mean_magnitude(weight: np.ndarray) -> np.ndarray:
    """Mean of |w| over the outgoing weights of an input: what the document FIRST draws, but for
    the magnitudes, which its code forgot, so that weights of opposite sign cancelled. It is what
    an L1 penalty on the layer charges for the input."""
    return np.abs(weight).mean(-2, dtype=np.float64)


def euclidean(weight: np.ndarray) -> np.ndarray:
    """Euclidean norm of the outgoing weights of an input: what a group penalty over the columns
    charges for it. It gives one large weight more than many small ones."""
    return np.linalg.norm(np.asarray(weight, dtype=np.float64), axis=-2)


def weight_map(weight: ArrayLike, score: Score = mean_magnitude) -> np.ndarray:
    """How much a first layer takes from each input, rescaled to [0, 1] by the maximum.

    Args:
        weight: (..., units, inputs), as `torch.nn.Linear` has it; leading axes are maps of their
            own, such as epochs.
        score: `mean_magnitude` or `euclidean`.

    Returns:
        (..., inputs). 0 for an input that is removed, and for no other; all 0 when no input is
        left; NaN where the weights are not finite.

    Source: FIRST, equation 2, per input.
    """
    weights = np.asarray(weight)
    finite = np.logical_and.reduce(np.isfinite(weights), axis=(-2, -1), keepdims=True)
    scores = np.where(finite[..., 0], score(np.where(finite, weights, 0)), np.nan)
    highest = scores.max(-1, keepdims=True)
    return np.divide(scores, highest, out=scores, where=highest > 0)


def removed(weight: ArrayLike) -> np.ndarray:
    """Which inputs the network does not read: all outgoing weights are exactly zero.

    Args:
        weight: (..., units, inputs).

    Returns:
        bool, (..., inputs).
    """
    return (np.asarray(weight) == 0).all(-2)


def agreement(scores: ArrayLike, importance: ArrayLike) -> float:
    """Rank correlation (Spearman) of a weight map with importances of the same inputs.

    NaN where one of them is constant or not finite: then there is no order to compare.

    Args:
        scores: of the inputs, (inputs,).
        importance: of the same inputs.
    """
    pair = np.array([scores, importance], dtype=np.float64)
    if not np.isfinite(pair).all() or (np.ptp(pair, axis=1) == 0).any():
        return float("nan")
    return float(spearmanr(*pair).statistic)  # pyright: ignore[reportAttributeAccessIssue]


def is_shuffled(inputs: Sequence[str]) -> np.ndarray:
    """Which inputs are shuffled copies of others, by their names: bool, (inputs,)."""
    return np.array([" (shuffled " in name for name in inputs], dtype=bool)


def removals(scores: ArrayLike, inputs: Sequence[str], constant: ArrayLike) -> dict[str, int]:
    """How many inputs a map has lost, by what they are worth.

    Args:
        scores: of the inputs, (inputs,).
        inputs: their names.
        constant: which of them never change in the training part: no data speaks for or against
            them, and Adam may lose them under any penalty.

    Returns:
        `removed` (of those that may mean something), `removed_shuffled` (of the shuffled copies)
        and `removed_constant`.
    """
    gone, dead, copies = np.asarray(scores) == 0, np.asarray(constant), is_shuffled(inputs)
    return {
        "removed": int((gone & ~dead & ~copies).sum()),
        "removed_shuffled": int((gone & ~dead & copies).sum()),
        "removed_constant": int((gone & dead).sum()),
    }
