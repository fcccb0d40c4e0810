"""Verdicts in words."""

from collections.abc import Mapping
from math import floor, isfinite, isinf, isnan, log10
from typing import Any

from lpreg.analysis.evidence import METRICS


def effect_in_words(row: Mapping[Any, Any]) -> str:
    """The effect of a row of `judge` with its interval: "+9.3 points [7.7, 10.8]"; as many decimals
    as the interval makes sense of, and "exactly" where no seed differs from another. Empty when
    there is none."""
    effect, low, high = (row[name] for name in ("effect", "low", "high"))
    if isnan(effect):
        return ""
    decimals = _decimals(effect, low, high)
    sign = "" if row["kind"] in ("ratio", "curve") else "+"
    words = [
        _number(effect, decimals, sign if effect else ""),
        *([row["unit"]] if row["unit"] else []),
    ]
    if low == high:
        words = ["exactly", *words]
    elif not isnan(low):
        words.append(f"[{_number(low, decimals)}, {_number(high, decimals)}]")
    return " ".join(words)


def sentence(row: Mapping[Any, Any]) -> str:
    """What a row of `judge` says, for a reader: the verdict, both sides, the effect and its
    interval, the seeds, and of an inconclusive claim what it would take."""
    verdict = str(row["verdict"]).capitalize()
    if row["verdict"] == "not run":
        return f"{verdict}: {row['reason']}."
    if isnan(row["effect"]):
        return f"{verdict}: {row['reason']}."
    n = int(row["n"])
    place = f" in {row['where']}" if row["where"] else ""
    parts = [f"{_compared(row)}, over {n} seed{'s' * (n != 1)}{place}"]
    if row["comparisons"] > 1:
        which = {"supported": "weakest", "contradicted": "against it"}
        parts[0] += f" ({which.get(row['verdict'], 'least sure')}: {row['about']})"
    if row["reason"] and n > 1:
        parts.append(row["reason"])
    if row["verdict"] == "inconclusive":
        parts.append(_outlook(row))
    return f"{verdict}: {'; '.join(filter(None, parts))}."


def _compared(row: Mapping[Any, Any]) -> str:
    known = METRICS.get(row["metric"])
    label = known.label if known else row["metric"]
    left, right = row["left_mean"], row["right_mean"]
    if isnan(right):
        return f"{label} {row['ours']}"
    width = row["high"] - row["low"]
    shared = _decimals(row["effect"], row["low"], row["high"]) if width > 0 else None
    shared = None if row["kind"] == "ratio" else shared
    sides = [_number(side, _decimals(side) if shared is None else shared) for side in (left, right)]
    if row["unit"] == "points":
        sides = [f"{side} {'points' if row['kind'] == 'difference' else '%'}" for side in sides]
    return f"{label} {' against '.join(sides)}, {row['ours']}"


def _outlook(row: Mapping[Any, Any]) -> str:
    seeds = row["needed"]
    if isnan(seeds):
        return "more seeds would tell" if row["n"] < 2 else ""
    if isinf(seeds):
        return "no number of seeds would decide it if the effect is as seen"
    return f"about {seeds:,.0f} seeds would decide it if the effect is as seen"


def _decimals(effect: float, low: float = float("nan"), high: float = float("nan")) -> int:
    """Two digits of half the interval; without one, three digits of the number."""
    half = (high - low) / 2
    if isfinite(half) and half > 0:
        digits = 1 - floor(log10(half))
    else:
        digits = 2 - floor(log10(abs(effect))) if effect and isfinite(effect) else 0
    return min(max(digits, 0), 6)


def _number(value: float, decimals: int, sign: str = "") -> str:
    if isinf(value):
        return "∞" if value > 0 else "-∞"
    text = f"{value:{sign},.{decimals}f}"
    return text.replace("-0" + text[2:], "0" + text[2:]) if float(value) == 0 else text
