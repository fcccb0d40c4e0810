"""Coefficient paths: the weights of a regression over the strength, penalty by penalty."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes

from lpreg.data import HOUSING, find, load
from lpreg.explain.common import Computed, line, statement, still, tensor, verdicts
from lpreg.explain.solve import Problem, descend, objective, standard
from lpreg.explain.topics import Picture, Progress, Result
from lpreg.figures.looks import DASHES
from lpreg.figures.style import TEXT, logarithmic, panels
from lpreg.penalties import L1, L2, ElasticNet, Lp, Penalty

KINDS: dict[str, Penalty] = {
    "lasso, L1": L1(1),
    "elastic net": ElasticNet(1, 0.5),
    "p = 0.5": Lp(1, 0.5),
    "ridge, L2": L2(1),
    "p = 3": Lp(1, 3),
}
LINES = {"lasso, L1": 1.0, "elastic net": 4.0, "p = 0.5": 0.5, "ridge, L2": 2.0, "p = 3": 3.0}
TONES = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#000000")
ROWS, STARTS, NAMED, ENOUGH = 50, 6, 9, 2000
LETTERS = 70  # of names that stand in one line
"""Rows of the picture with few; starts for what is not convex; features that have a colour;
steps of what is not convex, which may crawl where there are fewer rows than features."""


def make(folder: Path, progress: Progress) -> Result:
    """All pictures and statements of the topic."""
    from lpreg.explain import firstlayer, many

    count = 25 if progress.quick else 60
    progress("ten features")
    problem = diabetes()
    numbers = {"diabetes": frame(problem, count)}
    housing = california()
    note = "" if housing else f" {SKIPPED}"
    figures = [picture(numbers["diabetes"], problem, folder, "diabetes", DIABETES + note)]
    progress("more features than rows")
    few = products(ROWS)
    numbers["few-rows"] = frame(few, count // 2)
    figures.append(picture(numbers["few-rows"], few, folder, "few-rows", FEW))
    if housing:
        progress("California Housing")
        numbers["housing"] = frame(housing, count)
        figures.append(picture(numbers["housing"], housing, folder, "housing", CALIFORNIA))
    else:
        progress(SKIPPED)
    rows = statements(5 if progress.quick else 40)
    parts = [firstlayer.make(folder, progress), many.make(folder, progress)]
    for part in parts:
        figures, numbers = [*figures, *part.figures], {**numbers, **part.numbers}
    found = [one for part in parts for one in part.found]
    return Result(figures, numbers, verdicts(*rows, *found))


DIABETES = (
    "Diabetes data, 442 patients, 10 measurements, all in standard deviations: each line is the "
    "weight of one measurement as the strength λ grows, dots on the left are ordinary least "
    "squares, the dotted line is the strength from which on all weights are zero, where a penalty "
    "has one. Of p = 0.5, which is not convex, the best of many starts. Last panel: how many "
    "weights are not zero over the share of the variance that they explain."
)
FEW = (
    f"{ROWS} of the patients, 64 features: the measurements, their squares and their products. "
    "Least squares fits the rows exactly and has no single answer (dots: its shortest); lasso "
    f"never uses more than {ROWS} features. Coloured are those that lasso lets go last."
)
CALIFORNIA = "The same of California Housing: 20,640 districts, 8 features as they were published."
SKIPPED = (
    "California Housing is left out: its table is not on this machine (lpreg data fetch housing)."
)


def diabetes() -> Problem:
    """How far the diabetes of 442 patients went in a year, from 10 measurements."""
    data: Any = load_diabetes()
    return Problem.of(data.data, data.target, data.feature_names)


def expanded() -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The measurements, the squares of all but sex, and the products: x (442, 64), y, names."""
    data: Any = load_diabetes()
    names, x = list(data.feature_names), standard(data.data, 0)
    pairs = [(i, i) for i, name in enumerate(names) if name != "sex"]
    pairs += combinations(range(len(names)), 2)
    more = [x[:, i] * x[:, j] for i, j in pairs]
    called = [f"{names[i]}²" if i == j else f"{names[i]}·{names[j]}" for i, j in pairs]
    return np.column_stack([x, *more]), data.target, (*names, *called)


