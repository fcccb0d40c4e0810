"""Copies of chosen tensors over the steps: the reference's, at the right steps."""

from dataclasses import replace

import numpy as np
import pytest

from lpreg.penalties import L1
from lpreg.train import Recipe, Run, train_reference, train_stack

from .cases import BUILDS, parts

RECIPE = Recipe(steps=11, batch_size=16, evaluate_every=5, dtype="float64")
RUNS = [Run(2, 0.02), Run(1, 0.01, L1(0.02), "proximal")]
BUILD = BUILDS["perceptron"]


@pytest.mark.parametrize(("every", "steps"), [(4, [0, 4, 8, 11]), (0, [0, 11]), (11, [0, 11])])
def test_they_are_the_references_at_the_steps_asked_for(every, steps):
    recipe = replace(RECIPE, snapshots=("fc1.*", "*bias"), snapshot_every=every)
    for run, stacked in zip(RUNS, train_stack(BUILD, RUNS, parts(), recipe), strict=True):
        plain = train_reference(BUILD, run, parts(), recipe)
        names = {"step", "fc1.weight", "fc1.bias", "fc2.bias", "fc3.bias"}
        assert stacked.snapshots.keys() == plain.snapshots.keys() == names
        assert stacked.snapshots["step"].tolist() == plain.snapshots["step"].tolist() == steps
        for name in names - {"step"}:
            copies = stacked.snapshots[name]
            assert copies.dtype == np.float32
            np.testing.assert_allclose(copies, plain.snapshots[name], rtol=1e-6, atol=1e-9)
            np.testing.assert_array_equal(copies[-1], stacked.state[name].float().numpy())
            assert not np.array_equal(copies[0], copies[1])


def test_none_are_kept_unasked():
    [outcome] = train_stack(BUILD, RUNS[:1], parts(), replace(RECIPE, snapshot_every=1))
    assert outcome.snapshots == {}


def test_a_name_that_no_parameter_has_is_refused():
    with pytest.raises(ValueError, match=r"'fc9\*'.*fc1.weight"):
        train_stack(BUILD, RUNS[:1], parts(), replace(RECIPE, snapshots=("fc1.*", "fc9*")))
