"""Made-up weight maps."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tests.analysis.frames import results

EPOCHS = range(0, 101, 10)
ARMS = {
    "none": np.nan,
    "L1": 1e-4,
    "L2": 0.05,
    **{f"Group-proximal-{number}": 6.678e-6 for number in range(11)},
}
FEATURES = ["longitude", "latitude", "housing_median_age", "median_income"]
FEATURES += [f"{name} (shuffled 1)" for name in FEATURES]
PIXELS = [str(i) for i in range(16)]


def members(
    arms: Mapping[str, float] = ARMS, seeds: int = 1, data: str = "housing"
) -> pd.DataFrame:
    """Results: one row per arm and seed."""
    rows = [
        {"arm": arm, "lam": lam, "seed": seed, "data": data}
        for arm, lam in arms.items()
        for seed in range(seeds)
    ]
    return results([{**row, "member": f"m{i}"} for i, row in enumerate(rows)])


def maps(
    table: pd.DataFrame, inputs: Sequence[str], epochs: Sequence[int] = EPOCHS
) -> pd.DataFrame:
    """Maps that fade exponentially, all but the first input, from random ones."""
    random, tables = np.random.default_rng(0), []
    for member in table["member"]:
        start = random.uniform(0.1, 1, size=len(inputs))
        for epoch in epochs:
            score = start * np.where(np.arange(len(inputs)) == 0, 1, np.exp(-epoch / 10))
            columns = {"member": member, "epoch": epoch, "input": inputs}
            tables.append(pd.DataFrame({**columns, "score": score / score.max()}))
    return pd.concat(tables, ignore_index=True)