def products(rows: int, seed: int = 0) -> Problem:
    """Some patients, with squares and products."""
    x, y, names = expanded()
    some = np.random.default_rng(seed).permutation(len(y))[:rows]
    return Problem.of(x[some], y[some], names)


def california() -> Problem | None:
    """House prices of 20,640 districts from 8 totals; None when the table is not in the cache."""
    if any(find(file) is None for file in HOUSING.files):
        return None
    data = load("housing")
    return Problem.of(data.x.double().numpy(), data.y.double().numpy(), data.features)


def end(problem: Problem, shape: Penalty) -> float:
    """The strength at which the penalty pulls the largest weight of least squares as hard as the
    loss pulls weights of zero: where its path ends, by order of magnitude; of L1 exactly."""
    largest = tensor([np.abs(problem.ols).max()])
    slope = L1(1) if isinstance(shape, ElasticNet) else shape
    return float(np.abs(problem.pull).max() / slope.gradient(largest)[0])


def finite(problem: Problem, shape: Penalty) -> float:
    """The strength from which on all weights are zero; infinite where none is large enough, and 0
    for p < 1, whose weights of zero are always a local minimum."""
    return float(shape.lam_max(tensor(-problem.pull)))


def path(problem: Problem, shape: Penalty, lams: np.ndarray, starts: int = STARTS) -> np.ndarray:
    """The weights at every strength (k,), (k, d): of what is not convex the best of many starts."""
    if shape.convex:
        return descend(problem, shape, lams)
    d, k = len(problem.features), len(lams)
    size = np.abs(problem.ols).max()
    random = np.random.default_rng(0).normal(0, size, (starts, d))
    lasso = np.geomspace(1e-2, 1, 10) * end(problem, L1(1))
    known = descend(problem, L1(1), lasso, enough=ENOUGH)
    first = np.concatenate([random, known, problem.ols[None], np.zeros((1, d))])
    every, repeated = np.tile(first, (k, 1)), np.repeat(lams, len(first))
    ends = descend(problem, shape, repeated, every, ENOUGH)
    values = objective(problem, shape, repeated, ends).reshape(k, -1)
    return ends.reshape(k, -1, d)[np.arange(k), values.argmin(1)]


