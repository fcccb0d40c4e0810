"""The arms of a comparison: which penalties, at which strengths, and which strengths next.

A ladder is the strengths of an arm: shares of the gradient, numbers, or dropout rates.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from itertools import pairwise
from math import isclose, sqrt
from typing import Any

import pandas as pd

from lpreg.analysis import choose
from lpreg.data import Dataset
from lpreg.study.errors import SpecError, unknown

SHARES = [0.01, 0.1, 1.0]
RATES = [0.2, 0.5]


def _penalty(kind: str, coupling: str, where: str | None = None, **options: Any) -> dict[str, Any]:
    lam = {"match": "gradient-share", "share": SHARES}
    own = {"penalty": {"kind": kind, "lam": lam, **options}, "coupling": coupling}
    return own if where is None else {**own, "where": where}


ARMS: dict[str, dict[str, Any]] = {
    "none": {},
    "L2": _penalty("L2", "loss"),
    "L1": _penalty("L1", "dual_averaging"),
    "L0.5": _penalty("Lp", "proximal", p=0.5),
    "inputs": _penalty("Group", "dual_averaging", "first", view="Columns"),
    "dropout": {"dropout": RATES},
    "ElasticNet": _penalty("ElasticNet", "dual_averaging", l1_ratio=0.5),
    "units": _penalty("Group", "dual_averaging", view="Rows"),
    "filters": _penalty("Group", "dual_averaging", "first", view="Filters"),
    "L3": _penalty("Lp", "loss", p=3.0),
    "Linf": _penalty("LInf", "dual_averaging"),
}
"""Arms by name, as [[arm]] describes them."""

TABLE = ("none", "L2", "L1", "L0.5", "inputs", "dropout")
"""Those of a comparison that names none: one per answer that a table can give. Nothing helps;
small weights; few weights; few weights that are not shrunk; few inputs; noise. Every further arm
takes time, and takes from what the same seeds can tell of the others."""

IMAGES = ("none", "L2", "L1", "L0.5", "dropout")
"""The same of images, of which one pixel alone says nothing."""


def arms(
    asked: Iterable[str | Mapping[str, Any]] | None, dataset: Dataset, dropout: bool
) -> list[dict[str, Any]]:
    """What [[arm]] says of the arms.

    Args:
        asked: names of `ARMS`, or tables as in a study; None for those that answer most.
        dataset: what is to be learned.
        dropout: whether the network takes a dropout rate.

    Raises:
        SpecError: there is no such arm, none is left, or the network takes no dropout rate.
    """
    if asked is None:
        usual = TABLE if dataset.x.dim() == 2 else IMAGES
        return [
            {"name": each, **deepcopy(ARMS[each])} for each in usual if dropout or each != "dropout"
        ]
    if isinstance(asked, str | Mapping):
        raise SpecError(f"arms = {asked!r}; give a list, such as ['none', 'L1']")
    told = [_table(each) for each in asked]
    if not told:
        raise SpecError(f"arms is empty; allowed: {', '.join(ARMS)}, or tables as in a study")
    if not dropout and any("dropout" in each for each in told):
        raise SpecError("the network takes no dropout rate: leave out the arm, or give make_model "
                        "a parameter dropout")  # fmt: skip
    return told


def _table(asked: str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(asked, Mapping):
        return deepcopy(dict(asked))
    if asked not in ARMS:
        raise SpecError(unknown("arm", asked, ARMS))
    return {"name": asked, **deepcopy(ARMS[asked])}


def ladder(arm: Mapping[str, Any]) -> list[float]:
    """The strengths of an arm, the weakest first; empty if it has none, or those of several."""
    found = _rung(arm)
    if found is None:
        return []
    table, key = found
    given = table[key]
    return sorted(map(float, given)) if isinstance(given, list | tuple) else [float(given)]


def with_ladder(arm: Mapping[str, Any], strengths: Iterable[float]) -> dict[str, Any]:
    """The arm with these strengths; the same if it has none."""
    own = deepcopy(dict(arm))
    found = _rung(own)
    climbed = sorted(set(strengths))
    if found is not None and climbed:
        table, key = found
        table[key] = climbed if len(climbed) > 1 else climbed[0]
    return own


def _rung(arm: Mapping[str, Any]) -> tuple[dict[str, Any], str] | None:
    """Where the only ladder of an arm stands; None if it has none, or more than one."""
    penalty, rates = arm.get("penalty"), arm.get("dropout")
    if isinstance(penalty, dict) and not rates and "layers" not in arm:
        lam = penalty["lam"]
        return (lam, "share") if isinstance(lam, dict) else (penalty, "lam")
    return (arm, "dropout") if rates and penalty is None and "layers" not in arm else None  # pyright: ignore


def around(best: float, strengths: list[float], rates: bool = False) -> list[float]:
    """Strengths to try next: half a step to both sides of the best, or above the strongest a half
    and a whole one.

    Args:
        best: one of `strengths`, a ladder of at least two.
        rates: they are dropout rates, whose steps are differences and not ratios.
    """
    if len(strengths) < 2:
        return []
    if rates:
        step = min(b - a for a, b in pairwise(strengths)) / 2
        near = (
            [best - step, best + step] if best < strengths[-1] else [best + step, best + 2 * step]
        )
        return [rate for each in near if 0 < (rate := round(each, 3)) < 0.95]
    step = min(b / a for a, b in pairwise(strengths))
    half = sqrt(step)
    near = [best / half, best * half] if best < strengths[-1] else [best * half, best * step]
    return [float(f"{each:.2g}") for each in near]


def refined(arm: Mapping[str, Any], results: pd.DataFrame) -> dict[str, Any]:
    """The arm with strengths around that which validation chose.

    Args:
        arm: as [[arm]] describes it.
        results: of all arms, one row per member.
    """
    rung, strengths = _rung(arm), ladder(arm)
    own = results[results["arm"] == arm["name"]]
    if rung is None or len(strengths) < 2 or not (own["status"] == "ok").any():
        return deepcopy(dict(arm))
    column = {"share": "share", "lam": "lam", "dropout": "dropout"}[rung[1]]
    chosen = float(choose(own)[column].iloc[0])
    best = next(each for each in strengths if isclose(each, chosen, rel_tol=1e-9))
    return with_ladder(arm, [*strengths, *around(best, strengths, rung[1] == "dropout")])
