"""Tables to compare penalties on, small enough for a second."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def houses() -> pd.DataFrame:
    """60 rows: a number with gaps, a truth value, categories, a constant, and the price."""
    random = np.random.default_rng(0)
    size = random.uniform(30, 200, 60).round(1)
    town = random.choice(["Aachen", "Bonn", "Celle"], 60)
    garden = random.choice(["yes", "no"], 60)
    price = 3 * size + 100 * (town == "Bonn") + 40 * (garden == "yes") + random.normal(0, 5, 60)
    frame = pd.DataFrame({"size": size, "town": town, "garden": garden, "country": "DE"})
    frame.loc[[3, 7, 20], "size"] = np.nan
    frame.loc[[4, 9], "town"] = None
    return frame.assign(price=price.round(2))


@pytest.fixture(scope="session")
def table(houses: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file."""
    file = tmp_path_factory.mktemp("data") / "houses.csv"
    houses.to_csv(file, index=False)
    return file
