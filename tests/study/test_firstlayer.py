"""`lpreg show` of a study whose recipe keeps snapshots: the table of first layers, the pictures."""

import re
from pathlib import Path

import numpy as np
import pytest

import lpreg
from lpreg import data
from lpreg.analysis.weightmaps import euclidean, weight_map
from lpreg.cli import main
from lpreg.data import DataError
from lpreg.study import members, parse
from lpreg.study.maps import inputs_of, long, weight_maps
from tests.study.tiny import write

ASK = ("evaluate_every = 2", 'evaluate_every = 1\nsnapshots = ["fc*.weight"]\nsnapshot_every = 2')
ONE = ("[1e-4, 1e-3, 1e-2]", "1e-2")
ONLY = ["--only", "model=small,arm=L1-proximal,arm=none", "--recipe", "all"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which recipe modern has snapshots and recipe document has none."""
    home = tmp_path_factory.mktemp("trained")
    assert main(["run", str(write(home, ASK, ONE)), *ONLY, "--out", str(home / "run")]) == 0
    return home / "run"


def planned(folder: Path) -> list:
    return members(parse((folder / "study.toml").read_text("utf-8")))


def there(folder: Path) -> list:
    """The members that are trained."""
    stored = set(lpreg.read(folder).results["member"])
    return [member for member in planned(folder) if member.id in stored]


def test_maps_of_the_members_with_snapshots(trained: Path):
    maps = weight_maps(trained, there(trained))
    modern = lpreg.read(trained).results.query("recipe == 'modern'")
    assert list(maps) == modern["member"].tolist()
    for member, (epochs, scores) in maps.items():
        _, copies = lpreg.snapshots(trained, member=member)
        assert epochs.tolist() == [0, 2, 4]
        assert np.array_equal(scores, weight_map(copies["fc1.weight"]))
    other = weight_maps(trained, there(trained), euclidean)
    assert not np.array_equal(other[next(iter(maps))].scores, next(iter(maps.values())).scores)


def test_inputs_of_a_table_without_names(trained: Path):
    inputs = inputs_of(planned(trained)[0])
    assert inputs.names == [str(i) for i in range(64)]
    assert inputs.shape == (1, 64)
    x, _ = data.split(data.load("digits"), {"train": 100, "val": 50, "test": 60}, 0)["train"]
    assert inputs.constant.tolist() == (x == x[0]).all(0).tolist()
    assert inputs.constant.any()


def test_maps_as_a_frame(trained: Path):
    maps = weight_maps(trained, there(trained)[:2])
    table = long(maps, inputs_of(planned(trained)[0]))
    assert len(table) == sum(scores.size for _, scores in maps.values())
    for member, (_, scores) in maps.items():
        own = table.query(f"member == '{member}' and epoch == 2")
        assert own["score"].tolist() == scores[1].tolist()
        assert own["input"].tolist() == [str(i) for i in range(64)]


def test_show_prints_the_table_and_draws(trained: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["show", str(trained)]) == 0
    head, _, table = capsys.readouterr().out.partition("first layer, median epochs")
    assert head.endswith("small, digits, recipe modern: ")
    maps = weight_maps(trained, there(trained))
    constant = inputs_of(planned(trained)[0]).constant
    results = lpreg.read(trained).results.set_index("member")
    for arm in ("none", "L1-proximal"):
        gone = np.array([m.scores[-1] == 0 for i, m in maps.items() if results.arm[i] == arm])
        removed, dead = gone[:, ~constant].sum(1).mean(), gone[:, constant].sum(1).mean()
        sizes = f"{removed:.4g} of {(~constant).sum()} +{dead:.4g} of {constant.sum()}"
        assert re.search(rf"^{arm} .* {sizes} +-?\d\.\d\d$", table, re.MULTILINE)
    assert "recipe document: first layer" not in table
    drawn = {path.name for path in (trained / "figures").iterdir()}
    assert {f"maps-digits-modern-small.{ending}" for ending in ("png", "svg", "gif")} <= drawn
    assert {f"importance-digits-modern-small.{ending}" for ending in ("png", "svg")} <= drawn
    assert f"{len(drawn)} pictures in {trained / 'figures'}" in table


def test_without_the_data_the_rest_is_shown(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def lost(*_: object, **__: object):
        raise DataError("digits is not here")

    monkeypatch.setattr(data, "load", lost)
    assert main(["show", str(trained)]) == 0
    out, err = capsys.readouterr()
    assert err == "lpreg: no weight maps: digits is not here\n"
    assert "first layer" not in out
    assert "next: " in out
