"""The seam of parallel work: a function mapped over tasks, here or in local processes.

Another engine (a cluster) comes in by another function with the signature of `map`.
"""

import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import Any

Work = Callable[[Any, Callable[[int], None]], Any]
"""What is mapped: a function of a module (processes find it by name) of a task and of a `tick`
that it calls now and then with how far the task is."""

Tick = Callable[[int, int], None]
"""Called here with the number of a task and how far it is."""


@dataclass(frozen=True)
class Done:
    """A task that gave a value."""

    task: int
    value: Any


@dataclass(frozen=True)
class Failed:
    """A task that raised, or whose process died; `error` is the traceback or what happened."""

    task: int
    error: str


Ends = Generator[Done | Failed, None, None]


def map(work: Work, tasks: Sequence[Any], workers: int, tick: Tick) -> Ends:
    """Do all tasks, the first ones first, and give each when it ends.

    Args:
        work: what to do with a task.
        tasks: what to do it with; they travel to other processes, and values back, by pickle.
        workers: processes; with 1, or a single task, all is done in this one.
        tick: is told how far the tasks are.

    A task that fails leaves the others alone. Closing the iterator ends the processes at once, and
    so does the death of this one.
    """
    if min(workers, len(tasks)) > 1:
        yield from _in_processes(work, tasks, min(workers, len(tasks)), tick)
    else:
        for number, task in enumerate(tasks):
            yield _do(work, number, task, _seldom(partial(tick, number)))


def _do(work: Work, number: int, task: Any, tick: Callable[[int], None]) -> Done | Failed:
    try:
        return Done(number, work(task, tick))
    except Exception:
        return Failed(number, traceback.format_exc())


def _in_processes(work: Work, tasks: Sequence[Any], workers: int, tick: Tick) -> Ends:
    waiting = deque(enumerate(tasks))
    team: dict[Any, _Worker] = {}
    try:
        while waiting or team:
            while waiting and len(team) < workers:
                worker = _Worker(work)
                team[worker.connection] = worker
                worker.give(*waiting.popleft())
            for ready in wait(list(team)):
                worker = team[ready]
                heard = worker.hear()
                if isinstance(heard, int):
                    tick(worker.task, heard)
                    continue
                if waiting and not worker.lost:
                    worker.give(*waiting.popleft())
                else:
                    team.pop(ready).end()
                yield heard
    finally:
        for worker in team.values():
            worker.end()


class _Worker:
    """A process that does one task after the other, seen from here."""

    def __init__(self, work: Work) -> None:
        context = get_context("spawn")  # a fork would inherit the threads of torch half alive
        self.connection, theirs = context.Pipe()
        self.task = -1
        self.lost = False
        arguments = (theirs, work, os.getpid())
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        # Ctrl-C reaches the whole process group, and this process alone is to answer it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with _nameless():
                self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()

    def give(self, number: int, task: Any) -> None:
        """Send a task; if the process has died, `hear` tells."""
        self.task = number
        with suppress(OSError):
            self.connection.send((number, task))

    def hear(self) -> int | Done | Failed:
        """What it has to say: how far it is, or how its task ended."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            self.lost = True
            self._process.join(timeout=5)
            code = self._process.exitcode
            killed = ": killed, perhaps for want of memory" if code == -signal.SIGKILL else ""
            return Failed(self.task, f"its process ended with exit code {code}{killed}")

    def end(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.join()
        self.connection.close()


@contextmanager
def _nameless() -> Iterator[None]:
    """Let a process that starts now know nothing of our main module. It would run it: a script
    that trains, without the usual guard, would train again in every worker."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _serve(connection: Connection, work: Work, parent: int) -> None:
    """The whole life of a worker's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            number, task = connection.recv()
            connection.send(_do(work, number, task, _seldom(connection.send)))


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _seldom(tell: Callable[[int], None]) -> Callable[[int], None]:
    """The same, heard at most five times a second."""
    last = time.monotonic()

    def tick(far: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= 0.2:
            last = now
            tell(far)

    return tick
