"""Work here or in processes: the same values, and no failure takes the others along."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lpreg.study import workers
from lpreg.study.workers import Done, Failed
from tests.study.work import square


def test_tasks_are_done_here_in_their_order():
    ticks = []
    ends = list(workers.map(square, [2, 3, 4], 1, lambda *tick: ticks.append(tick)))
    assert [end.task for end in ends] == [0, 1, 2]
    assert (ends[0], ends[2]) == (Done(0, 4), Done(2, 16))
    assert isinstance(ends[1], Failed)
    assert "three is not to be squared" in ends[1].error


def test_processes_give_the_same_and_outlive_a_failure_and_a_death():
    tasks = [1, 2, 3, 4, 5, 6]
    ends = {end.task: end for end in workers.map(square, tasks, 2, lambda *tick: None)}
    squares = {i: Done(i, n * n) for i, n in enumerate(tasks) if n not in (3, 5)}
    assert {i: end for i, end in ends.items() if i in squares} == squares
    assert isinstance(ends[2], Failed)
    assert "three is not to be squared" in ends[2].error
    assert ends[4] == Failed(4, "its process ended with exit code 7")


START = """
from pathlib import Path
from lpreg.study import workers
from tests.study.work import linger
if __name__ == "__main__":
    for end in workers.map(linger, ["a", "b"], 2, lambda *tick: None): print(end)
"""


def until(condition, what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text("utf-8").split()[2]
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc").exists(), reason="asks /proc which processes live")
def test_workers_end_when_their_parent_is_killed(tmp_path: Path):
    script = tmp_path / "start.py"
    script.write_text(START, "utf-8")
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, script], cwd=tmp_path, env={**os.environ, "PYTHONPATH": root}
    )
    files = [tmp_path / "a", tmp_path / "b"]
    until(lambda: all(file.exists() for file in files), "the workers")
    process.kill()
    process.wait()
    pids = [int(file.read_text("utf-8")) for file in files]
    until(lambda: not any(map(is_alive, pids)), "the end of the workers", 20)
