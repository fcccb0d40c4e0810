"""Tables of people's own: a text file or a data frame, one column of which is to be predicted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from lpreg.data.cells import SEPARATORS, Cells, of_frame, of_values, read
from lpreg.data.columns import Column, check_finite, encode
from lpreg.data.numbers import NO_NUMBER, decimal_sign, is_missing, numbers
from lpreg.data.sets import Dataset
from lpreg.data.target import Target, label, target


@dataclass(frozen=True)
class TableReport:
    """What was made of a table; printed, a table itself.

    Attributes:
        source: the file's name.
        rows: that are used. without_target: that were left out for want of a target.
        target, task, why: what is predicted, as what, and what that was told from.
        classes: how many rows each class has, by name; empty for a regression.
        columns: in the order of the table.
        notes: how the file was read, where that was to be found out.
    """

    source: str
    rows: int
    without_target: int
    target: str
    task: str
    why: str
    classes: dict[str, int]
    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()

    @property
    def inputs(self) -> int:
        """Inputs of a network that all columns become together."""
        return sum(column.inputs for column in self.columns)

    def __str__(self) -> str:
        head = ("column", "kind", "missing", "different", "inputs", "note")
        lines = [head] + [
            (c.name, c.kind, f"{c.missing:,}", f"{c.distinct:,}", str(c.inputs), c.note)
            for c in self.columns
        ]
        widths = [max(len(line[k]) for line in lines) for k in range(5)]
        table = [
            "  ".join([
                *(text.ljust(w) for text, w in zip(line[:2], widths[:2], strict=True)),
                *(text.rjust(w) for text, w in zip(line[2:5], widths[2:], strict=True)),
                line[5],
            ]).rstrip()
            for line in lines
        ]  # fmt: skip
        return "\n".join([*self._head(), *table, f"{self.inputs} inputs"])

    def _head(self) -> list[str]:
        lacking = f" ({self.without_target:,} more have no {self.target!r})"
        rows = f"{self.rows:,} rows" + lacking * bool(self.without_target)
        lines = [f"{self.source}: " + ", ".join([rows, *self.notes])]
        lines.append(f"{self.target!r}: a {self.task}, because {self.why}")
        if self.classes:
            few = list(self.classes.items())[:12]
            shown = ", ".join(f"{name} ({count:,})" for name, count in few)
            lines.append(f"classes: {shown}{', ...' if len(self.classes) > 12 else ''}")
        return lines


class Options(NamedTuple):
    """What somebody says of a table, see `table`."""

    task: str | None = None
    drop: Collection[str] = ()
    categorical: Collection[str] = ()
    decimal: str | None = None
    indicators: bool = False


def table(
    *,
    path: str,
    target: str,
    task: str | None = None,
    drop: tuple[str, ...] = (),
    categorical: tuple[str, ...] = (),
    decimal: str | None = None,
    indicators: bool = False,
    sha256: str | None = None,
) -> Dataset:
    """The table in a file, x (rows, inputs) float32, NaN where a value is missing.

    Numbers stay as they are; text becomes a column of 0 and 1 per category, one column where there
    are two; columns that say nothing are left out, and so are rows without a target. What becomes
    of each column `describe_table` tells.

    Args:
        path: of a text file whose first row names the columns (CSV, see `lpreg.data.cells.read`),
            or of a .parquet file.
        target: the column to predict.
        task: "classification" or "regression"; when left out, told from the target: text is
            classes, and so are at most ten different whole numbers.
        drop: columns to leave out.
        categorical: columns whose numbers are names of categories.
        decimal: the decimal sign, "." or ","; when left out, told from the columns.
        indicators: add an input per column with missing values, 1 where one is missing. It helps
            where values are missing for a reason, and costs accuracy where it is by chance.
        sha256: of the file's content; another one is refused.

    Raises:
        DataError: the file is not there, or has changed.
        ValueError: it is no table, or not one that can be learned from: row, column, way out.
    """
    cells = read(Path(path), sha256)
    return _made(cells, target, Options(task, drop, categorical, decimal, indicators))[0]


def describe_table(
    path: str | Path,
    target: str,
    *,
    task: str | None = None,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    decimal: str | None = None,
    indicators: bool = False,
    sha256: str | None = None,
) -> TableReport:
    """What `table` makes of a file; arguments and errors are the same."""
    options = Options(task, drop, categorical, decimal, indicators)
    return _made(read(Path(path), sha256), target, options)[1]


def from_frame(
    x: Any, y: Any, task: str | None = None, name: str = "the frame"
) -> tuple[Dataset, TableReport]:
    """A data frame as a data set, with what was made of it.

    Args:
        x: the frame of the inputs.
        y: targets, one per row of it; or the name of the column of x that holds them.
        task: as for `table`.
        name: to call it in messages.

    Raises:
        ValueError: as `table`.
    """
    cells = of_frame(x, name)
    if isinstance(y, str):
        return _made(cells, y, Options(task))
    if len(x) != len(y):
        raise ValueError(f"{name}: {len(x)} rows of inputs and {len(y)} targets")
    own = str(getattr(y, "name", None) or "y")
    while own in cells.names:
        own += "'"
    whole = replace(cells, names=(*cells.names, own), columns=(*cells.columns, of_values(y)))
    return _made(whole, own, Options(task))


def _made(cells: Cells, name: str, options: Options) -> tuple[Dataset, TableReport]:
    _check(cells, name, options)
    decimal = options.decimal or _decimal(cells, {*options.drop, *options.categorical})
    told, used = _target(cells, name, options.task, decimal)
    columns, inputs = [], {}
    for each in cells.names:
        if each == name:
            distinct = told.classes if told.task == "classification" else len(told.y.unique())
            columns.append(Column(name, "target", len(cells) - len(used), distinct, 0))
        elif each in options.drop:
            columns.append(Column(each, "dropped", 0, 0, 0, "as you say"))
        else:
            column, own = encode(cells, each, used, decimal, options.categorical)
            if options.indicators and 0 < column.missing < len(used) and own:
                own[f"{each} missing"] = np.isnan(next(iter(own.values()))).astype(np.float64)
            columns.append(replace(column, inputs=len(own)))
            inputs |= own
    if not inputs:
        raise ValueError(f"{cells.source}: no column but {name!r} says anything: nothing to learn")
    x = np.column_stack(list(inputs.values())).astype(np.float32)
    dataset = Dataset(
        name=cells.source,
        x=torch.from_numpy(x),
        y=told.y,
        task=told.task,
        classes=told.classes,
        features=tuple(inputs),
        labels=told.labels,
        gaps=bool(np.isnan(x).any()),
        stratified=told.task == "classification",
    )
    return dataset, _report(cells, name, told, tuple(columns), decimal)


def _check(cells: Cells, name: str, options: Options) -> None:
    for each in (name, *options.drop, *options.categorical):
        cells.check(each)
    if name in options.drop:
        raise ValueError(f"{cells.source}: {name!r} cannot be dropped, it is the target")
    if options.decimal not in (None, ".", ","):
        raise ValueError(f'decimal = {options.decimal!r}; allowed: ".", ","')


def _decimal(cells: Cells, besides: Collection[str]) -> str:
    pairs = zip(cells.names, cells.columns, strict=True)
    texts = {name: each for name, each in pairs if name not in besides and each.dtype.kind == "O"}
    return decimal_sign(texts, cells.separator, cells.source)


def _target(cells: Cells, name: str, task: str | None, decimal: str) -> tuple[Target, np.ndarray]:
    """The targets, and the rows that have one."""
    values, what = cells.columns[cells.names.index(name)], f"{cells.source}: {name!r}"
    if values.dtype.kind == "O":
        read = numbers(values, decimal)
        if not read.wrong.any():
            values = read.values
        elif read.share > 0.5 and task != "classification":
            row = int(read.wrong.argmax())
            raise ValueError(
                f"{cells.at(row)}: {name!r}, the target, is {values[row]!r}, and {read.share:.0%} "
                "of that column are numbers; write a number there, or nothing to leave the row "
                'out, or say task = "classification"'
            )
    if values.dtype.kind == "f":
        missing = np.isnan(values)
        check_finite(cells, name, values)
    else:
        missing = is_missing(values, NO_NUMBER)
        values = values.astype(str)
    used = np.flatnonzero(~missing)
    return target(values[used], task, what), used


def _report(
    cells: Cells, name: str, told: Target, columns: tuple[Column, ...], decimal: str
) -> TableReport:
    classes = {}
    if told.task == "classification":
        names = told.labels or tuple(map(label, range(told.classes)))
        classes = dict(zip(names, told.y.bincount().tolist(), strict=True))
    notes = []
    if cells.separator not in ("", ","):
        notes.append(f"separated by {SEPARATORS[cells.separator]}")
    if decimal == ",":
        notes.append("with a decimal comma")
    return TableReport(
        source=cells.source,
        rows=len(told.y),
        without_target=len(cells) - len(told.y),
        target=name,
        task=told.task,
        why=told.why,
        classes=classes,
        columns=columns,
        notes=tuple(notes),
    )
