"""Work here or in processes: the same values, and no failure takes the others along."""

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
