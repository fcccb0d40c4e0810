"""What is to be predicted: a class or a number, told from the values."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

TASKS = ("classification", "regression")

FEW = 10
"""Different whole numbers up to which a column of numbers is taken for classes."""

LEAST = 3
"""Samples of each class: one for every part."""


class Target(NamedTuple):
    """Targets, as a `Dataset` has them, and why they are taken for this task.

    Attributes:
        y: (n,), int64 classes or float32 values.
        task: "classification" or "regression".
        classes: outputs that a model needs.
        labels: names of the classes; empty where they are 0, 1, ...
        why: in half a sentence.
    """

    y: Tensor
    task: str
    classes: int
    labels: tuple[str, ...]
    why: str


def target(values: np.ndarray, task: str | None, what: str) -> Target:
    """Targets from finite numbers (n,) float64, or names (n,) of text, none of them missing.

    Without a task, text is classes, and so are numbers if they are whole, at most `FEW` different
    ones and each there `LEAST` times; all other numbers are a regression.

    Args:
        values: what is to be predicted.
        task: of `TASKS`, when it is not to be told from the values.
        what: to call it in messages.

    Raises:
        ValueError: no task, or a constant target, or classes of too few samples, or of text a
            regression.
    """
    if task not in (None, *TASKS):
        raise ValueError(f"task = {task!r}; allowed: {', '.join(TASKS)}, or leave it out")
    if not len(values):
        raise ValueError(f"{what} has no value: nothing can be learned")
    distinct, own, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(distinct) == 1:
        raise ValueError(f"{what} is {label(distinct[0])!r} everywhere: nothing can be learned")
    inferred, why = _inferred(distinct, counts)
    if task not in (None, inferred):
        why = f"you say so; else {inferred}, because {why}"
    if (task or inferred) == "classification":
        _check_classes(distinct, counts, what)
        named = tuple(map(label, distinct))
        plain = named == tuple(map(str, range(len(named))))
        y = torch.from_numpy(own.astype(np.int64))
        return Target(y, "classification", len(named), () if plain else named, why)
    if distinct.dtype.kind != "f":
        raise ValueError(f"{what} is text, such as {distinct[0]!r}: no regression")
    return Target(torch.from_numpy(values.astype(np.float32)), "regression", 1, (), why)


def label(value: object) -> str:
    """A class or a category as text: whole numbers without a point."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(float(value))
    return str(value)


def _inferred(distinct: np.ndarray, counts: np.ndarray) -> tuple[str, str]:
    if distinct.dtype.kind != "f":
        return "classification", f"it is text, {len(distinct)} different ones"
    if not np.equal(np.mod(distinct, 1), 0).all():
        return "regression", "its numbers are not all whole"
    if len(distinct) > FEW:
        return "regression", f"it has {len(distinct)} different whole numbers, more than {FEW}"
    if counts.min() < LEAST:
        return "regression", f"some of its whole numbers are there less than {LEAST} times"
    return "classification", f"it has {len(distinct)} different whole numbers, at most {FEW}"


def _check_classes(distinct: np.ndarray, counts: np.ndarray, what: str) -> None:
    if len(distinct) > max(FEW, counts.sum() // 2):
        raise ValueError(
            f"{what} has {len(distinct)} different values in {counts.sum()} rows: these are no "
            "classes" + ('; say task = "regression"' if distinct.dtype.kind == "f" else "")
        )
    few = [i for i, count in enumerate(counts) if count < LEAST]
    if few:
        shown = ", ".join(f"{label(distinct[i])!r} ({counts[i]})" for i in few[:5])
        raise ValueError(
            f"{what}: every class needs at least {LEAST} rows, one for each part, and these have "
            f"fewer: {shown}{', ...' if len(few) > 5 else ''}; put them together or leave them out"
        )
