"""Results frames made by hand."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

MEMBER: dict[str, Any] = {
    "data": "digits",
    "model": "h32",
    "recipe": "modern",
    "arm": "L1",
    "penalty": "L1",
    "p": 1.0,
    "lam": 1e-4,
    "l1_ratio": float("nan"),
    "lr": 1e-3,
    "momentum": 0.0,
    "batch_size": 64,
    "dropout": 0.0,
    "seed": 0,
    "status": "ok",
    "weights": 1000,
    "zeros": 100,
    "zeros_dead": 10,
    "zeros_1e-3": 200,
    "mean_abs_weight": 0.1,
    "train_loss": 0.1,
    "val_loss": 0.2,
    "test_loss": 0.3,
    "train_accuracy": 0.9,
    "val_accuracy": 0.8,
    "test_accuracy": 0.7,
}
NONE = {"arm": "none", "penalty": None, "p": float("nan"), "lam": float("nan")}


def results(members: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per member; what a member does not say is as in `MEMBER`."""
    return pd.DataFrame([{**MEMBER, **member} for member in members])


def regression(frame: pd.DataFrame) -> pd.DataFrame:
    """The same results as those of a regression: squared errors in the place of accuracies."""
    return frame.rename(columns=lambda name: name.replace("_accuracy", "_mse"))
