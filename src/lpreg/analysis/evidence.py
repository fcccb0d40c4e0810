"""The evidence of a study: per member, every number that a claim can be about."""

from dataclasses import dataclass

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
}
"""What a claim may be about: columns of `evidence`. Gaps of a regression are those of its squared
errors, test or validation less training."""
