"""What is killed or interrupted goes on where it was."""

import os
import random
import signal
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

import lpreg
from lpreg.cli import main
from lpreg.study import execute
from tests.study.tiny import start, write

CHANGES = ("width = 4", "width = 2"), ("epochs = 4", "epochs = 15")
"""Sixteen stacks that take a moment each."""


def finished(run: Path) -> dict[str, str]:
    """The finished stacks, with a hash of their results."""
    files = (run / "results").glob("*.parquet")
    return {file.name: sha256(file.read_bytes()).hexdigest() for file in files}


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8")
    except OSError:  # no such process, or another operating system
        return []
    return [int(child) for child in text.split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("undisturbed")
    assert main(["run", str(write(home, *CHANGES)), "--out", str(home / "run")]) == 0
    return home / "run"


def assert_same(run: Path, undisturbed: Path) -> None:
    for a, b in zip(lpreg.read(run), lpreg.read(undisturbed), strict=True):
        times = [column for column in a if column == "seconds"]
        assert_frame_equal(a.drop(columns=times), b.drop(columns=times), check_exact=True)


def test_killed_at_any_moment_it_goes_on_to_the_same_numbers(tmp_path: Path, undisturbed: Path):
    """In one process or several; and the death of the parent is the end of its workers."""
    command = ["run", write(tmp_path, *CHANGES), "--out", "run"]
    run = tmp_path / "run"
    moments = random.Random(0)
    for workers, stacks in ((2, 1), (1, 6)):
        process = start(*command, "--workers", workers, cwd=tmp_path)
        wait_until(lambda n=stacks, p=process: len(finished(run)) >= n or p.poll() is not None)
        time.sleep(moments.uniform(0, 0.1))
        before, family = finished(run), children(process.pid)
        process.kill()
        process.communicate()
        assert before.items() <= finished(run).items()
        wait_until(lambda pids=family: not any(map(is_alive, pids)))
    before = finished(run)
    assert 6 <= len(before) < len(finished(undisturbed))
    assert main(["run", str(command[1]), "--out", str(run)]) == 0
    assert before.items() <= finished(run).items()
    assert_same(run, undisturbed)


def test_ctrl_c_is_one_line_with_the_command_that_goes_on(tmp_path: Path):
    command = ["run", write(tmp_path, *CHANGES), "--out", "run", "--workers", 2]
    process = start(*command, cwd=tmp_path)
    wait_until(lambda: len(finished(tmp_path / "run")) >= 2 or process.poll() is not None)
    family = children(process.pid)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it too
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err == f"interrupted; go on with: python -m lpreg {' '.join(map(str, command))}\n"
    assert 2 <= len(finished(tmp_path / "run")) < 16
    wait_until(lambda: not any(map(is_alive, family)))  # the last one may still be on its way out


def test_ctrl_c_in_a_single_process(tmp_path: Path, monkeypatch, capfd):
    train, calls = execute.train, []

    def interrupted(task, tick):
        calls.append(task)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return train(task, tick)

    monkeypatch.setattr(execute, "train", interrupted)
    assert main(["run", str(write(tmp_path, *CHANGES)), "--out", str(tmp_path / "run")]) == 130
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("interrupted; go on with: ")
    assert err.count("\n") == 1
    assert len(finished(tmp_path / "run")) == 2
