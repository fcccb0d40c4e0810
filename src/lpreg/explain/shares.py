"""Many random regressions: how often the solution has a weight that is exactly zero, over p."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import binomtest

from lpreg.analysis.claims import Claim
from lpreg.explain.common import Computed, Sampled, statement, still
from lpreg.explain.solve import Moments, descend
from lpreg.explain.topics import Picture
from lpreg.figures.looks import COLOURS
from lpreg.figures.style import TEXT, panels, percent
from lpreg.penalties import ElasticNet, Lp, Penalty

POWERS = (0.25, 0.5, 0.75, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 4.0)
FIRST = 4
"""The place of the first p above 1, where zeros end."""
NET = "elastic net"
SHAPES: dict[str, Penalty] = {
    **{f"{p:g}": Lp(1.0, p) for p in POWERS},
    NET: ElasticNet(1.0, 0.5),
}
SIZES = (2, 10)
"""Numbers of weights."""
SAMPLES = 30
SEED = 0
STEPS, HALVINGS = 200, 13
LOST = 0.5
"""Of what the inputs explain of the targets, this share is given up at the strength chosen."""
NEAR = 1e-3
"""What is near zero: this share of the largest weight."""


def problems(count: int, size: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Curvature X'X / n (count, size, size) and slope X'y / n (count, size) of regressions with
    independent standard normal inputs and true weights, and noise of variance 1."""
    x = random.standard_normal((count, SAMPLES, size))
    y = (x @ random.standard_normal((count, size, 1))) + random.standard_normal((count, SAMPLES, 1))
    return x.mT @ x / SAMPLES, (x.mT @ y / SAMPLES)[..., 0]


def solve(curvature: np.ndarray, pull: np.ndarray, shape: Penalty, lams: np.ndarray) -> np.ndarray:
    """The solutions, or near them, met from those of least squares, one strength each: (k, d)."""
    start = np.linalg.solve(curvature, pull[..., None]).mT
    return descend(Moments(curvature, pull), shape, lams[:, None], start, enough=STEPS)[:, 0]


