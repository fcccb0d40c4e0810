"""What the tests of the workers map: processes find functions by the name of their module."""

import os
import time
from collections.abc import Callable
from pathlib import Path


def square(task: int, tick: Callable[[int], None]) -> int:
    """The task's square; 3 raises and 5 kills its process."""
    tick(task)
    if task == 3:
        raise ArithmeticError("three is not to be squared")
    if task == 5:
        os._exit(7)
    return task * task


def linger(task: str, tick: Callable[[int], None]) -> None:
    """Write down which process this is, and never end."""
    Path(task).with_suffix(".part").write_text(str(os.getpid()), "utf-8")
    Path(task).with_suffix(".part").rename(task)
    while True:
        time.sleep(0.1)
