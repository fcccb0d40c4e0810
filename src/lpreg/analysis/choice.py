"""What to use: strengths and arms are chosen by the validation part, and the test part reports.

A *place* is where arms compete: data, model and recipe. Each arm stands there with one setting,
which a `Pick` chose on validation. An arm with many strengths to choose from is flattered a little
on validation; on the test part it is not.
"""

import json
import operator
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from string import ascii_letters
from typing import Any

import numpy as np
import pandas as pd

from lpreg.analysis.stats import RANGES, Effect, holm, paired
from lpreg.analysis.tables import AXES, CELL, KNOBS, accuracy, choose

PLACE = CELL[:-1]
STRENGTH = ["lam", "strengths", "share", "dropout"]

Row = dict[Hashable, Any]

Pick = Callable[[pd.DataFrame], pd.DataFrame]
"""One setting per cell from the results of all: `tables.choose`, or `one_standard_error`."""


def one_standard_error(results: pd.DataFrame) -> pd.DataFrame:
    """The strongest setting of every cell that does as well as the best, give or take its error.

    Of the settings that differ from the best (that of `choose`) in strength alone, are nowhere
    weaker and diverged no more often, the strongest whose mean validation score is at most one
    standard error of the best's mean worse. In a sum of penalties the first counts most.

    Args:
        results: one row per member.

    Returns:
        One row per cell: its columns and those of the setting, `n`, `diverged` and `val`.

    Source: Breiman, Friedman, Olshen and Stone, "Classification and regression trees", 1984.
    """
    keys, table = _keys(results), accuracy(results)
    ladders = table.groupby([k for k in keys if k not in STRENGTH], sort=False, dropna=False)
    picked = [_strongest(ladder) for _, ladder in ladders if ladder["chosen"].any()]
    rows = table.loc[picked, [*keys, "n", "diverged", "val_mean"]]
    return rows.rename(columns={"val_mean": "val"}).reset_index(drop=True)


def ranking(
    results: pd.DataFrame, pick: Pick = choose, test_share: float | None = None
) -> pd.DataFrame:
    """How the arms stand in every place, best first on the validation part.

    Every two arms are compared by the paired t test over the seeds that finished in both, and the p
    values of a place are adjusted by Holm. Arms that share a letter show no difference: there may
    be one that is too small for these seeds. The test part is only reported.

    Args:
        results: one row per member.
        pick: what chooses the setting of a cell.
        test_share: as in `stats.paired`, where every seed drew a split of its own.

    Returns:
        One row per place and arm, those with fewer failures first: the columns of the cell and the
        setting, `n`, `diverged`, `metric`, `group` (letters; "" when no member finished),
        `val_mean`, `val_low`, `val_high` (95 % t interval), the same for `test`, and `zeros_share`:
        exact zeros among the weights, but for those on inputs that are constant.

    Source: Piepho, "An algorithm for a letter-based representation of all-pairwise comparisons",
    Journal of Computational and Graphical Statistics 13, 2004.
    """
    standings = _standings(results, pick, test_share)
    return pd.concat([each.rows for each in standings], ignore_index=True)


def recommend(
    results: pd.DataFrame,
    pick: Pick = choose,
    test_share: float | None = None,
    substantial: float = 0.1,
    lost: float = 0.02,
) -> pd.DataFrame:
    """What to use in every place.

    The rule, on validation alone: the candidates are the arm that does best and those that the
    tests of `ranking` do not show to be worse, as long as they did not fail more often and their
    mean score is at most a share `lost` worse (few seeds show little). Of them, the arm with the
    most exact zeros, if these are a substantial share of its weights; else `none`, if it is one;
    else the best.

    Args:
        results: one row per member. pick, test_share: as in `ranking`.
        substantial: the least share of exact zeros for which an arm is preferred.
        lost: the share of the best mean score that a candidate may lack.

    Returns:
        One row per place: its columns, `arm` (None when no member finished), the columns of its
        setting, and `sentence`: what to use, how strong, how sure, and what that gave on the test
        part, with 95 % intervals.
    """
    rows = [
        _advice(each, substantial, lost, test_share)
        for each in _standings(results, pick, test_share)
    ]
    return pd.DataFrame(rows, columns=[*_keys(results), "sentence"])


@dataclass(frozen=True)
class _Standing:
    """A place.

    Attributes:
        rows: as in `ranking`.
        test: scores on the test part, (seeds, arms that finished).
        apart: pairs of arms that validation tells apart.
    """

    rows: pd.DataFrame
    test: pd.DataFrame
    apart: Collection[frozenset[str]]

    def alike(self, arm: str) -> list[str]:
        """The other arms that are not told apart from this one, best first."""
        others = self.rows.loc[self.rows["n"] > 0, "arm"]
        return [each for each in others if each != arm and frozenset((arm, each)) not in self.apart]