def lost(curvature: np.ndarray, pull: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The share of what least squares explains that weights (k, d) give up: 0 there, 1 at zero."""
    best = np.linalg.solve(curvature, pull[..., None])[..., 0]
    away = w - best
    return _form(curvature, away) / _form(curvature, best)


def _form(curvature: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.einsum("ki,kij,kj->k", w, curvature, w)


def matched(curvature: np.ndarray, pull: np.ndarray, shape: Penalty) -> np.ndarray:
    """The solutions at the largest strengths that give up `LOST` at most, (k, d).

    A penalty that is not convex may jump across that share: then they are those before the jump.
    """
    low, high = np.full(len(pull), 1e-3), np.full(len(pull), 1e3)
    for _ in range(HALVINGS):
        middle = np.sqrt(low * high)
        less = lost(curvature, pull, solve(curvature, pull, shape, middle)) <= LOST
        low, high = np.where(less, middle, low), np.where(less, high, middle)
    return solve(curvature, pull, shape, low)


def sample(
    count: int,
    sizes: Sequence[int] = SIZES,
    shapes: Mapping[str, Penalty] = SHAPES,
    seed: int = SEED,
) -> pd.DataFrame:
    """Random problems: `size`, `penalty`, `problem`, `zeros` and `near` zero, numbers of weights,
    `lost`."""
    parts = []
    for size in sizes:
        curvature, pull = problems(count, size, np.random.default_rng([seed, size]))
        for name, shape in shapes.items():
            w = matched(curvature, pull, shape)
            a = np.abs(w)
            table = {"size": size, "penalty": name, "problem": np.arange(count)}
            table["zeros"] = (w == 0).sum(1)
            table["near"] = (a <= NEAR * a.max(1, keepdims=True)).sum(1)
            parts.append(pd.DataFrame({**table, "lost": lost(curvature, pull, w)}))
    return pd.concat(parts, ignore_index=True)


def frame(found: pd.DataFrame) -> pd.DataFrame:
    """Shares of problems: `size`, `penalty`, `n`, `zero` with `zero_low` and `zero_high` (Wilson's
    95 % interval), and the same of `near`."""
    rows = []
    for (size, name), group in found.groupby(["size", "penalty"], sort=False):
        row = {"size": size, "penalty": name, "n": len(group)}
        for column, counts in (("zero", group["zeros"]), ("near", group["near"])):
            test = binomtest(int((counts > 0).sum()), len(group))
            ends = test.proportion_ci(0.95, "wilson")
            row |= {column: test.statistic, f"{column}_low": ends.low, f"{column}_high": ends.high}
        rows.append(row)
    return pd.DataFrame(rows)


def draw(table: pd.DataFrame) -> Figure:
    """Shares over p, a panel per number of weights; the elastic net stands apart on the right."""
    sizes = table["size"].unique()
    figure, axes = panels(
        "Random regressions whose solution has a zero", columns=len(sizes), size=(10.5, 4.3)
    )
    styles: dict[str, tuple[str, dict[str, Any]]] = {
        "near": ("below 0.1 % of the largest", {"color": "0.55", "marker": "s", "linestyle": ":"}),
        "zero": ("exactly zero", {"color": COLOURS["L1"], "marker": "o", "linestyle": "-"}),
    }
    for panel, size in zip(axes, sizes, strict=True):
        rows = table[table["size"] == size]
        place = np.arange(len(rows)) + 0.6 * (rows["penalty"] == NET).to_numpy()
        for column, (label, style) in styles.items():
            share = rows[column].to_numpy()
            bars = np.abs(rows[[f"{column}_low", f"{column}_high"]].to_numpy().T - share)
            several = [slice(0, FIRST), slice(FIRST, len(POWERS)), slice(len(POWERS), None)]
            parts = several if column == "zero" else [slice(0, len(POWERS)), several[-1]]
            for i, part in enumerate(parts):
                named = label if i == 0 else None
                panel.errorbar(
                    place[part], share[part], bars[:, part], label=named, capsize=3, **style
                )
        panel.set_xticks(place, [*rows["penalty"][:-1], "elastic\nnet"])
        panel.set(ylim=(-0.03, 1.03))
        panel.axvline(place[-1] - 0.8, color="0.85", linewidth=0.8)
        percent(panel.yaxis)
        panel.set_title(f"{size} weights", fontsize=TEXT + 2)
        panel.set_xlabel("p", fontsize=TEXT + 1)
    axes[0].set_ylabel("problems with a zero", fontsize=TEXT + 1)
    handles, labels = axes[0].get_legend_handles_labels()
    style = {"frameon": False, "fontsize": TEXT + 1, "ncols": 2}
    figure.legend(handles[::-1], labels[::-1], loc="outside lower center", **style)
    return figure


def pictures(found: pd.DataFrame, folder: Path, numbers: dict[str, pd.DataFrame]) -> list[Picture]:
    """The picture, its frame into `numbers`."""
    numbers["shares"] = table = frame(found)
    jumps = found[found["penalty"].map(_power).between(0, 1, "neither")]
    least, most = jumps.groupby(["size", "penalty"])["lost"].mean().agg(["min", "max"])
    return [
        still(
            draw(table),
            folder,
            "shares",
            f"How many of {table['n'].iloc[0]:,} random regressions have a solution with a weight "
            f"of exactly zero, at the strength at which {100 * LOST:g} % of what least squares "
            "explains is given up, with 95 % intervals. Up to p = 1 zeros are common. Above there "
            "is none, though just above it many weights are too small to matter. Below p = 1 "
            "weights jump to zero, and the strength is that before the jump: there "
            f"{least:.0%} to {most:.0%} are given up in the mean.",
            "Two panels, 2 and 10 weights: the share with exact zeros is high up to p = 1 and zero "
            "beyond; that of near zeros falls later.",
        )
    ]


def statements(found: pd.DataFrame) -> list[Computed | Sampled]:
    """What THEORY says of zeros."""
    size = SIZES[0]
    rows = found[found["size"] == size]
    shares = {name: group["zeros"].to_numpy() for name, group in rows.groupby("penalty")}
    l1, l2 = ((shares[name] > 0).astype(float) for name in ("1", "2"))
    above = found[[p > 1 for p in found["penalty"].map(_power)]]
    return [
        Sampled(
            Claim(
                "l1-zeros",
                "L1 gives exact zeros, L2 does not",
                "higher",
                f"problems of {size} weights with an exact zero",
                source="THEORY",
                published="some coefficients become exactly zero",
            ),
            np.stack([l1, l2]),
            "points",
        ),
        Computed(
            statement(
                "no-zeros-above-1",
                "Penalties with p > 1 make weights small but never exactly zero",
                "THEORY",
                "Ridge forces the weights to be small but does not make them zero",
            ),
            bool((above["zeros"] == 0).all()),
            len(above),
            f"{int(above['zeros'].sum())} exact zeros in the solutions for p from 1.1 to 4",
        ),
    ]


def _power(name: str) -> float:
    return 0.0 if name == NET else float(name)
