"""Ensembles of seeds: by hand, and what must hold of all of them."""

import numpy as np
import pytest

from lpreg.analysis import ensemble


def test_an_accuracy_by_hand():
    """Members are right on (1, 0), (0, 1) and (1, 0) of two samples: alone 1/2.

    Their mean probabilities of the true class are 0.6 and 0.5667: together both are right.
    """
    of_the_true_class = np.array([[0.9, 0.4], [0.3, 0.9], [0.6, 0.4]])
    probabilities = np.stack([of_the_true_class, 1 - of_the_true_class], -1)
    assert ensemble.accuracy(probabilities, [0, 0]) == pytest.approx((3, 0.5, 1.0))


def test_probabilities_are_averaged_and_not_votes():
    """Two are barely wrong, one is sure and right."""
    assert ensemble.accuracy([[[0.45, 0.55]], [[0.45, 0.55]], [[0.9, 0.1]]], [0]).ensemble == 1


def test_a_squared_error_by_hand():
    """Errors -1 and 3 of one target: (1 + 9) / 2 alone, ((-1 + 3) / 2)^2 together."""
    assert ensemble.mse([[1.0], [5.0]], [2.0]) == (2, 5, 1)


def test_what_a_squared_error_gains_is_the_variance_of_the_members():
    generator = np.random.default_rng(0)
    predictions, targets = generator.normal(size=(5, 40)), generator.normal(size=40)
    _, alone, together = ensemble.mse(predictions, targets)
    assert alone - together == pytest.approx(predictions.var(axis=0).mean())


def test_one_member_and_equal_members_gain_nothing():
    generator = np.random.default_rng(1)
    probabilities, labels = generator.dirichlet(np.ones(4), 50), generator.integers(0, 4, 50)
    for n in (1, 3):
        found = ensemble.accuracy(np.repeat(probabilities[None], n, 0), labels)
        assert found.n == n
        assert found.ensemble == found.member_mean
