"""What the tests of the workers map: processes find functions by the name of their module."""

import os
from collections.abc import Callable


def square(task: int, tick: Callable[[int], None]) -> int:
    """The task's square; 3 raises and 5 kills its process."""
    tick(task)
    if task == 3:
        raise ArithmeticError("three is not to be squared")
    if task == 5:
        os._exit(7)
    return task * task
