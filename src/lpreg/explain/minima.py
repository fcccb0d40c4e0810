"""Many minima: of a regression with p = 0.5, and of a small deep network."""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from sklearn.datasets import load_diabetes

from lpreg.explain.common import (
    Computed,
    called,
    line,
    power,
    statement,
    still,
    tensor,
    verdicts,
)
from lpreg.explain.solve import Problem, descend, objective, sweep
from lpreg.explain.topics import Picture, Progress, Result
from lpreg.figures.style import TEXT, logarithmic, number, panels

STRENGTHS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
"""Times the strength from which on L1 leaves nothing."""
SHARE, PAIR = 0.2, ("bmi", "s5")
"""The one of those, and the features, of which the surface is pictured."""
CHORD = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)
"""Where between two ends it is tried whether the objective is above the chord."""
SAME = 1e-6
WAYS: dict[str, Callable[..., np.ndarray]] = {
    "gradient steps": descend,
    "moving one weight at a time": sweep,
}
LOOKS = {"gradient steps": "o", "moving one weight at a time": "s", "all there are": "D"}


def make(folder: Path, progress: Progress) -> Result:
    """All pictures and statements of the topic."""
    from lpreg.explain import saddles

    problem, starts = diabetes(), 100 if progress.quick else 500
    progress("minima from many starts")
    found = frame(problem, starts)
    progress("a slice through three minima")
    plane = surface(problem)
    figures = [*stills(found, plane, folder)]
    numbers = {"minima": found, "slice": plane}
    progress("does it hold for other samples")
    rows = statements(problem, 3 if progress.quick else 20, 50)
    more = saddles.make(folder, progress)
    numbers |= more.numbers
    return Result([*figures, *more.figures], numbers, verdicts(*rows, *more.found))


def diabetes() -> Problem:
    """How far the diabetes of 442 patients went in a year, from 10 measurements."""
    data: Any = load_diabetes()
    return Problem.of(data.data, data.target, data.feature_names)


def strength(problem: Problem, share: float) -> float:
    """A share of the strength from which on L1 leaves nothing."""
    return float(share * np.abs(problem.pull).max())


def begin(problem: Problem, starts: int, seed: int = 0) -> np.ndarray:
    """Starts (starts, d), as large as the largest weight of least squares."""
    size = np.abs(problem.ols).max()
    return np.random.default_rng(seed).normal(0, size, (starts, len(problem.features)))


