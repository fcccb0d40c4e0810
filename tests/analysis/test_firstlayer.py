"""The table of the first layer, against frames made by hand."""

from math import nan

import pandas as pd
import pytest

from lpreg.analysis import Convergence, first_layer, member_epochs
from tests.analysis.frames import NONE, results

MEMBERS = results(
    [
        {"member": "a", **NONE},
        {"member": "b", **NONE, "seed": 1},
        {"member": "c", "lam": 1e-3, "val_accuracy": 0.7},
        {"member": "d", "lam": 1e-2, "val_accuracy": 0.9},
        {"member": "e", "lam": 1e-2, "val_accuracy": 0.9, "seed": 1},
        {"member": "g", "lam": 1e-2, "seed": 2, "status": "diverged"},
        {"member": "f", "arm": "L2", "lam": 1.0},
    ]
)
LOSS = {
    "a": Convergence(10, True),
    "b": Convergence(20, True),
    "c": Convergence(100, False),
    "g": Convergence(nan, False),
    "d": Convergence(7, True),
    "e": Convergence(100, False),
    "f": Convergence(1, True),
}
MAPS = {member: Convergence(40, True) for member in "gedcba"}
READS = pd.DataFrame(
    {"member": list("dceabg"), "removed": [4, 1, 5, 0, 0, 9], "agreement": [nan] * 6}
)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    loss, maps = member_epochs(MEMBERS, LOSS), member_epochs(MEMBERS, MAPS)
    return first_layer(MEMBERS, loss, maps, READS)


def test_a_row_per_setting_that_has_maps(table: pd.DataFrame):
    assert table["arm"].tolist() == ["none", "L1", "L1"]
    assert table["lam"].tolist() == pytest.approx([nan, 1e-3, 1e-2], nan_ok=True)
    assert table["n"].tolist() == [2, 1, 2]
    assert table["diverged"].tolist() == [0, 0, 1]
    assert table["chosen"].tolist() == [True, True, False]


def test_epochs_are_medians_and_counts_are_means(table: pd.DataFrame):
    assert table["loss_epoch"].tolist() == pytest.approx([15, nan, nan], nan_ok=True)
    assert table["loss_converged"].tolist() == [1, 0, pytest.approx(1 / 3)]
    assert table["map_epoch"].tolist() == [40, 40, 40]
    assert table["removed"].tolist() == [0, 1, 4.5]
    assert table["agreement"].isna().all()


def test_a_member_that_nobody_asked_about_does_not_count():
    loss, maps = member_epochs(MEMBERS, LOSS), member_epochs(MEMBERS, MAPS)
    few = first_layer(MEMBERS, loss, maps, READS.loc[READS["member"] != "e"])
    assert few["removed"].tolist() == [0, 1, 4]
    assert few["n"].tolist() == [2, 1, 2]
