"""What the columns of a table are, and the inputs of a network that they become."""

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from lpreg.data.cells import Cells
from lpreg.data.numbers import MISSING, Read, is_missing, numbers, words
from lpreg.data.target import label

TRUTH = ({"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"})
TRUE = {"true", "yes", "t", "y"}

DATE = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}([T ].*)?|\d{1,4}[./]\d{1,2}[./]\d{1,4}( .*)?|\d+:\d\d(:.*)?"
)

COUNTER = re.compile(r"column 1|unnamed: 0|index|id|row|nr|no\.?|#", re.IGNORECASE)
"""Names of columns that count the rows, if that is what their numbers do."""

MANY = 20
"""Different texts up to which a column is taken for categories however short it is."""


@dataclass(frozen=True)
class Column:
    """A column of a table and what becomes of it.

    Attributes:
        name: in the first row.
        kind: "numeric", "boolean" (0 and 1), "categorical" (an input per category, one alone where
            there are two); "constant", "identifier" and "dropped" become no input; "target".
        missing: values.
        distinct: different values that are there.
        inputs: that it becomes.
        note: what else is worth knowing.
    """

    name: str
    kind: str
    missing: int
    distinct: int
    inputs: int
    note: str = ""


Inputs = dict[str, np.ndarray]
"""Name of an input to its values (n,), float64, NaN where one is missing."""


def encode(
    cells: Cells, name: str, used: np.ndarray, decimal: str, categorical: Collection[str]
) -> tuple[Column, Inputs]:
    """What a column is, and the inputs that it becomes: none when it says nothing.

    Args:
        cells: the table.
        name: of the column.
        used: the rows that are used, (k,).
        decimal: the decimal sign.
        categorical: columns whose numbers are names, and whose texts are however many they are.

    Raises:
        ValueError: text among numbers, dates, or numbers beyond float32; the place, the way out.
    """
    own = cells.columns[cells.names.index(name)][used]
    forced = name in categorical
    if own.dtype.kind == "f":
        if not forced:
            return _numeric(cells, name, used, own, "")
        own = np.array(["" if np.isnan(v) else label(float(v)) for v in own], dtype=object)
    read = numbers(own, decimal)
    if read.missing.all():
        return Column(name, "constant", len(own), 0, 0, "no value at all"), {}
    if forced or not _are_numbers(cells, name, used, read):
        return _names(cells, name, used, own, forced)
    return _numeric(cells, name, used, read.values, _listed(read.words))


def _are_numbers(cells: Cells, name: str, used: np.ndarray, read: Read) -> bool:
    """Whether a column of text is one of numbers; raises where it nearly is."""
    if not read.wrong.any() or read.share <= 0.5:
        return not read.wrong.any()
    row = used[read.wrong.argmax()]
    raise ValueError(
        f"{cells.at(row)}: {name!r} is {cells.columns[cells.names.index(name)][row]!r}, and "
        f"{read.share:.0%} of that column are numbers; write a number there or nothing, or say "
        f"categorical = [{name!r}], or drop = [{name!r}]"
    )


def _numeric(
    cells: Cells, name: str, used: np.ndarray, values: np.ndarray, note: str
) -> tuple[Column, Inputs]:
    check_finite(cells, name, values, used)
    missing = np.isnan(values)
    distinct = np.unique(values[~missing])
    about = int(missing.sum()), len(distinct)
    if len(distinct) < 2:
        return Column(name, "constant", *about, 0, _always(distinct, missing) + _also(note)), {}
    if COUNTER.fullmatch(name) and (values - used == values[0] - used[0]).all():
        return Column(name, "identifier", *about, 0, "counts the rows" + _also(note)), {}
    return Column(name, "numeric", *about, 1, note), {name: values}


def check_finite(
    cells: Cells, name: str, values: np.ndarray, used: np.ndarray | None = None
) -> None:
    """Refuse numbers that are infinite in float32, in these rows of a table (None: all)."""
    with np.errstate(over="ignore"):
        beyond = np.isinf(values.astype(np.float32))
    if beyond.any():
        row = int(beyond.argmax())
        place = cells.at(row if used is None else int(used[row]))
        raise ValueError(
            f"{place}: {name!r} is {values[row]:g}; allowed: numbers up to 3e38, or nothing where "
            "one is missing"
        )


def _names(
    cells: Cells, name: str, used: np.ndarray, texts: np.ndarray, forced: bool
) -> tuple[Column, Inputs]:
    missing = is_missing(texts, MISSING)
    there = texts[~missing]
    distinct = sorted(set(there))
    about, note = (int(missing.sum()), len(distinct)), _listed(words(texts[missing]))
    if len(distinct) < 2:
        said = _always(np.array(distinct), missing)
        return Column(name, "constant", *about, 0, said + _also(note)), {}
    small = {text.lower() for text in distinct}
    if not forced:
        if small in TRUTH:
            true = np.array([text.lower() in TRUE for text in texts], dtype=np.float64)
            return Column(name, "boolean", *about, 1, note), {name: _known(true, missing)}
        if all(map(DATE.fullmatch, distinct)):
            row = used[(~missing).argmax()]
            raise ValueError(
                f"{cells.at(row)}: {name!r} holds dates or times, such as {there[0]!r}; put "
                f"numbers in their place (a year, days since ...), or say drop = [{name!r}]"
            )
        if len(distinct) == len(there) or len(distinct) > max(MANY, len(there) / 2):
            said = "different in nearly every row" + _also(note)
            return Column(name, "identifier", *about, 0, said), {}
    shown = distinct if len(distinct) > 2 else distinct[1:]
    inputs = {
        f"{name}={each}": _known((texts == each).astype(np.float64), missing) for each in shown
    }
    return Column(name, "categorical", *about, len(inputs), note), inputs


def _known(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    return np.where(missing, np.nan, values)


def _always(distinct: np.ndarray, missing: np.ndarray) -> str:
    if not len(distinct):
        return "no value at all"
    value = distinct[0] if distinct.dtype.kind == "U" else label(float(distinct[0]))
    return f"always {value!r}" + (" where there is a value" if missing.any() else "")


def _listed(counts: dict[str, int]) -> str:
    told = ", ".join(f"{word!r} ({count})" for word, count in counts.items())
    return f"missing is {told}" if told else ""


def _also(note: str) -> str:
    return f"; {note}" if note else ""