def _keys(results: pd.DataFrame) -> list[str]:
    return [*CELL, *(knob for knob in KNOBS if knob in results)]


def _strongest(ladder: pd.DataFrame) -> Hashable:
    """The label of the row that `one_standard_error` picks; one of them is that of `choose`."""
    first = ladder.index[ladder["chosen"]][0]
    best = ladder.loc[first]
    error = best["val_sd"] / sqrt(best["n"]) if best["n"] > 1 else 0
    as_good = _worse(ladder["val_mean"], best["val_mean"], best["metric"]) <= error
    as_sound = _failures(ladder) <= _failures(ladder)[first]
    settings = ladder[as_good & as_sound | ladder["chosen"]].to_dict("index")
    strengths = {label: _strengths(setting) for label, setting in settings.items()}
    stronger = [
        label
        for label, parts in strengths.items()
        if all(map(operator.ge, parts, strengths[first]))
    ]
    return max(stronger, key=lambda label: strengths[label])


def _strengths(setting: Row) -> tuple[float, ...]:
    """All strengths of a setting, 0 for none: of its penalties, then its dropout."""
    several, lam = setting.get("strengths"), setting["lam"]
    penalties = json.loads(several) if isinstance(several, str) else [lam]
    parts = (*penalties, setting.get("dropout"))
    return tuple(0.0 if pd.isna(part) else float(part) for part in parts)


def _failures(table: pd.DataFrame) -> pd.Series:
    """The share of members that diverged."""
    return table["diverged"] / (table["n"] + table["diverged"])


def _worse(score: pd.Series, best: float, metric: str) -> pd.Series:
    """How much worse scores are than the best."""
    return best - score if metric == "accuracy" else score - best


def _standings(results: pd.DataFrame, pick: Pick, test_share: float | None) -> list[_Standing]:
    keys = _keys(results)
    members = results.merge(pick(results)[keys], on=keys)
    places = members.groupby(PLACE, sort=False, dropna=False)
    return [_standing(rows, test_share) for _, rows in places]


def _standing(members: pd.DataFrame, test_share: float | None) -> _Standing:
    table = accuracy(members)
    finished = members.loc[members["status"] == "ok"]
    metric = "mse" if (table["metric"] == "mse").any() else "accuracy"
    val, test = (_scores(finished, f"{part}_{metric}") for part in ("val", "test"))
    zeros = (finished["zeros"] - finished["zeros_dead"]) / finished["weights"]
    arms = table["arm"]
    rows = table[[*_keys(members), "n", "diverged"]].assign(
        metric=metric,
        **_intervals("val", arms, val, RANGES[metric], test_share),
        **_intervals("test", arms, test, RANGES[metric], test_share),
        zeros_share=arms.map(zeros.groupby(finished["arm"]).mean()),
    )
    worse = _worse(rows["val_mean"], 0, metric)
    rows = rows.assign(failures=_failures(rows), worse=worse).sort_values(["failures", "worse"])
    order = rows.loc[rows["n"] > 0, "arm"].tolist()
    apart = _told_apart(val, order, test_share)
    letters = _letters(order, apart)
    groups = [letters.get(arm, "") for arm in rows["arm"]]
    rows.insert(list(rows).index("val_mean"), "group", groups)
    return _Standing(rows.drop(columns=["failures", "worse"]), test, apart)


def _scores(finished: pd.DataFrame, column: str) -> pd.DataFrame:
    """(seeds, arms); NaN where a member did not finish."""
    return finished.pivot_table(column, "seed", "arm", observed=True)


def _intervals(
    part: str,
    arms: pd.Series,
    scores: pd.DataFrame,
    possible: tuple[float, float],
    test_share: float | None,
) -> dict[str, list[float]]:
    found = [paired(scores.get(arm, pd.Series()).dropna(), test_share=test_share) for arm in arms]
    low, high = possible
    return {
        f"{part}_mean": [each.effect for each in found],
        f"{part}_low": [max(each.low, low) for each in found],
        f"{part}_high": [min(each.high, high) for each in found],
    }


def _told_apart(
    scores: pd.DataFrame, arms: Sequence[str], test_share: float | None
) -> Collection[frozenset[str]]:
    pairs = list(combinations(arms, 2))
    tests = [_difference(scores, left, right, test_share) for left, right in pairs]
    p = holm([min(1, 2 * np.minimum(test.p_above, test.p_below)) for test in tests])
    return {frozenset(pair) for pair, each in zip(pairs, p, strict=True) if each < 0.05}


