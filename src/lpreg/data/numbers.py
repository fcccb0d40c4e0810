"""Numbers in text: decimal point or comma, thousands apart, and words for what is missing."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

MISSING = {"", "?", "na", "n/a", "#n/a", "#na", "nan", "null", "<na>"}
"""What stands for a missing value, in small letters."""

NO_NUMBER = MISSING | {"-", "--", ".", "none", "nil", "missing", "unknown"}
"""What does so among numbers, and is a name like others among names."""

DIGITS = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE)

APART = {
    ".": re.compile(r"[+-]?\d{1,3}([, '\u2019\u00a0\u202f]\d{3})+(\.\d*)?"),
    ",": re.compile(r"[+-]?\d{1,3}([. '\u2019\u00a0\u202f]\d{3})+(,\d*)?"),
}
"""Numbers with their thousands apart, by the decimal sign."""


def number(text: str, decimal: str) -> float | None:
    """The number that a text is, with this decimal sign; None when it is none."""
    own = text.replace("\u2212", "-")
    if APART[decimal].fullmatch(own):
        own = re.sub(rf"[^\d{decimal}+-]", "", own)
    elif decimal == "," and "." in own:
        return None
    own = own.replace(decimal, ".")
    return float(own) if DIGITS.fullmatch(own) else None


class Read(NamedTuple):
    """A column of text read as numbers.

    Attributes:
        values: (n,) float64, NaN where there is no number.
        missing: (n,) bool, where a word for a missing value stands.
        wrong: (n,) bool, where anything else stands that is no number.
        words: the words for missing values other than nothing, and how often.
    """

    values: np.ndarray
    missing: np.ndarray
    wrong: np.ndarray
    words: dict[str, int]

    @property
    def share(self) -> float:
        """Of numbers among what is not missing."""
        there = len(self.values) - self.missing.sum()
        return 1 - self.wrong.sum() / there if there else 1.0


def numbers(texts: np.ndarray, decimal: str) -> Read:
    """A column of text (n,) as numbers."""
    return (_plain(texts) if decimal == "." else None) or _read(texts, decimal)


def _plain(texts: np.ndarray) -> Read | None:
    """The same of numbers as Python writes them and gaps, which most large tables are
    made of: much faster; None for others."""
    gaps, values = texts == "", np.full(len(texts), np.nan)
    try:
        values[~gaps] = texts[~gaps].astype(np.float64)
    except ValueError:
        return None
    if np.isnan(values[~gaps]).any() or any("_" in text for text in texts):
        return None
    return Read(values, gaps, np.zeros_like(gaps), {})


def _read(texts: np.ndarray, decimal: str) -> Read:
    known = {text: number(text, decimal) for text in dict.fromkeys(texts)}
    values = np.array([known[text] for text in texts], dtype=np.float64)  # None becomes NaN
    missing = is_missing(texts, NO_NUMBER)
    return Read(values, missing, np.isnan(values) & ~missing, words(texts[missing]))


def is_missing(texts: np.ndarray, markers: set[str]) -> np.ndarray:
    """Which of the texts (n,) stand for a missing value."""
    known = {text: text.lower() in markers for text in dict.fromkeys(texts)}
    return np.array([known[text] for text in texts], dtype=bool)


def words(missing: Iterable[str]) -> dict[str, int]:
    """The words among texts for missing values, and how often each is there."""
    return {word: count for word, count in Counter(missing).items() if word}


def decimal_sign(columns: dict[str, np.ndarray], separator: str, source: str) -> str:
    """The decimal sign of a table: that under which columns of text are numbers.

    Numbers such as 1,234 may be read either way: in a file whose fields a comma separates, the
    comma is for thousands, in others it is the decimal sign.

    Raises:
        ValueError: some columns are numbers with one sign only, and others with the other.
    """
    with_comma = {name for name, each in columns.items() if any("," in text for text in each)}
    if not with_comma:
        return "."
    shares = {
        sign: {name: numbers(each, sign).share for name, each in columns.items()} for sign in ".,"
    }
    better = {
        sign: [n for n, share in own.items() if share > 0.5 and share > shares[other][n]]
        for (sign, own), other in zip(shares.items(), ",.", strict=True)
    }
    if better["."] and better[","]:
        raise ValueError(
            f"{source}: {better['.'][0]!r} has numbers with a decimal point and {better[','][0]!r} "
            'with a decimal comma; say decimal = "." or ","'
        )
    if better["."] or better[","]:
        return "." if better["."] else ","
    either = any(shares[","][name] > 0.5 for name in with_comma)
    return "," if either and separator not in ("", ",") else "."
