"""The evidence: every number of a member that a claim can be about."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lpreg.analysis.evidence import METRICS, evidence, unit
from tests.analysis.frames import regression, results

EPOCHS = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
FALLING = [2.0, 1.0, 0.5, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2]
LINEAR = np.linspace(2, 1, 11).tolist()


def curves(**losses: list[float]) -> pd.DataFrame:
    """One curve per member: training loss as given, accuracies that rise by the epoch."""
    rows = [
        {
            "member": member,
            "epoch": epoch,
            "train_loss": loss,
            "train_accuracy": epoch / 100,
            "val_accuracy": epoch / 200,
            "test_accuracy": epoch / 400,
        }
        for member, values in losses.items()
        for epoch, loss in zip(EPOCHS, values, strict=True)
    ]
    return pd.DataFrame(rows)


def members(*changes: dict[str, Any]) -> pd.DataFrame:
    """Members a, b, ... whose best epoch is 50."""
    return results([{"member": "abc"[i], "best_epoch": 50, **c} for i, c in enumerate(changes)])


def test_derived_numbers_of_a_member():
    told = evidence(members({}), curves(a=FALLING)).iloc[0]
    assert told["gap"] == pytest.approx(0.9 - 0.7)
    assert told["val_gap"] == pytest.approx(0.9 - 0.8)
    assert told["loss_gap"] == pytest.approx(0.3 - 0.1)
    assert told["zeros_share"] == pytest.approx((100 - 10) / 1000)
    assert told["near_zeros_share"] == pytest.approx(200 / 1000)
    assert told["best_train_accuracy"] == pytest.approx(0.5)
    assert told["best_test_accuracy"] == pytest.approx(0.125)


def test_the_gap_of_a_regression_is_that_of_its_errors():
    there = regression(members({}))
    told = evidence(there, regression(curves(a=FALLING)))
    assert told["gap"].iloc[0] == pytest.approx(0.7 - 0.9)
    assert unit("gap", told) == ""
    assert unit("gap", evidence(members({}), curves(a=FALLING))) == "points"


def test_who_has_not_converged_counts_with_the_last_epoch():
    told = evidence(members({}, {}), curves(a=FALLING, b=LINEAR))
    assert list(told["loss_converged"]) == [True, False]
    assert told["loss_epoch"].iloc[0] == 30
    assert told["loss_epoch"].iloc[1] == 100


def test_a_diverged_member_has_nothing_to_say():
    there = members({"status": "diverged"}, {})
    told = evidence(there, curves(a=FALLING, b=FALLING))
    known = [name for name in METRICS if name in told]
    assert told.iloc[0][known].isna().all()
    assert told.iloc[1][["zeros", "gap", "loss_epoch"]].notna().all()


def test_it_keeps_rows_and_columns_of_the_results():
    there = members({}, {"seed": 1}).set_index(pd.Index([7, 3]))
    told = evidence(there, curves(b=FALLING, a=FALLING))
    assert list(told.index) == [7, 3]
    assert set(there.columns) <= set(told.columns)
    assert there["zeros"].dtype == np.int64  # what is handed in stays as it is


def test_measures_are_summed_over_tensors_and_named_by_density():
    rows = [
        ("a", "dead_units", "fc1.weight", None, 2.0),
        ("a", "dead_units", "fc2.weight", None, 3.0),
        ("a", "pruned_test_accuracy", None, 0.1, 0.6),
        ("a", "pruned_test_accuracy", None, 0.2, 0.7),
        ("a", "pruned_val_accuracy", None, 0.1, 0.1),
        ("a", "map_epoch", None, None, 30.0),
        ("a", "map_converged", None, None, 1.0),
        ("b", "map_converged", None, None, 0.0),
        ("b", "importance", None, 3.0, 0.5),
    ]
    measures = pd.DataFrame(rows, columns=["member", "measure", "tensor", "at", "value"])
    told = evidence(members({}, {}), curves(a=FALLING, b=FALLING), measures)
    assert told["dead_units"].tolist()[0] == 5
    assert np.isnan(told["dead_units"].iloc[1])
    assert told["pruned_accuracy_10"].iloc[0] == 0.6
    assert told["pruned_accuracy_20"].iloc[0] == 0.7
    assert told["map_epoch"].iloc[0] == 30
    assert [bool(flag) for flag in told["map_converged"]] == [True, False]
    assert "importance" not in told


def test_thresholds_are_found_although_they_are_stored_rounded():
    thresholds = np.logspace(-8, 0, 25)
    rows = [
        {"member": "a", "tensor": tensor, "threshold": threshold, "count": i}
        for tensor in ("fc1.weight", "fc2.weight")
        for i, threshold in enumerate(thresholds)
    ]
    told = evidence(members({}), curves(a=FALLING), sparsity=pd.DataFrame(rows)).iloc[0]
    assert told["zeros_1e-4"] == 2 * 12
    assert told["zeros_1e-2"] == 2 * 18
    assert told["tiny_share"] == pytest.approx(24 / 200)
