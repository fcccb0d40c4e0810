"""Double descent: does a curve get worse, and then better than it had ever been?"""

from math import inf, nan

import numpy as np
from numpy.typing import ArrayLike

from lpreg.analysis.convergence import running_median


def rise(epochs: ArrayLike, values: ArrayLike, window: int = 5, beyond: float = 6) -> float:
    """How far a curve falls from an earlier best and then climbs above that best again.

    The curve is smoothed by a running median. At each epoch it lies by some amount below the best
    before it, and the best after it lies by some amount above that: the smaller of the two is how
    much of a second ascent there is around that epoch, and the largest over the epochs counts.

    It is noise unless it is `beyond` times as large as the wiggles: the median distance of the
    smoothed curve from the straight line between its points `window` evaluations before and after,
    or half of its smallest step where that is more, as in an accuracy on few samples. Noise that
    wanders for many evaluations can pass for a rise, so ask several seeds.

    Args:
        epochs: of the evaluations, (k,), increasing; they need not be evenly spaced.
        values: of the curve at these epochs, (k,): an accuracy, or anything else of which more is
            better; a loss with its sign changed.
        window: evaluations in the running median, an odd number.
        beyond: how many times the wiggles it must be.

    Returns:
        The rise in units of `values`; 0 when there is none beyond noise; NaN when the curve holds a
        NaN or an infinity or fewer than 2 window + 1 evaluations.

    Source: Nakkiran et al., "Deep double descent", ICLR 2020, for the phenomenon over epochs.
    """
    at, measured = np.asarray(epochs, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if len(measured) < 2 * window + 1 or not np.isfinite(measured).all():
        return nan
    smooth = running_median(measured, window)
    before = np.maximum.accumulate(smooth)
    after = np.maximum.accumulate(smooth[::-1])[::-1]
    found = float(np.minimum(before - smooth, after - before).max())
    return found if found > beyond * _wiggles(at, smooth, window) else 0.0


def _wiggles(at: np.ndarray, curve: np.ndarray, lag: int) -> float:
    left, here, right = slice(None, -2 * lag), slice(lag, -lag), slice(2 * lag, None)
    weight = (at[here] - at[left]) / (at[right] - at[left])
    line = (1 - weight) * curve[left] + weight * curve[right]
    steps = np.abs(np.diff(curve))
    smallest = np.min(steps, where=steps > 0, initial=inf)
    return max(float(np.median(np.abs(curve[here] - line))), smallest / 2)
