"""What the topics share: penalties by their p and how they look, pictures, verdicts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.animation import PillowWriter
from matplotlib.figure import Figure

from lpreg.analysis.claims import TYPES, Case, Claim, Component, tell
from lpreg.explain.topics import Picture
from lpreg.figures.looks import COLOURS, DASHES, GREY
from lpreg.figures.style import save
from lpreg.penalties import L0, L1, L2, LInf, Lp, Penalty

PER_SECOND = 12
HOLD = 18
"""Pictures per second of an animation, and for how many of them its last one stays."""

RECIPE = "explain"
"""Of all statements here, as those of a study have the recipes of that."""

BLACK = "#000000"
_COLOURS = {
    0.0: COLOURS["L0"],
    0.5: BLACK,
    1.0: COLOURS["L1"],
    2.0: COLOURS["L2"],
    3.0: COLOURS["L3"],
    4.0: COLOURS["EN"],
    inf: COLOURS["Linf"],
}
_DASHES = {0.0: "dash", 0.5: "dashdot", 3.0: "longdash", 4.0: "dash", inf: "dot"}


def power(p: float, lam: float = 1.0) -> Penalty:
    """The penalty lam sum |w|^p, its limit L0 at p = 0 and LInf at p = inf."""
    named: dict[float, Callable[[float], Penalty]] = {0: L0, 1: L1, 2: L2, inf: LInf}
    return named[p](lam) if p in named else Lp(lam, p)


def called(p: float) -> str:
    """How a p is written: "p = 0.5", "p = ∞"."""
    return f"p = {'∞' if p == inf else format(p, '.3g')}"


def colour(p: float) -> str:
    """The colour of a p in all topics, of Okabe and Ito; grey for those that have none."""
    return _COLOURS.get(p, GREY)


def line(p: float) -> dict[str, Any]:
    """How a line of this p is drawn by matplotlib: told apart in grey print too."""
    return {"color": colour(p), "linestyle": DASHES[_DASHES.get(p, "solid")], "linewidth": 1.8}


def tensor(values: Any) -> torch.Tensor:
    """Numbers in the precision that all topics compute in."""
    return torch.as_tensor(np.asarray(values, dtype=np.float64))


def each(function: Callable[[torch.Tensor], torch.Tensor], rows: np.ndarray) -> np.ndarray:
    """A function of one tensor, such as `penalty.value`, of every row of (n, ...)."""
    return torch.func.vmap(function)(tensor(rows)).numpy()


def still(figure: Figure, folder: Path, stem: str, caption: str, alt: str) -> Picture:
    """Save a picture as PNG and SVG."""
    save(figure, folder, stem)
    return Picture(stem, caption, alt)


def film(
    figure: Figure,
    steps: Iterable[Callable[[], object]],
    folder: Path,
    stem: str,
    caption: str,
    alt: str,
) -> Picture:
    """Save an animation as GIF, and its last picture as a still PNG.

    Args:
        figure: what is drawn on.
        steps: each changes the figure to its next picture.
    """
    writer = PillowWriter(fps=PER_SECOND)
    with writer.saving(figure, str(folder / f"{stem}.gif"), dpi=100):
        for step in steps:
            step()
            writer.grab_frame()
        for _ in range(HOLD):
            writer.grab_frame()
    save(figure, folder, stem, ("png",))
    return Picture(stem, caption, alt, moves=True)


@dataclass(frozen=True)
class Computed:
    """A statement that computation settles: geometry, which has no sample and no interval.

    Attributes:
        claim: in words; its kind is "computed".
        holds: whether it was found true.
        cases: on how many cases it was tried.
        ours: what was found, in words and numbers.
    """

    claim: Claim
    holds: bool
    cases: int
    ours: str


@dataclass(frozen=True)
class Sampled:
    """A statement about data, tried on repeated samples.

    Attributes:
        claim: its kind, metric (any words) and bounds say what is tested.
        sides: (2, n) what is compared, paired by sample; (1, n) one quantity, as a "curve".
            Shares and accuracies are from 0 to 1 where `unit` is "points".
        unit: of the effect.
        test_share: test over training samples where every sample is a split of the same data, as in
            `lpreg.analysis.stats.paired`.
    """

    claim: Claim
    sides: np.ndarray
    unit: str = ""
    test_share: float | None = None


def statement(name: str, text: str, source: str, published: str = "", note: str = "") -> Claim:
    """A claim that computation settles."""
    return Claim(name, text, "computed", "", source=source, published=published, note=note)


def verdicts(*found: Computed | Sampled) -> pd.DataFrame:
    """One row per statement, with the columns of `lpreg.analysis.claims.judge`.

    Those on samples are held together by Holm's method; those computed are of kind "computed".
    """
    cases = [_case(one) for one in found if isinstance(one, Sampled)]
    computed = pd.DataFrame([_row(one) for one in found if isinstance(one, Computed)])
    parts = [part for part in (computed, tell(cases) if cases else None) if part is not None]
    rows = pd.concat([part.reindex(columns=list(TYPES)) for part in parts if len(part)])
    missing = {"str": "", "int": 0}
    filled = {name: missing[kind] for name, kind in TYPES.items() if kind in missing}
    rows = rows.astype(object).fillna(filled).astype(TYPES)
    order = {one.claim.name: i for i, one in enumerate(found)}
    return rows.sort_values("name", key=lambda names: names.map(order), ignore_index=True)


def _case(one: Sampled) -> Case:
    sides = np.asarray(one.sides, dtype=np.float64)
    effect = one.claim.effect(sides[..., None], one.test_share)
    return Case(one.claim, RECIPE, [Component("", sides, effect, one.unit)])


def _row(one: Computed) -> dict[str, Any]:
    claim = one.claim
    words = {name: getattr(claim, name) for name in ("name", "text", "source", "published", "note")}
    found = {"verdict": "supported" if one.holds else "contradicted", "n": one.cases}
    said = {"ours": one.ours, "reason": "computed, no sample", "recipe": RECIPE}
    return words | found | said | {"kind": claim.kind}
