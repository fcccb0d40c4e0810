"""What is to be learned: a table or images, in files or in memory, and how it was understood."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lpreg.data import (
    DataError,
    Dataset,
    describe_table,
    fingerprint,
    from_arrays,
    from_frame,
    load,
)
from lpreg.data.columns import Column
from lpreg.study.errors import SpecError


@dataclass(frozen=True)
class Subject:
    """What is to be learned.

    Attributes:
        name: of the study, fit for a file.
        dataset: the data.
        told: what was made of them, for people.
        says: what [[data]] says of it, None where it is in memory alone.
        columns: of a table.
        target: what is predicted, in words.
    """

    name: str
    dataset: Dataset
    told: str
    says: dict[str, Any] | None
    columns: tuple[Column, ...] = ()
    target: str = "y"


def subject(data: Any, target: str | None, task: str | None, options: dict[str, Any]) -> Subject:
    """What somebody gives to be learned.

    Args:
        data: the path of a table or of a folder of images, one folder in it per class; a data
            frame; or (X, y) of arrays, or of a data frame and targets.
        target: the column to predict, of a table or a data frame.
        task: "classification" or "regression", where it is not to be told from the targets.
        options: more that the loader of a file takes, see `lpreg.data.table`.

    Raises:
        SpecError: it is nothing that can be learned from: which, why, the way out.
    """
    try:
        if isinstance(data, str | Path):
            return _of_file(Path(data).expanduser(), target, task, options)
        if _is_frame(data):
            return _of_frame(data, _asked(data.columns, target, "the data frame"), task)
        if isinstance(data, tuple | list) and len(data) == 2:
            if target is not None:
                raise SpecError("target names a column of a table or data frame: leave it out here")
            x, y = data
            return _of_pair(x, y, task)
    except (ValueError, DataError) as error:
        raise SpecError(str(error)) from None
    raise SpecError(
        f"the data are of type {type(data).__name__}; allowed: the path of a table or of a folder "
        "of images, a data frame, or (X, y)"
    )


def _is_frame(data: Any) -> bool:
    return hasattr(data, "columns") and hasattr(data, "dtypes")


def _asked(names: Sequence[object], target: str | None, what: str) -> str:
    if target is None:
        shown = ", ".join(map(str, list(names)[:20])) + (", ..." if len(names) > 20 else "")
        raise SpecError(f"which column of {what} is to be predicted? say target; columns: {shown}")
    return target


def _of_file(path: Path, target: str | None, task: str | None, options: dict[str, Any]) -> Subject:
    name = re.sub(r"[^A-Za-z0-9._+-]+", "-", path.name.partition(".")[0]).strip("-._+") or "data"
    says: dict[str, Any] = {"name": name, "path": str(path.resolve()), **options}
    if path.is_dir():
        if target is not None:
            raise SpecError(f"{path} is a folder, whose folders are the classes: leave out target")
        says |= {"kind": "images", "sha256": fingerprint(path)}
        dataset = load("images", **_options(says))
        counts = dataset.y.bincount().tolist()
        labels = dataset.labels or tuple(map(str, range(dataset.classes)))
        few = ", ".join(
            f"{label} ({n:,})" for label, n in list(zip(labels, counts, strict=True))[:12]
        )
        shape = " x ".join(map(str, dataset.x.shape[1:]))
        told = f"{path.name}: {len(dataset.y):,} images of {shape}\nclasses: {few}"
        return Subject(name, dataset, told + ", ..." * (len(labels) > 12), says, (), "the class")
    if target is None:
        raise SpecError(f"which column of {path.name} is to be predicted? say target (--target)")
    says |= {"kind": "table", "target": target} | ({"task": task} if task else {})
    report = describe_table(**_options(says))
    says["sha256"] = fingerprint(path)
    dataset = load("table", **_options(says))
    return Subject(name, dataset, str(report), says, report.columns, target)


def _options(says: dict[str, Any]) -> dict[str, Any]:
    """What the loader takes."""
    return {key: value for key, value in says.items() if key not in ("name", "kind")}


def _of_frame(x: Any, y: Any, task: str | None) -> Subject:
    dataset, report = from_frame(x, y, task, "frame")
    return Subject("frame", dataset, str(report), None, report.columns, report.target)


def _of_pair(x: Any, y: Any, task: str | None) -> Subject:
    if _is_frame(x):
        return _of_frame(x, y, task)
    dataset = from_arrays(x, y, task)
    shape = " x ".join(map(str, dataset.x.shape[1:]))
    missing = int(np.isnan(dataset.x.numpy()).sum()) if dataset.gaps else 0
    told = f"arrays: {len(dataset.y):,} rows of {shape} inputs"
    told += f", {missing:,} values are missing" if missing else ""
    told += f"\ny: a {dataset.task}"
    told += f" of {dataset.classes} classes" if dataset.task == "classification" else ""
    return Subject("arrays", dataset, told, None)
