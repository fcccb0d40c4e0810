"""Snapshots: copies of chosen tensors over the epochs, kept and read back."""

from pathlib import Path

import numpy as np
import pytest

import lpreg
from lpreg.cli import main
from lpreg.study import FolderError, SpecError, members, parse
from lpreg.study.network import check
from tests.study.tiny import TINY, write

ASK = ("evaluate_every = 2", 'evaluate_every = 2\nsnapshots = ["fc*.weight"]\nsnapshot_every = 3')


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("snapshots")
    only = ["--only", "model=small,arm=L1-proximal,arm=none", "--recipe", "all"]
    assert main(["run", str(write(home, ASK)), *only, "--out", str(home / "run")]) == 0
    return home / "run"


def test_they_are_from_the_start_every_few_epochs_and_the_end(trained: Path):
    which = {"recipe": "modern", "arm": "L1-proximal", "lam": 1e-3}
    epochs, first = lpreg.snapshots(trained, **which, seed=0)
    assert epochs.tolist() == [0, 3, 4]
    assert {name: copies.shape for name, copies in first.items()} == {
        "fc1.weight": (3, 6, 64),
        "fc2.weight": (3, 10, 6),
    }
    last = dict(lpreg.load(trained, **which, seed=0).named_parameters())
    assert np.array_equal(first["fc1.weight"][-1], last["fc1.weight"].detach().numpy())
    _, plain = lpreg.snapshots(trained, recipe="modern", arm="none", seed=0)
    assert np.array_equal(first["fc1.weight"][0], plain["fc1.weight"][0])
    _, second = lpreg.snapshots(trained, **which, seed=1)
    assert not np.array_equal(first["fc1.weight"][0], second["fc1.weight"][0])


def test_who_did_not_ask_has_none(trained: Path):
    with pytest.raises(FolderError, match="does not ask for any"):
        lpreg.snapshots(trained, recipe="document", seed=0)
    with pytest.raises(SpecError, match="say also which"):
        lpreg.snapshots(trained, recipe="modern", seed=0)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('snapshots = ["fc7.*"]', ["model 'small'", "'fc7.*'", "fc1.weight"]),
        ("snapshot_every = 2", ["recipe 1", "needs snapshots"]),
        ("snapshots = []", ["recipe 1: snapshots"]),
        ('precision = "fp8"', ["recipe 1: precision", "bf16"]),
        ("channels_last = 1", ["recipe 1: channels_last"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line(line: str, says: list[str]):
    text = TINY.replace("evaluate_every = 2", f"evaluate_every = 2\n{line}")
    with pytest.raises(SpecError) as caught:
        check(parse(text, "some.toml"), "some.toml")
    assert [words for words in says if words not in str(caught.value)] == []


def test_defaults_that_are_written_out_change_no_member():
    plain = [member.id for member in members(parse(TINY))]
    default = 'evaluate_every = 2\nprecision = "float32"\nchannels_last = false'
    same = parse(TINY.replace("evaluate_every = 2", default))
    assert [member.id for member in members(same)] == plain
    other = parse(TINY.replace("evaluate_every = 2", 'evaluate_every = 2\nprecision = "bf16"'))
    changed = members(other, ["modern"])
    assert {member.id for member in changed}.isdisjoint(plain)
    assert {member.training().precision for member in changed} == {"bf16"}
