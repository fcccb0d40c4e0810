"""Claims, and what the results say of them: supported, contradicted or inconclusive.

Every kind of claim is an effect per seed and a region that is claimed for its mean: a difference
above 0, a ratio between 5 and 20, a difference smaller than a margin. A claim with several sides is
one about all their pairs: it is *supported* when every pair is shown to lie inside the region, and
*contradicted* when one of them is shown to lie outside, by one-sided t tests over the seeds. The
claims of a study under one recipe are held together by Holm's method: the probability that chance
makes any of them supported or contradicted is at most 5 %.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import inf, nan
from typing import Any

import numpy as np
import pandas as pd

from lpreg.analysis.effects import Hypothesis, of_differences, of_ratios
from lpreg.analysis.evidence import METRICS, unit
from lpreg.analysis.pairing import (
    Selector,
    Sides,
    Unpaired,
    align,
    at_their_best,
    fitting,
    prepared,
    told,
)
from lpreg.analysis.stats import holm
from lpreg.analysis.wording import effect_in_words, sentence

__all__ = ["NUMBERS", "TYPES", "VERDICTS", "Claim", "judge", "sentence"]

VERDICTS = ("supported", "contradicted", "inconclusive", "not run")

TEXTS = ("name", "text", "source", "published", "note", "kind", "metric")
NUMBERS = ("effect", "low", "high", "p", "p_adjusted", "needed", "left_mean", "right_mean")
TYPES = {
    **dict.fromkeys((*TEXTS, "recipe", "verdict"), "str"),
    **dict.fromkeys(NUMBERS, "float"),
    **dict.fromkeys(("n", "comparisons"), "int"),
    **dict.fromkeys(("unit", "ours", "reason", "about", "where"), "str"),
}
"""The columns of `judge`, and their types."""


@dataclass(frozen=True)
class Claim:
    """What somebody says, and how to see whether it is so.

    Attributes:
        name: of the claim, in its study.
        text, source, published, note: in words: what is said and where, the figure given there, and
            how that came about.
        kind: "higher", "lower", "equal", "order", "ratio", "difference" or "curve".
        metric: a key of `METRICS`.
        left, right: the sides that are compared, each with each; of a difference of differences,
            the two of either.
        sides: of an order, from highest to lowest.
        above, below: bounds of the claimed effect; of a ratio, of left over right.
        margin: the smallest effect that matters.
        at: "chosen" or "document", the setting that validation chooses; or "matched", equal shares
            of the gradient on all sides, at every share that all of them have.
        recipes: those under which it is asked; None for all.
    """

    name: str
    text: str
    kind: str
    metric: str
    left: tuple[Selector, ...] = ()
    right: tuple[Selector, ...] = ()
    sides: tuple[Selector, ...] = ()
    above: float | None = None
    below: float | None = None
    margin: float | None = None
    at: str = "chosen"
    source: str = ""
    published: str = ""
    note: str = ""
    recipes: tuple[str, ...] | None = None

    def comparisons(self) -> Iterator[tuple[Selector, ...]]:
        """The sides of every comparison that it is about."""
        if self.kind == "order":
            yield from pairwise(self.sides)
        elif self.kind == "difference":
            yield (*self.left, *self.right)
        elif self.kind == "curve":
            yield from ((side,) for side in self.left)
        else:
            yield from product(self.left, self.right)

    def region(self) -> tuple[float, float]:
        """Where its mean effect is claimed to lie."""
        if self.kind == "equal":
            return -(self.margin or 0.0), self.margin or 0.0
        low, high = self.above, self.below
        if self.kind == "lower" and high is None:
            high = 0.0
        if (self.kind in ("higher", "order") and low is None) or low is high is None:
            low = 0.0
        return -inf if low is None else low, inf if high is None else high

    def effect(self, sides: np.ndarray, test_share: float | None) -> Hypothesis:
        """What it says of a comparison, whose sides are (sides, seeds, cells)."""
        region = self.region()
        if self.kind == "ratio":
            return of_ratios(sides, *region, test_share)
        signs = {1: [1], 2: [1, -1], 4: [1, -1, -1, 1]}[len(sides)]
        margin = 0.0 if self.kind == "equal" else self.margin or 0.0
        return of_differences(np.array(signs) @ sides.mean(axis=2), *region, margin, test_share)


@dataclass(frozen=True)
class Component:
    """One comparison of a claim under a recipe.

    Attributes:
        about: what is compared, in words.
        sides: means per seed, (sides, n).
        effect: what is claimed of them.
        unit: what the sides are told in.
        reason: why seeds are left out, or nothing can be said; else "".
        known: whether anything can be said.
        where: in which networks and data sets, if its sides leave that open; else "".
    """

    about: str
    sides: np.ndarray
    effect: Hypothesis
    unit: str
    reason: str = ""
    known: bool = True
    where: str = ""

    @property
    def seeds(self) -> int:
        """How many seeds have all of its members."""
        return self.sides.shape[1]

    @property
    def means(self) -> tuple[float, float]:
        """Of left and right over the seeds, of differences where either is one; NaN for no side."""
        if not self.seeds:
            return nan, nan
        each = self.sides.mean(axis=1)
        if len(each) == 4:
            return float(each[0] - each[1]), float(each[2] - each[3])
        return float(each[0]), float(each[1]) if len(each) > 1 else nan


class Case:
    """A claim under a recipe, with the components that speak for or against it; without any, it was
    not run, for this reason."""

    def __init__(
        self, claim: Claim, recipe: str, components: Sequence[Component], reason: str = ""
    ) -> None:
        self.claim, self.recipe, self.components = claim, recipe, tuple(components)
        self.reason = reason
        self._known = [each.effect for each in components if each.known]
        self._number = sum(len(effect.outside) for effect in self._known)
        self._support = [each.effect.support() if each.known else 1.0 for each in components]
        self._refutation = [
            min(1.0, self._number * each.effect.refutation()) if each.known else 1.0
            for each in components
        ]

    @property
    def p(self) -> float:
        """How easily chance alone would decide it, either way; NaN when nothing is known."""
        if not self._known:
            return nan
        return min(1.0, 2 * min(max(self._support), min(self._refutation)))

    def verdict(self, p_adjusted: float, level: float) -> str:
        """One of `VERDICTS`. What is shown to be too small to matter is contradicted, though it may
        be shown to be above 0 as well."""
        if not self.components:
            return "not run"
        if not p_adjusted < level:
            return "inconclusive"
        factor = p_adjusted / self.p if self.p else 1.0
        return "contradicted" if 2 * min(self._refutation) * factor < level else "supported"

    def needed(self, level: float) -> float:
        """Seeds that would decide it, either way, were the effects as they are seen."""
        if len(self._known) < len(self.components):
            return nan
        inside = [s.needed(level, e.test_share) for e in self._known for s in e.inside]
        each = level / self._number
        outside = [s.needed(each, e.test_share) for e in self._known for s in e.outside]
        return float(min(max(inside), min(outside)))

    def deciding(self, verdict: str) -> Component:
        """The component that made the verdict what it is: the one that refutes the claim most, or
        the one that supports it least."""
        if verdict == "contradicted":
            return self.components[int(np.argmin(self._refutation))]
        unknown = [each for each in self.components if not each.known]
        return unknown[0] if unknown else self.components[int(np.argmax(self._support))]


def judge(
    claims: Iterable[Claim],
    evidence: pd.DataFrame,
    recipes: Sequence[str],
    confidence: float = 0.95,
    test_share: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """What the evidence says of the claims of one study.

    Args:
        claims: of the study.
        evidence: one row per member, what `evidence` gives.
        recipes: of the study. A claim is asked under each of them, unless it says itself where.
        confidence: of the intervals; the rest is the level of the tests.
        test_share: of data sets whose split is drawn per seed, test samples over training samples.

    Returns:
        One row per claim and recipe, the recipe `document` before others. `name`, `text`, `source`,
        `published`, `note`, `kind`, `metric`, `recipe`, `verdict`; `effect`, `low`, `high` (of the
        comparison that decides), `n` (its seeds), `p`, `p_adjusted` (NaN where nothing was tested),
        `needed` (seeds in all that would decide an inconclusive claim, infinite when none would),
        `left_mean`, `right_mean`, `unit` ("points", "times", "epochs", "weights", ...), `ours` (the
        effect in words), `reason` (why there is no verdict, or fewer seeds), `about` (which
        comparison that is), `comparisons` (their number) and `where` (in which networks, where the
        claim leaves that open). Effects and means of accuracies and shares are in points.
    """
    rows = prepared(evidence)
    cases = [
        _case(claim, recipe, rows, test_share or {})
        for claim in claims
        for recipe in sorted(recipes if claim.recipes is None else claim.recipes, key=_is_later)
    ]
    return tell(cases, confidence)


def tell(cases: Sequence[Case], confidence: float = 0.95) -> pd.DataFrame:
    """What `judge` gives, of cases whose sides were measured elsewhere."""
    table = pd.DataFrame({"recipe": [case.recipe for case in cases]})
    table["p"] = pd.Series([case.p for case in cases], dtype=float)
    table["p_adjusted"] = table.groupby("recipe")["p"].transform(holm)
    level = 1 - confidence
    verdicts = [case.verdict(p, level) for case, p in zip(cases, table["p_adjusted"], strict=True)]
    table["open"] = table["p"].notna() & (np.array(verdicts) == "inconclusive")
    still = table.groupby("recipe")["open"].transform("sum")
    told = [
        _row(case, verdict, confidence, level / max(others, 1))
        for case, verdict, others in zip(cases, verdicts, still, strict=True)
    ]
    rows = pd.DataFrame(told).join(table[["p", "p_adjusted"]])
    return rows.reindex(columns=list(TYPES)).astype(TYPES)


def _is_later(recipe: str) -> bool:
    return recipe != "document"


def _case(claim: Claim, recipe: str, evidence: pd.DataFrame, shares: Mapping[str, float]) -> Case:
    try:
        found = [
            _component(claim, selectors, sides, share, shares)
            for selectors in claim.comparisons()
            for share, sides in _sides(claim, recipe, selectors, evidence)
        ]
    except Unpaired as error:
        return Case(claim, recipe, (), str(error))
    return Case(claim, recipe, found)


def _sides(
    claim: Claim, recipe: str, selectors: Sequence[Selector], evidence: pd.DataFrame
) -> Iterator[tuple[float | None, list[pd.DataFrame]]]:
    """The members of every side; of matched strengths, at every share that all sides have. A side
    without any, such as one without a penalty, stands beside each of them."""
    sides = [fitting(evidence, {"recipe": recipe, **selector}) for selector in selectors]
    if claim.at != "matched":
        yield None, [at_their_best(*each) for each in zip(sides, selectors, strict=True)]
        return
    matched = [set(side["share"].dropna()) for side in sides if side["share"].notna().any()]
    common = sorted(set.intersection(*matched)) if matched else []
    if not common:
        raise Unpaired("no share of the gradient that all its sides have was run")
    for share in common:
        those = [
            side.loc[side["share"] == share] if side["share"].notna().any() else side
            for side in sides
        ]
        asked = [{**selector, "share": share} for selector in selectors]
        yield share, [at_their_best(*each) for each in zip(those, asked, strict=True)]


def _component(
    claim: Claim,
    selectors: Sequence[Selector],
    sides: Sequence[pd.DataFrame],
    share: float | None,
    test_shares: Mapping[str, float],
) -> Component:
    found = align(sides, selectors, claim.metric)
    drawn = [test_shares[data] for data in found.members["data"].unique() if data in test_shares]
    words = " against ".join(filter(None, map(told, selectors)))
    why = _why_unknown(claim, found)
    effect = claim.effect(found.values, max(drawn, default=None))
    how = "ratio of the means, as a side has zeros" if not why and effect.values is None else ""
    return Component(
        about=words if share is None else f"{words}, share {share:g}",
        where=found.where,
        sides=found.values.mean(axis=2),
        effect=effect,
        unit=unit(claim.metric, found.members),
        reason="; ".join(filter(None, (why, how, found.missing))),
        known=not why,
    )


def _why_unknown(claim: Claim, found: Sides) -> str:
    """Why nothing can be said of a comparison, or ""."""
    seeds = found.values.shape[1]
    if seeds < 2:
        return "one seed" if seeds else "no seed"
    if METRICS[claim.metric].time:
        flags = found.members[claim.metric.replace("_epoch", "_converged")]
        if not flags.fillna(False).astype(bool).any():
            return "none converged"
    if claim.kind == "ratio":
        left, right = found.values.mean(axis=(1, 2))
        if (found.values < 0).any() or (not left > 0 and not right > 0):
            return "both sides are 0" if left == right == 0 else "a side is below 0"
    return ""


def _row(case: Case, verdict: str, confidence: float, level: float) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(case.claim, name) for name in TEXTS}
    row |= {"recipe": case.recipe, "verdict": verdict, "comparisons": len(case.components), "n": 0}
    if not case.components:
        nothing = dict.fromkeys(("unit", "ours", "about", "where"), "")
        return row | nothing | {"reason": case.reason}
    one = case.deciding(verdict)
    ratio = case.claim.kind == "ratio"
    percent = 100.0 if one.unit == "points" else 1.0
    scale = 1.0 if ratio else percent
    left, right = one.means
    row |= {
        name: scale * value for name, value in one.effect.interval(confidence)._asdict().items()
    }
    row |= {"left_mean": percent * left, "right_mean": percent * right, "n": one.seeds}
    row |= {"about": one.about, "where": one.where, "reason": one.reason}
    row |= {"unit": "times" if ratio else one.unit}
    row |= {"needed": case.needed(level) if verdict == "inconclusive" else nan}
    return row | {"ours": effect_in_words(row)}