def _difference(scores: pd.DataFrame, left: str, right: str, test_share: float | None) -> Effect:
    return paired((scores[left] - scores[right]).dropna(), test_share=test_share)


def _letters(arms: Sequence[str], apart: Collection[frozenset[str]]) -> dict[str, str]:
    """A letter for every largest set of arms of which no two are apart, the best arms first."""
    sets = [frozenset(arms)]
    for pair in apart:
        halves = {s - {arm} for s in sets if pair <= s for arm in pair}
        sets = {*(s for s in sets if not pair <= s), *halves}
        sets = [s for s in sets if not any(s < other for other in sets)]
    sets = sorted(sets, key=lambda s: [arm not in s for arm in arms])
    return {arm: "".join(ascii_letters[i] for i, s in enumerate(sets) if arm in s) for arm in arms}


def _advice(
    place: _Standing, substantial: float, lost: float, test_share: float | None
) -> dict[Hashable, Any]:
    candidates = _candidates(place, lost)
    if not candidates:
        nothing = "Every member diverged: there is nothing to recommend."
        return {**place.rows[PLACE].to_dict("records")[0], "sentence": nothing}
    arm = max(candidates, key=lambda arm: arm["zeros_share"])
    if arm["zeros_share"] < substantial:
        arm = next((arm for arm in candidates if arm["arm"] == "none"), candidates[0])
    return {**arm, "sentence": _sentence(place, arm, test_share)}


def _candidates(place: _Standing, lost: float) -> list[Row]:
    """Rows of `ranking`, best first."""
    finished = place.rows.loc[place.rows["n"] > 0]
    if finished.empty:
        return []
    best = finished.iloc[0]
    alike = finished["arm"].isin([best["arm"], *place.alike(best["arm"])])
    near = _worse(finished["val_mean"], best["val_mean"], best["metric"])
    failures = _failures(finished)
    sound = failures <= failures.iloc[0]
    return finished[alike & sound & (near <= lost * best["val_mean"])].to_dict("records")


def _sentence(place: _Standing, arm: Row, test_share: float | None) -> str:
    settings = ", ".join(_settings(place, arm))
    use = "Use no regularization" if arm["arm"] == "none" else f"Use {arm['arm']}"
    use += f" at {settings}" if settings else ""
    if arm["zeros_share"] >= 0.001:
        use += f", which sets {100 * arm['zeros_share']:.1f} % of the weights to exactly zero"
    return f"{use}: {_certainty(place, arm)}; {_tested(place, arm, test_share)}."


def _settings(place: _Standing, arm: Row) -> list[str]:
    """Its strengths, and what it is trained by where that differs between arms."""
    *penalties, dropout = _strengths(arm)
    said = [f"λ = {' and '.join(f'{lam:.4g}' for lam in penalties)}"] if any(penalties) else []
    said += [f"a dropout rate of {dropout:g}"] if dropout else []
    differ = [axis for axis in AXES if axis in arm and place.rows[axis].nunique() > 1]
    return [*said, *(f"{axis} = {arm[axis]:g}" for axis in differ)]


def _certainty(place: _Standing, arm: Row) -> str:
    alike, others = place.alike(arm["arm"]), (place.rows["n"] > 0).sum() - 1
    if not others:
        return "there is no other arm to compare it with"
    if not alike:
        return "validation shows it better than every other arm"
    best = place.rows.iloc[0]["arm"] == arm["arm"]
    first = "it does best, but " if best else ""
    if arm["n"] == 1:
        return f"{first}one seed cannot tell arms apart"
    return f"{first}validation shows no difference from {_list(alike)}"


def _tested(place: _Standing, arm: Row, test_share: float | None) -> str:
    percent = arm["metric"] == "accuracy"
    name, scale, unit = ("accuracy", 100, " %") if percent else ("squared error", 1, "")
    style, between = (".1f", " points") if percent else (".4g", "")
    n = arm["n"]
    score = f"test {name} {scale * arm['test_mean']:{style}}{unit}"
    score += _range(scale * arm["test_low"], scale * arm["test_high"], style) + _seeds(n)
    if arm["arm"] == "none" or "none" not in place.test:
        return score
    effect = _difference(place.test, arm["arm"], "none", test_share)
    if not effect.n:
        return score
    change = f"{scale * effect.effect:+{style}}{between}"
    change += _range(scale * effect.low, scale * effect.high, f"+{style}")
    return f"{score}, {change} against none" + (_seeds(effect.n) if effect.n != n else "")


def _seeds(n: int) -> str:
    return f" over {n} seeds" if n > 1 else " with one seed"


def _range(low: float, high: float, style: str) -> str:
    return "" if pd.isna(low) else f" [{low:{style}}, {high:{style}}]"


def _list(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
