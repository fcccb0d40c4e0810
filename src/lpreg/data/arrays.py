"""Data sets from arrays in memory, and as files from which they come back the same."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np
import torch
from torch import Tensor

from lpreg.data.cache import DataError, new_file
from lpreg.data.cells import of_values
from lpreg.data.content import absent, check_content, fingerprint
from lpreg.data.sets import Dataset, Pool
from lpreg.data.table import from_frame
from lpreg.data.target import target

FORMAT = 1
"""Of stored data sets."""


def from_arrays(
    x: Any, y: Any, task: str | None = None, features: Sequence[str] = (), name: str = "arrays"
) -> Dataset:
    """A data set of arrays, tensors, lists or data frames.

    Args:
        x: inputs (n, features...): numbers, NaN where one is missing. Images are
            (n, channels, height, width), best as uint8. A data frame is read as `table` reads a
            file: text becomes columns of 0 and 1, constant columns are left out.
        y: targets (n,): numbers, truth values or text.
        task: "classification" or "regression"; told from y when left out, see `target`.
        features: names of the inputs of a table.
        name: to call it in messages.

    Raises:
        ValueError: x and y do not fit together, or a value is none that can be learned from.
    """
    if hasattr(x, "iloc"):
        return from_frame(x, y, task, name)[0]
    inputs, targets = _array(x), _array(y)
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    _check_shapes(inputs, targets, features, name)
    told = target(_targets(targets, name), task, f"{name}: y")
    return Dataset(
        name=name,
        x=_inputs(inputs, features, name),
        y=told.y,
        task=told.task,
        classes=told.classes,
        scale=255.0 if inputs.dtype == np.uint8 else 1.0,
        features=tuple(features),
        labels=told.labels,
        gaps=inputs.dtype.kind == "f" and bool(np.isnan(inputs).any()),
        stratified=told.task == "classification",
    )


def store(dataset: Dataset, path: str | Path) -> Path:
    """Write a data set into a file (.npz) that `arrays` reads; equal data give equal files.

    Raises:
        OSError: it cannot be written.
    """
    fields = {key: getattr(dataset, key) for key in Dataset.__dataclass_fields__}
    tensors = {key: fields.pop(key).numpy() for key in ("x", "y")}
    fields["pools"] = [asdict(pool) for pool in dataset.pools]
    about = np.array(json.dumps({"format": FORMAT, **fields}))
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    with new_file(place) as out, ZipFile(out, "w") as archive:
        for key, values in {"about": about, **tensors}.items():
            # a ZipInfo of its own: its date is a constant
            with archive.open(ZipInfo(f"{key}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, values, allow_pickle=False)
    return place


def arrays(*, path: str, sha256: str | None = None) -> Dataset:
    """A data set that `store` has written.

    Args:
        path: of the file.
        sha256: of its content, see `fingerprint`; another one is refused.

    Raises:
        DataError: the file is not there, has changed, or was not written by `store`.
    """
    place = Path(path)
    check_content(place, fingerprint(place), sha256)
    try:
        with np.load(place, allow_pickle=False) as file:
            about: dict[str, Any] = json.loads(str(file["about"]))
            tensors: dict[str, Any] = {key: torch.from_numpy(file[key]) for key in ("x", "y")}
        if about.pop("format") != FORMAT:
            raise ValueError("it has another format")
        about["pools"] = tuple(Pool(tuple(p["parts"]), p["size"]) for p in about["pools"])
        about |= {key: tuple(about[key]) for key in ("features", "labels")}
        return Dataset(**tensors, **about)
    except OSError as error:
        raise absent(place, error) from None
    except Exception as error:  # what is wrong with a file takes many forms
        raise DataError(f"{place} is no data set that lpreg has stored: {error}") from None


def _array(values: Any) -> np.ndarray:
    if isinstance(values, Tensor):
        return values.detach().cpu().numpy()
    if hasattr(values, "toarray"):
        raise ValueError("a sparse matrix; give it as .toarray()")
    return np.asarray(values)


def _check_shapes(x: np.ndarray, y: np.ndarray, features: Sequence[str], name: str) -> None:
    if x.ndim < 2 or y.ndim != 1 or len(x) != len(y) or not x[:1].size:
        raise ValueError(
            f"{name}: x has the shape {x.shape} and y {y.shape}; "
            "allowed: x (n, features...) and y (n,), with the same n above 0"
        )
    if features and (x.ndim != 2 or len(features) != x.shape[1]):
        raise ValueError(f"{name}: {len(features)} features for x of the shape {x.shape}")


def _targets(y: np.ndarray, name: str) -> np.ndarray:
    own = of_values(y)
    bad = ~np.isfinite(own) if own.dtype.kind == "f" else own == ""
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(f"{name}: row {row} has the target {y[row]!r}; leave such rows out")
    return own if own.dtype.kind == "f" else own.astype(str)


def _inputs(x: np.ndarray, features: Sequence[str], name: str) -> Tensor:
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{name}: x holds {x.dtype}; allowed: numbers, or a data frame")
    if x.dtype == np.uint8:
        return torch.from_numpy(np.ascontiguousarray(x))
    with np.errstate(over="ignore"):
        own = np.array(x, dtype=np.float32)
    wrong = np.argwhere(np.isinf(own))
    if len(wrong):
        row, *place = wrong[0].tolist()
        what = repr(features[place[0]]) if features else f"input {place}"
        raise ValueError(
            f"{name}: row {row}, {what} is {x[(row, *place)]}; "
            "allowed: numbers up to 3e38, NaN where one is missing"
        )
    return torch.from_numpy(own)
