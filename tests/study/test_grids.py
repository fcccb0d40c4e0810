"""Several data sets, a regression among them, and axes: what is stored and what is printed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import lpreg
from lpreg.cli import main
from lpreg.data import DATA, Dataset, split
from lpreg.study import SpecError

GRID = """
[study]
name = "grid"
seeds = 2

[[data]]
name = "digits"
split = { train = 100, val = 50, test = 60 }

[[data]]
name = "houses"
split = { train = 40, val = 20, test = 20 }

[[model]]
name = "small"
kind = "mlp"
hidden = [4]

[[model]]
name = "linear"
kind = "mlp"
hidden = []

[[recipe]]
name = "modern"
data = ["digits"]
models = ["small"]
lr = [1e-3, 1e-2]
batch_size = 50
epochs = 1
inputs = "scaled"

[[recipe]]
name = "modern"
data = ["houses"]
optimizer = "sgd"
lr = 0.1
momentum = [0.0, 0.5]
batch_size = ["all", 20]
epochs = 3
inputs = "standardized"
loss = "mse"

[[arm]]
name = "none"

[[arm]]
name = "L1"
penalty = { kind = "L1", lam = [1e-3, 1e-2] }
"""
SPLIT = {"train": 40, "val": 20, "test": 20}


def houses() -> Dataset:
    """A regression with targets far from order one."""
    x = torch.randn(80, 3, generator=torch.Generator().manual_seed(0))
    y = 200_000 + 50_000 * (x[:, 0] - x[:, 1])
    return Dataset("houses", x, y, "regression", 1, unit="dollars")


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    """Houses as a data set of the registry."""
    DATA["houses"] = houses
    yield
    del DATA["houses"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("grid")
    (home / "grid.toml").write_text(GRID, "utf-8")
    arguments = ["run", str(home / "grid.toml"), "--workers", "1", "--out", str(home / "run")]
    assert main(arguments) == 0
    return home / "run"


def test_every_point_of_every_axis_is_trained_where_its_recipe_applies(trained: Path):
    results = lpreg.read(trained).results
    digits, houses = (results[results["data"] == name] for name in ("digits", "houses"))
    assert len(digits) == 2 * 2 * 3
    assert set(digits["model"]) == {"small"}
    assert len(houses) == 2 * 2 * 2 * 2 * 3
    assert set(zip(houses["momentum"], houses["batch_size"], strict=True)) == {
        (0.0, 40), (0.0, 20), (0.5, 40), (0.5, 20),
    }  # fmt: skip


def test_errors_are_in_the_unit_of_the_target(trained: Path):
    stored = lpreg.read(trained).results
    row = stored[stored["data"] == "houses"].query("model == 'linear'").iloc[-1]
    which = ("arm", "lam", "momentum", "batch_size", "seed")
    model = lpreg.load(trained, data="houses", model="linear", **{key: row[key] for key in which})
    parts = split(houses(), SPLIT, 0)
    x, y = parts["train"]
    mean, deviation = x.mean(0), x.std(0, correction=0)
    for part, (inputs, targets) in parts.items():
        outputs = model((inputs - mean) / deviation).squeeze(1).detach()
        guess = outputs * y.std(correction=0) + y.mean()
        mse = (guess - targets).square().mean().item()
        assert row[f"{part}_mse"] == pytest.approx(mse, rel=1e-3)
    assert set(stored["unit"].dropna()) == {"dollars"}
    assert stored.loc[stored["data"] == "digits", ["unit", "val_mse"]].isna().all(axis=None)


def test_the_best_of_a_regression_is_the_lowest_error(trained: Path):
    results, curves, *_ = lpreg.read(trained)
    lowest = curves.groupby("member")["val_mse"].min()
    rows = results[results["data"] == "houses"]
    assert np.array_equal(lowest[rows["member"]], rows["best_val_mse"])


def tables(folder: Path, capfd) -> dict[str, list[list[str]]]:
    """What `show` prints: the line over a pair of tables -> the lines of both, in cells."""
    capfd.readouterr()
    assert main(["show", str(folder)]) == 0
    blocks: dict[str, list[list[str]]] = {}
    title = ""
    for line in capfd.readouterr().out.splitlines():
        if ", recipe " in line:
            title = line
        elif title and line.strip():
            blocks.setdefault(title, []).append(line.split())
    return blocks


def test_show_has_a_table_for_every_data_set_and_says_the_unit(trained: Path, capfd):
    blocks = tables(trained, capfd)
    assert list(blocks) == [
        "small, 296 weights, digits, recipe modern",
        "small, 16 weights, houses, recipe modern, mse in (dollars)²",
        "linear, 3 weights, houses, recipe modern, mse in (dollars)²",
    ]
    heads = [" ".join(lines[0]) for lines in blocks.values()]
    assert heads[0] == "arm lam lr n train % val % test % gap %"
    assert heads[1] == "arm lam momentum batch n train mse val mse test mse gap mse"
    for name in ("digits", "small", "linear"):
        assert any(name in file.name for file in (trained / "figures").iterdir())


def test_show_tells_the_points_of_an_axis_apart_and_marks_one_of_an_arm(trained: Path, capfd):
    for title, lines in tables(trained, capfd).items():
        first = lines[: next(i for i, line in enumerate(lines) if "best" in line)]
        rows = [line for line in first if line[0] in ("none", "L1")]
        points = 2 if "digits" in title else 4
        assert len(rows) == 3 * points
        marked = [row[0] for row in rows if "*" in row]
        assert sorted(marked) == ["L1", "none"]
        keys = [tuple(row[: row.index("2")]) for row in rows]
        assert len({tuple(w for w in key if w != "*") for key in keys}) == len(rows)


def test_load_asks_for_the_point_of_an_axis(trained: Path):
    with pytest.raises(SpecError, match="say also which momentum"):
        lpreg.load(trained, data="houses", model="linear", arm="none", batch_size=20)


def test_only_takes_axes(trained: Path, tmp_path: Path, capfd):
    file = str(trained / "study.toml")
    only = ["--only", "data=houses,model=linear,arm=none,momentum=0.5,batch_size=all,seed=1"]
    assert main(["run", file, *only, "--out", str(tmp_path / "run")]) == 0
    assert len(lpreg.read(tmp_path / "run").results) == 1
