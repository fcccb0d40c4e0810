"""California Housing: what houses cost in 20,640 districts, in the table as it was published."""

from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from lpreg.data.cache import DataError, File, Source
from lpreg.data.download import obtain
from lpreg.data.sets import Dataset

FEATURES = (
    "longitude",
    "latitude",
    "housing_median_age",
    "total_rooms",
    "total_bedrooms",
    "population",
    "households",
    "median_income",
)

TABLE = File(
    path="california_housing/cal_housing.data",
    url="https://ndownloader.figshare.com/files/5976036",
    checksum="sha256:aaa5c9a6afe2225cc2aed2723682ae403280c4a3695a2ddda4ffb5d8215ea681",
    size=442_000,
    member="CaliforniaHousing/cal_housing.data",
)

VALUES = "a2f4f55ff91c67e60391318ea4d61d247d09f8fef119ec6f44a1eb727d7f1f7b"
"""sha256 of the table's values as little-endian float64, row by row."""

HOUSING = Source("house prices in Californian districts, 8 inputs", 20_640, (TABLE,))

SHUFFLE_SEED = 1990


def housing(*, shuffled: int = 0) -> Dataset:
    """The raw table, x (20640, 8) in `FEATURES`' order, y median house value in 100,000 dollars.

    The inputs are totals per district, unlike scikit-learn's `fetch_california_housing`, which
    gives averages per household of the same table. 965 values are cut off at 500,001 dollars.

    Source: Pace and Barry, "Sparse spatial autoregressions", Statistics and Probability Letters 33,
    1997 (StatLib); the archive that scikit-learn fetches.

    Args:
        shuffled: copies of the inputs that are appended, 8 columns each, their rows permuted by a
            fixed generator: distributed as the inputs are, and without a meaning for the target.

    Raises:
        DataError: the table cannot be downloaded, or is damaged.
        ValueError: a negative `shuffled`.
    """
    if shuffled < 0:
        raise ValueError(f"shuffled = {shuffled}; allowed: 0 or more copies of the inputs")
    table = _table(obtain(TABLE))
    inputs, random = table[:, :-1], np.random.default_rng(SHUFFLE_SEED)
    copies = [random.permutation(inputs) for _ in range(shuffled)]
    names = [f"{name} (shuffled {k})" for k in range(1, shuffled + 1) for name in FEATURES]
    return Dataset(
        name="housing",
        x=torch.as_tensor(np.hstack([inputs, *copies]), dtype=torch.float32),
        y=torch.as_tensor(table[:, -1] / 1e5, dtype=torch.float32),
        task="regression",
        classes=1,
        features=(*FEATURES, *names),
        unit="100,000 $",
    )


def _table(path: Path) -> np.ndarray:
    try:
        table = np.loadtxt(path, delimiter=",", dtype="<f8", ndmin=2)
    except ValueError as error:
        why = f"it is no table of numbers: {error}"
    else:
        if sha256(table.tobytes()).hexdigest() == VALUES:
            return table
        why = "its values are not the official ones"
    raise DataError(
        f"{path} is damaged: {why}; delete it, and it is downloaded again from {TABLE.url}"
    )
