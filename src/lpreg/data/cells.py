"""What a table holds, before anything is made of it: text, or numbers where its source has such."""

import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from lpreg.data.cache import DataError
from lpreg.data.content import absent, check_content

SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}

SEEN = 100
"""Rows that the separator is told from."""


@dataclass(frozen=True)
class Cells:
    """A table with names of its columns, all of the same length.

    Attributes:
        source: what to call it in messages.
        names: of the columns, all different.
        columns: per column (n,), float64 with NaN where a number is missing, or text as objects,
            stripped, "" where it is missing.
        rows: the numbers of the rows, as the source counts.
        separator: between the fields of a text file.
    """

    source: str
    names: tuple[str, ...]
    columns: tuple[np.ndarray, ...]
    rows: Sequence[int]
    separator: str = ""

    def __len__(self) -> int:
        return len(self.columns[0])

    def check(self, name: str) -> str:
        """The name of a column.

        Raises:
            ValueError: there is none of this name.
        """
        if name in self.names:
            return name
        small = {each.lower(): each for each in reversed(self.names)}
        near = [small[each] for each in get_close_matches(name.lower(), small, n=1)]
        hint = f"did you mean {near[0]!r}? " if near else ""
        if all(_is_number(each) for each in self.names):
            hint = "its first row holds numbers, and names of columns are needed there: "
        shown = ", ".join(self.names[:20]) + (", ..." if len(self.names) > 20 else "")
        raise ValueError(f"{self.source} has no column {name!r}; {hint}columns: {shown}")

    def at(self, row: int) -> str:
        """A row in words, as its source counts."""
        return f"{self.source}, row {self.rows[row]}"


def read(path: Path, asked: str | None = None) -> Cells:
    """The table in a file: text with a row of names first, or parquet.

    Args:
        path: of the file. Text is UTF-8, UTF-16 or Latin-1, its fields separated by one of
            `SEPARATORS` and perhaps quoted; a name that ends in .gz says that it is packed.
        asked: the sha256 that the file must have, when it must.

    Raises:
        DataError: the file is not there, or has changed.
        ValueError: it is no table: where, and why.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise absent(path, error) from None
    check_content(path, sha256(content).hexdigest(), asked)
    if path.suffix == ".parquet":
        return _parquet(path, content)
    try:
        plain = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError) as error:
        raise DataError(f"{path} cannot be unpacked: {error}") from None
    return parse(_text(plain, path.name), path.name)


def parse(text: str, source: str) -> Cells:
    """The table in a text; raises as `read`."""
    separator = _separator(text)
    rows = _rows(text, separator, source)
    names = tuple(name.strip() for name in next(rows, (1, []))[1])
    if not any(names):
        raise ValueError(f"{source} is empty; its first row must name the columns")
    names = tuple(name or f"column {k}" for k, name in enumerate(names, 1))
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = " and ".join(str(k) for k, name in enumerate(names, 1) if name == twice[0])
        raise ValueError(f"{source}: columns {places} are both called {twice[0]!r}; rename one")
    numbers, fields = [], []
    for number, row in rows:
        if len(row) != len(names):
            said = SEPARATORS[separator]
            raise ValueError(
                f"{source}, row {number} has {len(row)} fields, and the first row names "
                f"{len(names)}; fields are separated by {said}, and quoted where they contain one"
            )
        numbers.append(number)
        fields.append(row)
    if not fields:
        raise ValueError(f"{source} has names of columns and no row under them")
    return Cells(source, names, tuple(map(_texts, zip(*fields, strict=True))), numbers, separator)


def of_frame(frame: Any, source: str) -> Cells:
    """The columns of a data frame: numbers stay so, everything else becomes text."""
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names) or not names:
        raise ValueError(f"{source}: a data frame without names, or with a name twice: {names}")
    columns = tuple(of_values(frame[name]) for name in frame.columns)
    return Cells(source, tuple(names), columns, range(len(frame)))


def of_values(values: Any) -> np.ndarray:
    """A column of anything as `Cells` has it."""
    import pandas as pd

    column = pd.Series(values)
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return _texts(
        "" if missing else str(each) for each, missing in zip(column, column.isna(), strict=True)
    )


def _parquet(path: Path, content: bytes) -> Cells:
    import pandas as pd

    try:
        frame = pd.read_parquet(io.BytesIO(content))
    except (ValueError, OSError) as error:
        raise ValueError(f"{path.name} is no parquet file that can be read: {error}") from None
    if frame.empty:
        raise ValueError(f"{path.name} has no row, or no column")
    return of_frame(frame, path.name)


def _text(content: bytes, source: str) -> str:
    if not content.strip():
        raise ValueError(f"{source} is empty; its first row must name the columns")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace")
    if b"\0" in content:
        hint = "an Excel or zip file: save it as CSV" if content[:2] == b"PK" else "no text"
        raise ValueError(f"{source} is {hint}; allowed: a text file (CSV), or .parquet")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _separator(text: str) -> str:
    """That under which most of the first rows have as many fields as the names; of such, that with
    most fields."""

    def fits(separator: str) -> tuple[float, int]:
        widths = [len(row) for row in islice(_reader(text[:100_000], separator), SEEN) if row]
        if not widths or widths[0] == 1:
            return 0.0, 1
        return widths.count(widths[0]) / len(widths), widths[0]

    return max(SEPARATORS, key=fits)


def _reader(text: str, separator: str) -> Iterable[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)


def _rows(text: str, separator: str, source: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, with their numbers as a spreadsheet counts them, from 1."""
    number = 0
    try:
        for number, row in enumerate(_reader(text, separator), 1):
            if any(map(str.strip, row)):
                yield number, row
    except csv.Error as error:
        raise ValueError(
            f"{source}, row {number + 1} cannot be read: {error}; is a quote left open?"
        ) from None


def _texts(values: Iterable[str]) -> np.ndarray:
    return np.array([value.strip() for value in values], dtype=object)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
