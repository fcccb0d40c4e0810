"""The evidence of a study: per member, every number that a claim can be about."""

from dataclasses import dataclass
from math import isclose

import numpy as np
import pandas as pd

from lpreg.analysis.convergence import loss_epochs
from lpreg.analysis.doubledescent import rise

PARTS = {"train": "training", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class Metric:
    """A number per member.

    Attributes:
        label: its name in a sentence.
        percent: whether differences of it are told in percentage points.
        time: whether it is a time until something converged. A member that has not is censored: it
            counts with its last epoch, and `converged` names the column that says so.
        unit: of differences, where they are not in points.
    """

    label: str
    percent: bool = False
    time: bool = False
    unit: str = ""

    @property
    def told_in(self) -> str:
        """What differences are in: "points", "epochs", "weights" or ""."""
        return "points" if self.percent else "epochs" if self.time else self.unit


DENSITIES = (50, 20, 10)
"""Percent of the weights that are left by the pruning that claims speak of."""

METRICS = {
    **{f"{part}_accuracy": Metric(f"{word} accuracy", True) for part, word in PARTS.items()},
    **{f"{part}_loss": Metric(f"{word} loss") for part, word in PARTS.items()},
    **{f"{part}_mse": Metric(f"{word} squared error") for part, word in PARTS.items()},
    "gap": Metric("gap between training and test accuracy", True),
    "val_gap": Metric("gap between training and validation accuracy", True),
    "loss_gap": Metric("gap between test and training loss"),
    "best_val_accuracy": Metric("best validation accuracy", True),
    "best_val_mse": Metric("lowest squared error on validation"),
    "best_epoch": Metric("epoch that is best on validation", unit="epochs"),
    "best_train_accuracy": Metric("training accuracy at the epoch best on validation", True),
    "best_test_accuracy": Metric("test accuracy at the epoch best on validation", True),
    "best_train_mse": Metric("training squared error at the epoch best on validation"),
    "best_test_mse": Metric("test squared error at the epoch best on validation"),
    "rise": Metric("fall and rise of the validation accuracy", True),
    "loss_epoch": Metric("epoch of convergence of the training loss", time=True),
    "map_epoch": Metric("epoch of convergence of the weight map", time=True),
    "mean_abs_weight": Metric("mean |w|"),
    "penalty_value": Metric("value of the penalty"),
    "seconds": Metric("training time", unit="seconds"),
    "zeros": Metric("exact zeros", unit="weights"),
    "zeros_dead": Metric("exact zeros on constant inputs", unit="weights"),
    "zeros_1e-3": Metric("weights below 1e-3", unit="weights"),
    "zeros_1e-2": Metric("weights below 1e-2", unit="weights"),
    "zeros_1e-4": Metric("weights below 1e-4", unit="weights"),
    "zeros_1e-5": Metric("weights below 1e-5", unit="weights"),
    "zeros_share": Metric("share of exact zeros", True),
    "near_zeros_share": Metric("share of weights below 1e-3", True),
    "near_zeros_log": Metric("decimal logarithm of the number of weights below 1e-3"),
    "tiny_share": Metric("share of the weights below 1e-3 that are below 1e-4 too", True),
    "zeros_bfloat16": Metric("zeros after casting to bfloat16", unit="weights"),
    "zeros_int8": Metric("zeros after rounding to int8", unit="weights"),
    "effective_zeros": Metric("weights on no path from input to output", unit="weights"),
    "dead_units": Metric("dead units", unit="units"),
    **{
        f"pruned_accuracy_{left}": Metric(f"test accuracy with {left} % of the weights left", True)
        for left in DENSITIES
    },
    **{
        f"pruned_mse_{left}": Metric(f"test squared error with {left} % of the weights left")
        for left in DENSITIES
    },
    "agreement": Metric("rank correlation of the weight map with the permutation importance"),
    "removed": Metric("inputs removed", unit="inputs"),
    "removed_shuffled": Metric("shuffled inputs removed", unit="inputs"),
    "removed_constant": Metric("constant inputs removed", unit="inputs"),
    "latitude_rank": Metric("rank of latitude in the weight map, 1 the brightest"),
    "latitude_importance": Metric("rank of latitude by permutation importance, 1 the highest"),
}
"""What a claim may be about: columns of `evidence`. Gaps of a regression are those of its squared
errors, test or validation less training."""

GAPS = {"gap": "test", "val_gap": "val"}
"""Gaps, and the part that each compares with the training part."""

PEAKS = [f"{part}_{score}" for part in ("train", "test") for score in ("accuracy", "mse")]
BELOW = {"zeros_1e-2": 1e-2, "zeros_1e-4": 1e-4, "zeros_1e-5": 1e-5}


def evidence(
    results: pd.DataFrame,
    curves: pd.DataFrame,
    measures: pd.DataFrame | None = None,
    sparsity: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """What every member has to say.

    Args:
        results: one row per member.
        curves: one row per member and evaluated epoch.
        measures: one row per number: `member`, `measure`, `tensor`, `at`, `value`.
        sparsity: one row per member, tensor and threshold.

    Returns:
        One row per member, in the order and with the columns of `results`, and those of `METRICS`
        that these tables give, as floats; `loss_converged` and `map_converged`, whether the member
        was seen to converge. A diverged member has NaN in all of them.
    """
    frame = results.copy()
    sound = frame["status"] == "ok"
    found = [_at_the_best_epoch(results, curves), _times(results, curves), _rises(curves)]
    found += [_below(sparsity)] if sparsity is not None else []
    found += [_measured(measures)] if measures is not None else []
    for table in found:
        for name in table.columns:
            frame[name] = frame["member"].map(table[name])
    for name, part in GAPS.items():
        frame[name] = _gap(frame, part)
    frame["loss_gap"] = frame["test_loss"] - frame["train_loss"]
    frame["zeros_share"] = (frame["zeros"] - frame["zeros_dead"]) / frame["weights"]
    frame["near_zeros_share"] = frame["zeros_1e-3"] / frame["weights"]
    frame["near_zeros_log"] = np.log10(frame["zeros_1e-3"].where(frame["zeros_1e-3"] > 0))
    if "zeros_1e-4" in frame:
        frame["tiny_share"] = frame["zeros_1e-4"] / frame["zeros_1e-3"].where(
            frame["zeros_1e-3"] > 0
        )
    for name in (name for name in METRICS if name in frame):
        frame[name] = frame[name].astype(float).where(sound)
    return frame


def unit(metric: str, members: pd.DataFrame) -> str:
    """What differences of a metric between these members are told in. The gaps of a regression are
    those of its squared errors, and no points."""
    if metric in GAPS and _column(members, "test_accuracy").isna().all():
        return ""
    return METRICS[metric].told_in


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame.get(name, pd.Series(float("nan"), frame.index))


def _gap(frame: pd.DataFrame, part: str) -> pd.Series:
    accuracy = _column(frame, "train_accuracy") - _column(frame, f"{part}_accuracy")
    return accuracy.fillna(_column(frame, f"{part}_mse") - _column(frame, "train_mse"))


def _at_the_best_epoch(results: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    there = [name for name in PEAKS if name in curves]
    best = results[["member", "best_epoch"]].rename(columns={"best_epoch": "epoch"})
    then = best.merge(curves[["member", "epoch", *there]], on=["member", "epoch"])
    return then.set_index("member")[there].add_prefix("best_")


def _times(results: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    return loss_epochs(results, curves).set_index("member").add_prefix("loss_")


def _rises(curves: pd.DataFrame) -> pd.DataFrame:
    if "val_accuracy" not in curves:
        return pd.DataFrame()
    found = {
        member: rise(curve["epoch"], curve["val_accuracy"])
        for member, curve in curves.groupby("member", sort=False)
    }
    return pd.DataFrame({"rise": pd.Series(found, dtype=float)})


def _below(sparsity: pd.DataFrame) -> pd.DataFrame:
    """Weights up to each of these thresholds, which are rounded where they are stored."""
    counts = {}
    for name, threshold in BELOW.items():
        near = [t for t in sparsity["threshold"].unique() if isclose(t, threshold, rel_tol=1e-6)]
        rows = sparsity.loc[sparsity["threshold"].isin(near)]
        counts[name] = rows.groupby("member")["count"].sum()
    return pd.DataFrame(counts)


def _measured(measures: pd.DataFrame) -> pd.DataFrame:
    """One column per measure, summed over the tensors; after pruning, one per density."""
    names = measures["measure"]
    percent = (100 * measures["at"].fillna(0)).round().astype(int).astype(str)
    pruned = names.str.startswith("pruned_test_")
    named = names.where(~pruned, names.str.replace("_test", "") + "_" + percent)
    kept = named.isin([*METRICS, "map_converged"])
    groups = measures.loc[kept].groupby(["member", named[kept]])["value"]
    table = groups.sum(min_count=1).unstack()
    if "map_converged" in table:
        table["map_converged"] = table["map_converged"] == 1
    return table