def frame(problem: Problem, count: int) -> pd.DataFrame:
    """The paths of all penalties: `penalty`, `lam`, `feature`, `weight`, `explained` (the share of
    the variance), `lam_max` (NaN where there is none); lam = 0 is least squares."""
    parts, low = [], 4e-4 if problem.x.shape[0] > len(problem.features) else 5e-3
    for name, shape in KINDS.items():
        top, last = end(problem, shape), finite(problem, shape)
        zeros = 0 < last < np.inf
        high = 1.5 * last if zeros else top * (3 if not shape.convex else 1e3)
        lams = np.geomspace(top * low * (5 if shape.smooth else 1), high, count)
        w = np.concatenate([problem.ols[None], path(problem, shape, lams)])
        columns = {
            "penalty": name,
            "lam": np.repeat([0.0, *lams], w.shape[1]),
            "feature": np.tile(problem.features, len(w)),
            "weight": w.ravel(),
            "explained": np.repeat(1 - 2 * problem.loss(w), w.shape[1]),
            "lam_max": last if zeros else np.nan,
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def order(paths: pd.DataFrame) -> list[str]:
    """The features, those first that lasso lets go last."""
    lasso = paths[(paths["penalty"] == "lasso, L1") & (paths["lam"] > 0)]
    left = lasso[lasso["weight"] != 0].groupby("feature")["lam"].max()
    return [*left.sort_values(ascending=False, kind="stable").index, *_never(lasso, left)]


def _never(lasso: pd.DataFrame, left: pd.Series) -> list[str]:
    return [name for name in lasso["feature"].unique() if name not in left.index]


def looks(features: Sequence[str], named: int) -> dict[str, dict[str, Any]]:
    """A colour and dash each for the first of the features, grey for the others."""
    grey = {"color": "0.75", "linewidth": 0.8, "zorder": 1}
    styles = zip(cycle(TONES), [dash for dash in ("-", DASHES["dash"]) for _ in TONES])
    bold = [{"color": c, "linestyle": d, "linewidth": 1.6, "zorder": 2} for c, d in styles]
    return {f: bold[i] if i < min(named, len(bold)) else grey for i, f in enumerate(features)}


def draw(paths: pd.DataFrame, heading: str) -> Figure:
    """A panel per penalty, and the number of features in use."""
    features = order(paths)
    style = looks(features, len(features) if len(features) <= 14 else NAMED)
    figure, axes = panels(heading, 2, 3, (11, 7))
    for panel, name in zip(axes[:5], KINDS, strict=True):
        rows = paths[paths["penalty"] == name]
        _lines(panel, rows, style)
        panel.set_title(name, fontsize=TEXT + 2, loc="left")
        panel.set_xlabel("strength λ", fontsize=TEXT + 1)
    for panel in (axes[0], axes[3]):
        panel.set_ylabel("standardised weight", fontsize=TEXT + 1)
    _used(axes[5], paths)
    shown = [name for name in features if style[name]["color"] != "0.75"]
    handles = [next(h for h in axes[0].lines if h.get_label() == name) for name in shown]
    if len(shown) < len(features):
        handles.append(next(h for h in axes[0].lines if h.get_label() == features[-1]))
        shown = [*shown, "others"]
    lines = 1 if sum(map(len, shown)) < LETTERS else 2
    look = {"frameon": False, "fontsize": TEXT + 1, "ncols": -(-len(shown) // lines)}
    figure.legend(handles, shown, loc="outside lower center", **look)
    return figure


def _lines(panel: Axes, rows: pd.DataFrame, style: dict[str, dict[str, Any]]) -> None:
    left = rows.loc[rows["lam"] > 0, "lam"].min() / 1.6
    for name, each in rows.groupby("feature", sort=False):
        along, ols = each[each["lam"] > 0], each[each["lam"] == 0]
        panel.plot(along["lam"], along["weight"], label=name, **style[str(name)])
        panel.plot(left, ols["weight"], "o", markersize=3.5, color=style[str(name)]["color"])
    panel.set_xscale("log")
    logarithmic(panel.xaxis)
    panel.axhline(0, color="0.4", linewidth=0.8)
    if rows["lam_max"].notna().any():
        panel.axvline(rows["lam_max"].iloc[0], color="0.3", linestyle=":", linewidth=1.4)


def _used(panel: Axes, paths: pd.DataFrame) -> None:
    each = paths[paths["lam"] > 0].assign(used=lambda rows: rows["weight"] != 0)
    each = each.groupby(["penalty", "lam"], sort=False).agg(
        used=("used", "sum"), explained=("explained", "first")
    )
    for name in KINDS:
        rows = each.loc[name]
        panel.plot(rows["explained"], rows["used"], label=name, **line(LINES[name]))
    panel.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
    panel.set_title("features in use", fontsize=TEXT + 2, loc="left")
    panel.set_xlabel("explained of the variance", fontsize=TEXT + 1)
    panel.legend(frameon=False, fontsize=TEXT, handlelength=3)


def picture(
    paths: pd.DataFrame, problem: Problem, folder: Path, stem: str, caption: str
) -> Picture:
    """Draw and save the paths of one data set."""
    n, d = problem.x.shape
    heading = {"diabetes": "Diabetes", "few-rows": "Diabetes with products"}.get(stem, "California")
    alt = "Five panels with the weights over the strength, one with the number of features in use."
    return still(draw(paths, f"{heading}: {n:,} rows, {d} features"), folder, stem, caption, alt)


SHARES, HUGE = (0.05, 0.1, 0.2, 0.5), 1e6
EXACT = 1e-6


def cases(samples: int) -> pd.DataFrame:
    """Both ends of every path on resampled patients.

    Returns:
        `sample`, `penalty`, `from_ols` (largest distance at lam = 0), `explained` by least squares,
        `huge` and `huge_new` (at a huge strength, of the sample and of patients left out), `before`
        and `after` (weights that are not zero just below and at lam_max; NaN where it is not
        finite), `zeros`, `most_zeros` and `used` (over some strengths in between: the fewest
        zeros, the most, the fewest others).
    """
    data: Any = load_diabetes()
    random, rows = np.random.default_rng(2), []
    for sample in range(samples):
        drawn = random.integers(0, len(data.target), len(data.target))
        left = np.setdiff1d(np.arange(len(data.target)), drawn)
        problem = Problem.of(data.data[drawn], data.target[drawn], data.feature_names)
        mean, spread = data.data[drawn].mean(0), data.data[drawn].std(0)
        goal = (data.target[left] - data.target[drawn].mean()) / data.target[drawn].std()
        unseen = replace(problem, x=(data.data[left] - mean) / spread, y=goal)
        for name, shape in KINDS.items():
            top, last = end(problem, shape), finite(problem, shape)
            both = [0.999 * last, (1 + 1e-9) * last] if 0 < last < np.inf else []
            lams = np.array([0.0, HUGE * top, *(share * top for share in SHARES), *both])
            w = descend(problem, shape, lams)
            used = (w != 0).sum(1)
            before, after = used[-2:] if both else (np.nan, np.nan)
            rows.append(
                {
                    "sample": sample,
                    "penalty": name,
                    "from_ols": np.abs(w[0] - problem.ols).max(),
                    "explained": 1 - 2 * problem.loss(w[:1])[0],
                    "huge": 1 - 2 * problem.loss(w[1:2])[0],
                    "huge_new": 1 - unseen.loss(w[1:2])[0] / unseen.loss(0 * w[:1])[0],
                    "before": before,
                    "after": after,
                    "zeros": (w.shape[1] - used[2:6]).min(),
                    "most_zeros": (w.shape[1] - used[2:6]).max(),
                    "used": used[2:6].min(),
                }
            )
    return pd.DataFrame(rows)


def statements(samples: int) -> list[Computed]:
    """What THEORY says of lasso, ridge and the ends of their paths."""
    table = cases(samples)
    lasso, ridge = (table[table["penalty"] == name] for name in ("lasso, L1", "ridge, L2"))
    ends = table[table["before"].notna()]
    source, n = "THEORY", len(lasso) * len(SHARES)
    off, huge = table["from_ols"].max(), table["huge"].max()
    note = "On resampled patients of the diabetes data, at 0.05 to 0.5 of the strength of the end."
    return [
        Computed(
            statement(
                "l1-selects", "L1 makes exact zeros and so selects features", source, "", note
            ),
            bool((lasso["zeros"] > 0).all() and (lasso["used"] > 0).all()),
            n,
            f"of 10 weights {lasso['zeros'].min()} to {lasso['most_zeros'].max()} are exactly zero",
        ),
        Computed(
            statement(
                "l2-shrinks", "L2 makes weights small, but none of them zero", source, "", note
            ),
            bool((ridge["most_zeros"] == 0).all()),
            n,
            f"exact zeros: {ridge['most_zeros'].max()}",
        ),
        Computed(
            statement(
                "zero-strength-is-ols",
                "With λ = 0 the penalised solution is that of ordinary least squares",
                source,
                note="All five penalties, on resampled patients.",
            ),
            bool(off < EXACT),
            len(table),
            f"no weight is further than {off:.0e} from it",
        ),
        Computed(
            statement(
                "finite-end",
                "From a finite strength on L1 and elastic net leave nothing, before it something",
                f"{source} (lpreg's lam_max)",
                note="Of L2 and p = 3 none is large enough.",
            ),
            bool((ends["after"] == 0).all() and (ends["before"] > 0).all()),
            len(ends),
            f"at lam_max {ends['after'].max():.0f} weights are left, a thousandth below "
            f"{ends['before'].min():.0f} or more",
        ),
        Computed(
            statement(
                "huge-strength-underfits",
                "With a very large λ too much weight is added, which leads to underfitting",
                source,
                note=f"All penalties, at {HUGE:,.0f} times the strength of the end of the path.",
            ),
            bool(huge < 0.01),
            len(table),
            f"at most {100 * huge:.1f} % of the variance is explained, "
            f"{100 * table['huge_new'].max():.1f} % on patients left out; least squares explains "
            f"{100 * table['explained'].min():.0f} % or more",
        ),
    ]
