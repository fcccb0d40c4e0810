"""Double descent, on curves for which it is known."""

from math import inf, isnan, nan

import numpy as np
import pytest

from lpreg.analysis.doubledescent import rise

EPOCHS = np.arange(1, 101)


def bent(*points: tuple[float, float], epochs: np.ndarray = EPOCHS) -> np.ndarray:
    """Straight lines between (epoch, value)."""
    at, values = zip(*points, strict=True)
    return np.interp(epochs, at, values)


def noise(seed: int, size: float = 0.003) -> np.ndarray:
    return size * np.random.default_rng(seed).normal(size=len(EPOCHS))


DIPS = bent((1, 0.5), (15, 0.9), (45, 0.86), (100, 0.93))  # falls by 0.04, ends 0.03 higher
OVERFITS = bent((1, 0.5), (15, 0.9), (100, 0.86))
HALF_BACK = bent((1, 0.5), (15, 0.9), (45, 0.86), (100, 0.88))
SATURATES = 0.9 - 0.4 * np.exp(-EPOCHS / 10)
FLAT = np.full(100, 0.9)
FALLS = bent((1, 0.9), (100, 0.5))
CLIMBS = bent((1, 0.5), (100, 0.9))
CREEPS = bent((1, 0.88), (100, 0.92))
WITHOUT = [CREEPS, OVERFITS, HALF_BACK, SATURATES, FLAT, FALLS, CLIMBS]


def test_a_rise_by_hand():
    """The smaller of the fall and the climb: 0.03 of 0.04 and 0.03, and 0.02 when it dips less.

    A running median rounds the peak at the epoch 15 a little.
    """
    assert rise(EPOCHS, DIPS) == pytest.approx(0.03, abs=0.003)
    shallow = bent((1, 0.5), (15, 0.9), (45, 0.88), (100, 0.93))
    assert rise(EPOCHS, shallow) == pytest.approx(0.02, abs=0.003)


@pytest.mark.parametrize("curve", WITHOUT)
def test_curves_without_one(curve: np.ndarray):
    assert rise(EPOCHS, curve) == 0


@pytest.mark.parametrize("seed", range(10))
def test_noise_moves_it_little(seed: int):
    assert rise(EPOCHS, DIPS + noise(seed)) == pytest.approx(0.03, abs=0.01)


@pytest.mark.parametrize("curve", WITHOUT)
def test_noise_is_no_rise(curve: np.ndarray):
    """Nor is noise that neighbours share, or that of counting 360 samples, or 100."""
    found = []
    for seed in range(200):
        jitter = noise(seed)
        alike = np.convolve(noise(seed + 1000), [1, 0.6, 0.3], mode="same")
        steps, few = (
            np.rint(360 * (curve + jitter)) / 360,
            np.rint(100 * (curve + jitter / 3)) / 100,
        )
        found += [rise(EPOCHS, each) for each in (curve + jitter, curve + alike, steps, few)]
    assert np.mean(np.array(found) > 0) <= 0.02


def test_a_spike_is_no_rise():
    spiky = CLIMBS.copy()
    spiky[[30, 60, 61]] -= 0.3
    assert rise(EPOCHS, spiky) == 0


def test_the_unit_does_not_count():
    assert rise(EPOCHS, 100 * DIPS - 7) == pytest.approx(100 * rise(EPOCHS, DIPS))


def test_uneven_evaluations_do_not_count():
    """Straight lines are no wiggles, however unevenly they are looked at; peaks may be missed."""
    at = np.geomspace(1, 100, 40)
    seldom = bent((1, 0.85), (40, 0.9), (60, 0.87), (100, 0.93), epochs=at)
    assert 0.005 < rise(at, seldom) < 0.03
    assert rise(at, bent((1, 0.85), (100, 0.93), epochs=at)) == 0


def test_what_cannot_be_known():
    assert isnan(rise(EPOCHS[:10], DIPS[:10]))
    assert isnan(rise([], []))
    for broken in (nan, inf):
        assert isnan(rise(EPOCHS, np.where(EPOCHS == 50, broken, DIPS)))
