"""A stack that is killed while it trains goes on within its members, to the same numbers."""

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pandas.testing import assert_frame_equal
from safetensors.torch import load_file, save_file
from torch import Tensor

import lpreg
from lpreg.cli import main
from lpreg.study.checkpoint import StackCheckpoint
from tests.study.tiny import start, write

CHANGES = (
    ("width = 4", "width = 80\ncheckpoint = 0.02"),
    ("epochs = 4\nevaluate_every = 2", "epochs = 120\nevaluate_every = 10"),
)
"""One stack that takes a second or two."""

ONLY = ["--only", "model=small,arm=none,arm=L1-proximal"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("undisturbed")
    assert main(["run", str(write(home, *CHANGES)), *ONLY, "--out", str(home / "run")]) == 0
    return home / "run"


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose only stack was killed at a random moment, its study beside it."""
    home = tmp_path_factory.mktemp("killed")
    process = start("run", write(home, *CHANGES), *ONLY, "--out", "run", cwd=home)
    end = time.monotonic() + 120
    while not saved(home / "run") and process.poll() is None:
        assert time.monotonic() < end, "no checkpoint"
        time.sleep(0.005)
    time.sleep(random.Random(1).uniform(0, 0.1))
    process.kill()
    process.communicate()
    assert lpreg.read(home / "run").results.empty
    return home / "run"


def saved(run: Path) -> list[Path]:
    return list((run / "checkpoints").glob("*.safetensors"))


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Tensor] | None]:
    """What stacks have found in their checkpoints."""
    found = []
    load = StackCheckpoint.load
    monkeypatch.setattr(StackCheckpoint, "load", lambda each: found.append(load(each)) or found[-1])
    return found


def resume(killed: Path, home: Path) -> Path:
    """A copy of the killed folder."""
    return shutil.copytree(killed, home / "run")


def assert_same_in_the_end(run: Path, killed: Path, undisturbed: Path) -> None:
    assert main(["run", str(killed.parent / "tiny.toml"), *ONLY, "--out", str(run)]) == 0
    for a, b in zip(lpreg.read(run), lpreg.read(undisturbed), strict=True):
        times = [column for column in a if column == "seconds"]
        assert_frame_equal(a.drop(columns=times), b.drop(columns=times), check_exact=True)
    assert not (run / "checkpoints").exists()
    assert not list(run.rglob("*.part"))


def test_it_goes_on_where_it_was(killed: Path, tmp_path: Path, undisturbed: Path, loads: list):
    assert_same_in_the_end(resume(killed, tmp_path), killed, undisturbed)
    (state,) = loads
    assert state is not None
    assert int(state["step"]) > 0


def another_stack(file: Path) -> None:
    state = load_file(file)
    about = {"origin": "elsewhere", "hash": "0", "step": "5"}
    save_file(state, file, about)


def changed_weights(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-40:] = bytes(255 - byte for byte in content[-40:])
    file.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "of another stack": another_stack,
    "changed": changed_weights,
    "cut off": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "empty": lambda file: file.write_bytes(b""),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
}


@pytest.mark.parametrize("damage", list(DAMAGES.values())[:2], ids=list(DAMAGES)[:2])
def test_a_checkpoint_that_is_not_its_own_is_never_believed(
    damage: Callable[[Path], object], killed: Path, tmp_path: Path, undisturbed: Path, loads: list
):
    run = resume(killed, tmp_path)
    damage(*saved(run))
    assert_same_in_the_end(run, killed, undisturbed)
    assert loads == [None]


STATE = {"step": torch.tensor(3), "x": torch.arange(6.0).view(2, 3).T, "y": torch.zeros(0)}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_files_are_as_if_there_were_none(damage: Callable[[Path], object], tmp_path: Path):
    checkpoint = StackCheckpoint(tmp_path / "a.safetensors", "a")
    assert checkpoint.load() is None
    checkpoint.save(STATE)
    assert checkpoint.step() == 3
    loaded = checkpoint.load()
    assert loaded is not None
    assert {name: value.tolist() for name, value in loaded.items()} == {
        name: value.tolist() for name, value in STATE.items()
    }
    assert StackCheckpoint(checkpoint.file, "b").load() is None
    assert StackCheckpoint(checkpoint.file, "b").step() == 0
    damage(checkpoint.file)
    assert checkpoint.load() is None


def test_what_cannot_be_saved_leaves_training_alone(tmp_path: Path):
    (tmp_path / "checkpoints").write_text("a file where the folder should be", "utf-8")
    checkpoint = StackCheckpoint(tmp_path / "checkpoints" / "a.safetensors", "a")
    checkpoint.save(STATE)
    assert checkpoint.load() is None


def test_checkpoints_of_stacks_that_are_planned_no_more_are_removed(
    killed: Path, tmp_path: Path, undisturbed: Path
):
    run = resume(killed, tmp_path)
    shutil.copy(saved(run)[0], run / "checkpoints" / "0123456789ab.safetensors")
    assert_same_in_the_end(run, killed, undisturbed)