def distinct(rows: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different ones among rows (k, d), best value first, and how many rows each is."""
    kept: list[np.ndarray] = []
    counts: list[int] = []
    for row in rows[np.argsort(value, kind="stable")]:
        near = [i for i, other in enumerate(kept) if np.abs(row - other).max() < SAME]
        if near:
            counts[near[0]] += 1
        else:
            kept.append(row)
            counts.append(1)
    return np.array(kept), np.array(counts)


def everywhere(problem: Problem, p: float, lam: float, rounds: int = 500) -> np.ndarray:
    """Local minima for p < 1, one for each set of features that has one, (k, d).

    At zero the penalty rises infinitely steeply, so that a local minimum is one among the weights
    that are not zero, and these are where the loss pulls as hard as the penalty and the curvature
    is positive. From least squares on every set, the pull of the penalty is held and the rest
    solved for, again and again; a set has none where a weight is driven through zero.
    """
    d = len(problem.features)
    sets = np.array(list(product((0.0, 1.0), repeat=d)))
    gram = problem.gram * sets[:, :, None] * sets[:, None, :] + np.eye(d) * (1 - sets)[:, None]
    inverse, shape = np.linalg.inv(gram), power(p, lam)
    solve = lambda pull: (inverse @ (sets * pull)[..., None])[..., 0]  # noqa: E731
    w = first = solve(problem.pull)
    before = w
    for _ in range(rounds):
        after = solve(problem.pull - shape.gradient(tensor(w)).numpy())
        crossed = (after * first < 0).any(1, keepdims=True)
        before, w = w, np.where(crossed, np.nan, after)
    settled = np.abs(w - before).max(1) < SAME / 100
    w, sets, gram = w[settled], sets[settled], gram[settled]
    away = np.where(sets > 0, np.abs(w), 1.0)
    bend = lam * p * (p - 1) * away ** (p - 2) * sets
    lowest = np.linalg.eigvalsh(gram + bend[:, :, None] * np.eye(d)).min(1)
    return w[lowest > 0]


def frame(problem: Problem, starts: int) -> pd.DataFrame:
    """The minima of p = 0.5 and p = 1 at some strengths, best first, from the same starts.

    Returns:
        `p`, `share` (of the strength from which on L1 leaves nothing), `lam`, `way` (how they were
        found; "all there are" for p = 0.5), `starts` that end there, `nonzero` weights,
        `objective`, `excess` over the best in percent, `distance` from the best as a share of its
        length, and the weights, one column per feature.
    """
    rows, first = [], begin(problem, starts)
    for p, share in product((0.5, 1.0), STRENGTHS):
        lam, shape = strength(problem, share), power(p)
        found = {
            name: way(problem, shape, np.full(starts, lam), first) for name, way in WAYS.items()
        }
        if p < 1:
            found["all there are"] = everywhere(problem, p, lam)
        ends = np.concatenate(list(found.values()))
        values = objective(problem, shape, np.array(lam), ends)
        top, best = ends[values.argmin()], values.min()
        for way, ends in found.items():
            w, counts = distinct(ends, objective(problem, shape, np.array(lam), ends))
            value = objective(problem, shape, np.array(lam), w)
            columns = {
                "p": p,
                "share": share,
                "lam": lam,
                "way": way,
                "starts": counts if way in WAYS else 0,
                "nonzero": (np.abs(w) > SAME).sum(1),
                "objective": value,
                "excess": 100 * (value / best - 1),
                "distance": np.linalg.norm(w - top, axis=1) / np.linalg.norm(top),
            }
            rows.append(pd.DataFrame(columns | dict(zip(problem.features, w.T, strict=True))))
    return pd.concat(rows, ignore_index=True)


def surface(problem: Problem, side: int = 201) -> pd.DataFrame:
    """The objective over the weights of `PAIR`, all others zero: `p`, `first`, `second`,
    `objective`; the rows of its minima are marked by `minimum`."""
    columns = [problem.features.index(name) for name in PAIR]
    two, lam = Problem(problem.x[:, columns], problem.y, PAIR), strength(problem, SHARE)
    axis = np.union1d(np.linspace(-0.3, 0.75, side), [0.0])
    grid, parts = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2), []
    for p in (0.5, 1.0):
        lowest = everywhere(two, p, lam) if p < 1 else descend(two, power(p), np.array([lam]))
        for w, minimum in ((grid, False), (lowest, True)):
            value = objective(two, power(p), np.array(lam), w)
            place = {"p": p, "first": w[:, 0], "second": w[:, 1], "objective": value}
            parts.append(pd.DataFrame({**place, "minimum": minimum}))
    return pd.concat(parts, ignore_index=True)


def draw_surface(plane: pd.DataFrame) -> Figure:
    """Contours of both objectives."""
    figure, axes = panels("Two weights under least squares and a penalty", 1, 2, (10, 5))
    for panel, p in zip(axes, (0.5, 1.0), strict=True):
        rows = plane[plane["p"] == p]
        grid, lowest = rows[~rows["minimum"]], rows[rows["minimum"]]
        table = grid.pivot(index="second", columns="first", values="objective")
        levels = np.quantile(table, np.linspace(0, 1, 26) ** 1.8)
        place = (table.columns.to_numpy(), table.index.to_numpy(), table.to_numpy())
        panel.contourf(*place, levels=levels, cmap="Blues_r")
        panel.contour(*place, levels=levels, colors="0.25", linewidths=0.5)
        look = {"color": "#D55E00", "marker": "o", "markersize": 8, "markeredgecolor": "white"}
        panel.plot(lowest["first"], lowest["second"], linestyle="", zorder=5, **look)
        for x, y, value in lowest[["first", "second", "objective"]].to_numpy():
            style = {"textcoords": "offset points", "ha": "center", "fontsize": TEXT + 1}
            box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85}
            panel.annotate(f"{value:.3f}", (x, y), (0, 11), bbox=box, **style)
        panel.set_aspect("equal")
        panel.set_title(called(p), fontsize=TEXT + 2, loc="left")
        panel.set_xlabel(f"weight of {PAIR[0]}", fontsize=TEXT + 1)
    axes[0].set_ylabel(f"weight of {PAIR[1]}", fontsize=TEXT + 1)
    return figure


def draw(found: pd.DataFrame) -> Figure:
    """How far from the best, how much worse: a mark per minimum."""
    figure, (panel,) = panels("Where the starts end", size=(8, 4.6))
    met = found[(found["way"] == "gradient steps") & (found["p"] == 0.5)]
    tones = colormaps["cividis"](np.linspace(0, 0.9, len(STRENGTHS)))
    for tone, share in zip(tones, STRENGTHS, strict=True):
        each = met[met["share"] == share]
        size = 20 + 500 * each["starts"] / each["starts"].sum()
        label, edge = (
            f"p = 0.5, λ = {number(share)} λ max",
            {"edgecolor": "white", "linewidth": 0.8},
        )
        panel.scatter(
            each["distance"], each["excess"], s=size, color=tone, label=label, alpha=0.8, **edge
        )
    one = {"color": line(1.0)["color"], "markersize": 26, "markeredgewidth": 2}
    label = "p = 1, all starts and strengths"
    panel.plot(0, 0, "s", fillstyle="none", label=label, **one)
    panel.set_xlabel("distance from the best, as a share of its length", fontsize=TEXT + 1)
    panel.set_ylabel("objective above the best, %", fontsize=TEXT + 1)
    panel.margins(0.08)
    _, labels = panel.get_legend_handles_labels()
    keys = [Line2D([], [], linestyle="", marker="o", color=tone) for tone in tones]
    keys.append(Line2D([], [], linestyle="", marker="s", fillstyle="none", color=one["color"]))
    style = {"frameon": False, "fontsize": TEXT + 1, "loc": "outside right upper"}
    figure.legend(keys, labels, **style)
    return figure


def draw_counts(found: pd.DataFrame) -> Figure:
    """How many minima over the strength, and by which way."""
    figure, (panel,) = panels("How many minima there are, and how many are met", size=(8, 4.6))
    for p, way in found[["p", "way"]].drop_duplicates().itertuples(index=False):
        rows = found[(found["p"] == p) & (found["way"] == way)]
        counts = rows.groupby("share").size()
        style = {**line(p), "linestyle": "-", "marker": LOOKS[way], "markersize": 6}
        style |= {"markerfacecolor": "white"} if WAYS.get(way) is sweep else {}
        words = way if way not in WAYS else f"met by {way}"
        panel.plot(counts.index, counts, label=f"{called(p)}: {words}", **style)
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xticks(STRENGTHS, [number(share) for share in STRENGTHS])
    panel.minorticks_off()
    logarithmic(panel.yaxis)
    panel.set_xlabel("strength λ, as a share of L1's λ max", fontsize=TEXT + 1)
    panel.set_ylabel("local minima", fontsize=TEXT + 1)
    style = {"frameon": False, "fontsize": TEXT + 1, "ncols": 2, "handlelength": 3}
    figure.legend(*panel.get_legend_handles_labels(), loc="outside lower center", **style)
    return figure


def stills(found: pd.DataFrame, plane: pd.DataFrame, folder: Path) -> list[Picture]:
    """The pictures of the regression."""
    starts = int(found.loc[found["way"] == "gradient steps", "starts"].sum() / 2 / len(STRENGTHS))
    return [
        still(
            draw_surface(plane),
            folder,
            "slice",
            "Least squares on the diabetes data with a penalty, over the weights of body mass "
            f"index and serum value s5, the others zero, at {SHARE} of the strength at which L1 "
            "leaves nothing. Left, p = 0.5: one pit where both are used, one on each axis, one at "
            "zero, with the objective beside it; between them it climbs. Right, p = 1: one basin. "
            "Darker is lower.",
            "Two contour maps: four pits for p = 0.5, three of them on the axes; one for p = 1.",
        ),
        still(
            draw(found),
            folder,
            "minima",
            f"{starts} random starts, gradient steps with prox, ten weights of the diabetes data, "
            "six strengths as shares of that at which L1 leaves nothing: a mark per minimum, the "
            "larger the more starts end there. For p = 1 all starts end in the one minimum.",
            "Objective above the best against distance: many marks for p = 0.5, one for p = 1.",
        ),
        still(
            draw_counts(found),
            folder,
            "counts",
            "Local minima of the same regression. With p = 0.5 a weight of zero is held by an "
            "infinite slope, so that many sets of features have a minimum of their own (all that "
            "were found by trying each of the 1,024 sets). How one descends decides how many are "
            "met: small steps are held by more of them than moves of one weight at a time to its "
            "best place. With p = 1 there is one.",
            "Number of minima over strength, log scales: hundreds, some ten, a few; one.",
        ),
    ]


def above_chord(problem: Problem, p: float, lam: np.ndarray, a: np.ndarray, b: np.ndarray) -> bool:
    """Whether the objective is above the chord anywhere between rows of a and b, (k, d)."""

    def value(w: np.ndarray) -> np.ndarray:
        return objective(problem, power(p), lam, w)

    return any(
        (value(t * a + (1 - t) * b) > t * value(a) + (1 - t) * value(b) + 1e-9).any() for t in CHORD
    )


def statements(problem: Problem, samples: int, starts: int) -> list[Computed]:
    """What COURAGE says of p < 1, on resamples of the patients at all strengths."""
    random, table = np.random.default_rng(1), []
    for sample in range(samples):
        rows = random.integers(0, problem.x.shape[0], problem.x.shape[0])
        drawn = Problem.of(problem.x[rows], problem.y[rows], problem.features)
        first = begin(drawn, starts, sample)
        for share in STRENGTHS:
            lam = np.full(starts, strength(drawn, share))
            half = descend(drawn, power(0.5), lam, first)
            for p, ends in ((0.5, half), (1.0, descend(drawn, power(1.0), lam, first))):
                value = objective(drawn, power(p), lam, ends)
                worst = 100 * (value.max() / value.min() - 1)
                bulges = above_chord(drawn, p, lam, half, np.roll(half, 1, axis=0))
                table.append((p, len(distinct(ends, value)[0]), worst, bulges))
    cases = pd.DataFrame(table, columns=["p", "many", "worst", "bulges"])
    half, one = (cases[cases["p"] == p] for p in (0.5, 1.0))
    n = len(half)
    return [
        Computed(
            statement(
                "half-is-not-convex",
                "With p < 1 the problem is not convex, with p = 1 it is",
                "COURAGE",
                note="A convex function is nowhere above a chord. Tried between minima of "
                "p = 0.5, on resampled patients at six strengths.",
            ),
            bool(half["bulges"].any() and not one["bulges"].any()),
            n,
            f"above a chord in {half['bulges'].sum()} of {n} problems for p = 0.5, in "
            f"{one['bulges'].sum()} for p = 1",
        ),
        Computed(
            statement(
                "half-has-many-minima",
                "With p < 1 there are many local minima, with p = 1 one is assured",
                "COURAGE",
                "quite a few local minima",
                f"{starts} starts and gradient steps with prox, on resampled patients at six "
                "strengths.",
            ),
            bool((half["many"] > 1).mean() > 0.5 and (one["many"] == 1).all()),
            n,
            f"more than one minimum in {(half['many'] > 1).sum()} of {n} problems for p = 0.5 "
            f"(median {half['many'].median():.0f}, at most {half['many'].max()}, the worst "
            f"{half['worst'].max():.0f} % above the best), in {(one['many'] > 1).sum()} for p = 1",
        ),
    ]
