"""Splits that are drawn per seed."""

from pathlib import Path

import pytest
import torch
from pandas.testing import assert_frame_equal

import lpreg
from lpreg import data
from lpreg.cli import main
from lpreg.study import dump, members, parse
from lpreg.study.measures import ensembles
from lpreg.study.network import check
from lpreg.study.plan import Resources, stacks
from tests.study.tiny import TINY, write

RESAMPLE = ("seeds = 2\n\n", "seeds = 2\nsplit_seed = 3\nresample = true\n\n")
SAME = ("seeds = 2\n\n", "seeds = 2\nsplit_seed = 3\n\n")
SHARE = ("lam = [1e-4, 1e-3]", 'lam = { match = "gradient-share", share = 0.1 }')
ONLY = ["--only", "model=small,arm=L1,arm=none"]


def text(*changes: tuple[str, str]) -> str:
    found = TINY
    for old, new in changes:
        assert old in found
        found = found.replace(old, new)
    return found


def test_every_seed_has_a_split_of_its_own():
    assert {(m.seed, m.split_seed) for m in members(parse(text(RESAMPLE)))} == {(0, 3), (1, 4)}
    assert {(m.seed, m.split_seed) for m in members(parse(text(SAME)))} == {(0, 3), (1, 3)}


def test_members_of_seed_0_are_the_same_and_the_others_are_not():
    resampled = {m.id: m.seed for m in members(parse(text(RESAMPLE)))}
    same = {m.id: m.seed for m in members(parse(text(SAME)))}
    shared = resampled.keys() & same.keys()
    assert {resampled[id] for id in shared} == {0}
    assert len(shared) == len(same) / 2


def test_what_is_not_asked_for_leaves_no_trace():
    said = text(("seeds = 2\n\n", "seeds = 2\nresample = false\n\n"))
    assert dump(parse(said)) == dump(parse(TINY))
    assert "resample" not in dump(parse(TINY))
    assert [m.id for m in members(parse(said))] == [m.id for m in members(parse(TINY))]
    written = dump(parse(text(RESAMPLE)))
    assert "resample = true" in written
    assert parse(written) == parse(text(RESAMPLE))


def test_a_stack_has_one_split():
    study = parse(text(RESAMPLE))
    wanted = members(study)
    of = {member.id: member.split_seed for member in wanted}
    planned = stacks(wanted, check(study, "tiny.toml"), Resources())
    assert sum(len(stack.members) for stack in planned) == len(wanted)
    assert all(len({of[id] for id in stack.members}) == 1 for stack in planned)


def test_the_share_of_the_test_part():
    assert parse(TINY).test_share is None
    assert parse(text(RESAMPLE)).test_share == {"digits": pytest.approx(60 / 100)}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("resampled")
    assert main(["run", str(write(home, RESAMPLE, SHARE)), *ONLY, "--out", str(home / "run")]) == 0
    return home / "run"


def test_members_are_evaluated_on_their_own_split(trained: Path):
    own = data.load("digits")
    for member in lpreg.read(trained).results.to_dict("records"):
        sizes = {"train": 100, "val": 50, "test": 60}
        parts = data.split(own, sizes, 3 + member["seed"])
        model = lpreg.load(trained, member=member["member"])
        for part, (x, y) in parts.items():
            with torch.no_grad():
                right = (model(x / own.scale).argmax(1) == y).double().mean()
            assert member[f"{part}_accuracy"] == pytest.approx(right.item())


def test_matched_strengths_are_those_of_the_split_of_seed_0(trained: Path, tmp_path: Path):
    strengths = lpreg.read(trained).results.dropna(subset="lam")["lam"]
    assert len(strengths) == 2
    assert strengths.nunique() == 1
    other = ["run", str(write(tmp_path, SAME, SHARE)), *ONLY, "--out", str(tmp_path / "run")]
    assert main([*other, "--seeds", "1"]) == 0
    assert set(lpreg.read(tmp_path / "run").results["lam"].dropna()) == set(strengths)


def test_there_is_no_ensemble_of_different_splits(trained: Path):
    assert ensembles(trained).empty


def test_a_folder_of_one_seed_may_go_on_resampled_and_one_of_several_may_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    short = ("epochs = 4", "epochs = 1")
    command = [*ONLY, "--out", str(tmp_path / "run")]
    assert main(["run", str(write(tmp_path, SAME, short)), *command, "--seeds", "1"]) == 0
    one = lpreg.read(tmp_path / "run").results
    assert main(["run", str(write(tmp_path, RESAMPLE, short)), *command]) == 0
    both = lpreg.read(tmp_path / "run").results
    first = both.query("seed == 0").reset_index(drop=True)
    assert_frame_equal(first, one, check_exact=True)
    assert len(both) == 2 * len(one)
    capsys.readouterr()
    assert main(["run", str(write(tmp_path, SAME, short)), *command]) == 2
    assert "study: resample is missing here" in capsys.readouterr().err
