"""Accuracy and exact zeros of every setting that was tried, for the pictures that compare them.

They are about the validation part: the test part may be read only where a strength was chosen.
"""

import pandas as pd

from lpreg.analysis import chosen
from lpreg.analysis.tables import AXES, CELL, KNOBS
from lpreg.figures.drawing import ABOUT, Evidence, intervals, score

VALUES = [f"{name}{end}" for name in ("zeros", "score") for end in ("", "_low", "_high")]
COLUMNS = [*ABOUT, *AXES, "chosen", "metric", "n", *VALUES]


def settings(evidence: Evidence) -> pd.DataFrame:
    """One row per setting, over the members that finished.

    Returns:
        The columns of `ABOUT` and `AXES`, `chosen` (on validation), `metric` ("accuracy" or "mse"),
        `n` (members), and with 95 % t intervals (`_low`, `_high`) the means `zeros` (exact zeros as
        a share of the weights, without those on inputs that are constant in the training part) and
        `score` (on the validation part).
    """
    results = evidence.results
    finished = results.assign(chosen=chosen(results)).loc[results["status"] == "ok"]
    members = evidence.named(finished).join(score(finished, "val"))
    members["zeros"] = (members["zeros"] - members["zeros_dead"]) / members["weights"]
    by = [*CELL, *(knob for knob in KNOBS if knob in members), "chosen", "metric"]
    return intervals(members, by, ["zeros", "score"])
