"""What is killed or interrupted goes on where it was."""

import os
import random
import signal
import time
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

import lpreg
from lpreg.cli import main
from tests.study.tiny import contents, start, write

CHANGES = ("width = 4", "width = 2"), ("epochs = 4", "epochs = 25")
"""Fifteen stacks that take a moment each."""


def finished(run: Path) -> dict[str, str]:
    """The finished stacks, with a hash of their results."""
    return {k: v for k, v in contents(run / "results").items() if k.endswith(".parquet")}


def wait_for(run: Path, stacks: int, process) -> None:
    """Until so many stacks are finished, or the process has ended."""
    end = time.monotonic() + 120
    while len(finished(run)) < stacks and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("undisturbed")
    assert main(["run", str(write(home, *CHANGES)), "--out", str(home / "run")]) == 0
    return home / "run"


def assert_same(run: Path, undisturbed: Path) -> None:
    for a, b in zip(lpreg.read(run), lpreg.read(undisturbed), strict=True):
        dropped = [column for column in ("seconds",) if column in a]
        assert_frame_equal(a.drop(columns=dropped), b.drop(columns=dropped), check_exact=True)


def test_killed_at_any_moment_it_goes_on_to_the_same_numbers(tmp_path: Path, undisturbed: Path):
    command = ["run", write(tmp_path, *CHANGES), "--out", "run"]
    moments = random.Random(0)
    for workers, stacks in ((1, 0), (2, 3), (1, 7)):
        process = start(*command, "--workers", workers, cwd=tmp_path)
        wait_for(tmp_path / "run", stacks, process)
        time.sleep(moments.uniform(0, 0.3))
        before = finished(tmp_path / "run")
        process.kill()
        process.communicate()
        assert before.items() <= finished(tmp_path / "run").items()
    before = finished(tmp_path / "run")
    assert 7 <= len(before) < len(finished(undisturbed))
    assert main(["run", str(command[1]), "--out", str(tmp_path / "run")]) == 0
    assert before.items() <= finished(tmp_path / "run").items()
    assert_same(tmp_path / "run", undisturbed)


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_is_one_line_with_the_command_that_goes_on(tmp_path: Path, workers: int):
    command = ["run", write(tmp_path, *CHANGES), "--out", "run", "--workers", workers]
    process = start(*command, cwd=tmp_path)
    wait_for(tmp_path / "run", 2, process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: workers get it too
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    typed = " ".join(map(str, command))
    assert err == f"interrupted; go on with: python -m lpreg {typed}\n"
    assert 2 <= len(finished(tmp_path / "run")) < 15
