"""Penalties as priors: densities, posteriors on a grid, and their modes over the strength."""

from math import gamma
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lpreg.explain.bayes import SAMPLES, Regression, cases, diabetes, mean, mesh, mode, solution
from lpreg.explain.common import Computed, each, line, power, statement, still, verdicts
from lpreg.explain.topics import Progress, Result
from lpreg.figures.style import TEXT, logarithmic, panels

NAMES = {2.0: "Gaussian", 1.0: "Laplace", 0.5: "generalised normal, p = 0.5"}
SHORT = {2.0: "Gaussian", 1.0: "Laplace", 0.5: "p = 0.5"}
SHAPES = (0.5, 1.0, 2.0, 4.0)
STRENGTHS = {2.0: 0.2, 1.0: 0.2, 0.5: 0.14}
SIDE, HALF = 101, 1.0
"""Points along a side of a drawn grid, and how far it reaches from zero."""
INPUTS = ("bmi", "s2")


def make(folder: Path, progress: Progress) -> Result:
    """All pictures of the topic, and its statements."""
    progress("densities")
    density = densities(SHAPES)
    progress("posteriors")
    problem = diabetes(INPUTS)
    grid, points = posterior(problem), marks(problem)
    progress("modes")
    found = modes(problem)
    progress("pictures")
    pictures = [
        still(
            draw_densities(density),
            folder,
            "densities",
            "Priors of one weight, all of variance 1, and the penalty that each of them is: minus "
            "its logarithm. Laplace's corner at zero is L1, the Gaussian's parabola is L2. Where "
            "the cost has a corner or a cusp, the mode can be exactly zero. (The peak of p = 0.5 "
            f"is cut off; it reaches {density['density'].max():.2g}.)",
            "Densities of four priors, and the same as costs: a cusp, a corner, a parabola and a "
            "flat valley with steep walls.",
        ),
        still(
            draw_posterior(grid, points),
            folder,
            "posterior",
            f"Two weights of the diabetes data ({' and '.join(INPUTS)}, {SAMPLES} samples). Above, "
            "the likelihood (lines) meets a prior (shaded); below, their product on a grid. Its "
            "mode is what scikit-learn's Ridge and Lasso find. The zero of Lasso belongs to the "
            "mode alone: the mean of the same posterior (triangle) has none.",
            "Three priors over two weights and the posteriors that they lead to, with least "
            "squares, mode, mean and scikit-learn's solution marked.",
        ),
        still(
            draw_modes(found),
            folder,
            "modes",
            "The mode of the posterior, searched on a grid (marks), against the coefficients of "
            "scikit-learn's Ridge and Lasso (lines) over the strength.",
            "Coefficients over strength; the marks lie on the lines.",
        ),
    ]
    numbers = {"densities": density, "posterior": grid, "marks": points, "modes": found}
    progress("every pair of inputs")
    return Result(pictures, numbers, statements(1 if progress.quick else 3))


# ---- densities ----------------------------------------------------------------------------------


def unit_strength(p: float) -> float:
    """The lam for which the density proportional to exp(-lam |w|^p) has variance 1."""
    return (gamma(3 / p) / gamma(1 / p)) ** (p / 2)


def densities(shapes: tuple[float, ...], reach: float = 4.0) -> pd.DataFrame:
    """Generalised normal densities of variance 1: `p`, `w`, `cost` = lam |w|^p, `density`."""
    w = np.linspace(-reach, reach, 1001)
    parts = []
    for p in shapes:
        lam = unit_strength(p)
        cost = each(power(p, lam).value, w[:, None])
        mass = 2 * gamma(1 + 1 / p) * lam ** (-1 / p)
        parts.append(pd.DataFrame({"p": p, "w": w, "cost": cost, "density": np.exp(-cost) / mass}))
    return pd.concat(parts, ignore_index=True)


def draw_densities(frame: pd.DataFrame) -> Figure:
    """Densities, and their logarithms as costs."""
    figure, (left, right) = panels("Priors of variance 1 and the penalties that they are", 1, 2)
    figure.set_size_inches(10, 4.3)
    names = {**NAMES, 4.0: "generalised normal, p = 4"}
    for p in reversed(frame["p"].unique()):
        rows = frame[frame["p"] == p]
        left.plot(rows["w"], rows["density"], label=names[p], **line(p))
        right.plot(rows["w"], rows["cost"], **line(p))
    left.set(ylim=(0, 1.05), xlim=(-4, 4))
    right.set(ylim=(0, 8), xlim=(-4, 4))
    for panel, words in ((left, "density"), (right, "log(density at 0 / density)")):
        panel.set_xlabel("weight w", fontsize=TEXT)
        panel.set_ylabel(words, fontsize=TEXT)
    _place_legend(figure, left)
    return figure


# ---- a posterior on a grid ----------------------------------------------------------------------


def posterior(problem: Regression, half: float = HALF, side: int = SIDE) -> pd.DataFrame:
    """On a grid, per prior: `p`, `first`, `second`, and `log_likelihood`, `log_prior`,
    `log_posterior`, each from its highest value."""
    w = mesh(np.zeros(2), half, side)
    likelihood = -problem.weight * problem.loss(w)
    parts = []
    for p, lam in STRENGTHS.items():
        prior = -problem.weight * each(power(p, lam).value, w)
        logs = {"likelihood": likelihood, "prior": prior, "posterior": likelihood + prior}
        columns = {f"log_{name}": log - log.max() for name, log in logs.items()}
        parts.append(pd.DataFrame({"p": p, "first": w[:, 0], "second": w[:, 1], **columns}))
    return pd.concat(parts, ignore_index=True).round(5)


def marks(problem: Regression) -> pd.DataFrame:
    """Points of each posterior: `p`, `what`, `first`, `second`."""
    rows = []
    for p, lam in STRENGTHS.items():
        penalty = power(p, lam)
        found = {
            "least squares": problem.least_squares,
            "mode on the grid": mode(problem, penalty),
            "mean": mean(problem, penalty),
        }
        if p in (1, 2):
            found["scikit-learn"] = solution(problem, penalty)
        rows += [(p, what, *w) for what, w in found.items()]
    return pd.DataFrame(rows, columns=["p", "what", "first", "second"])


MARKS = {
    "least squares": {"marker": "x", "color": "#000000", "markersize": 7, "markeredgewidth": 1.8},
    "scikit-learn": {
        "marker": "o",
        "color": "#D55E00",
        "markersize": 12,
        "fillstyle": "none",
        "markeredgewidth": 1.8,
    },
    "mode on the grid": {"marker": "o", "color": "#D55E00", "markersize": 5},
    "mean": {"marker": "^", "color": "#009E73", "markersize": 7},
}
TICKS = (-1.0, -0.5, 0.0, 0.5, 1.0)
LEVELS = (-9.0, -6.0, -4.0, -2.5, -1.3, -0.5, -0.1)


def draw_posterior(grid: pd.DataFrame, points: pd.DataFrame) -> Figure:
    """A column per prior: above, prior and likelihood; below, the posterior."""
    figure, axes = panels("A prior meets the data", 2, 3, size=(11, 8))
    for column, p in enumerate(STRENGTHS):
        above, below = axes[column], axes[column + 3]
        rows = grid[grid["p"] == p]
        _map(above, rows, "prior", "Blues")
        _lines(above, rows)
        _map(below, rows, "posterior", "Purples")
        for what, look in MARKS.items():
            at = points[(points["p"] == p) & (points["what"] == what)]
            below.plot(at["first"], at["second"], linestyle="", label=what, zorder=5, **look)
        for panel, what in ((above, f"{SHORT[p]} prior, likelihood"), (below, "posterior")):
            panel.set_title(what, fontsize=TEXT + 1, loc="left")
            panel.set(xticks=TICKS, yticks=TICKS)
            panel.axhline(0, color="0.4", linewidth=0.8)
            panel.axvline(0, color="0.4", linewidth=0.8)
            panel.set_aspect("equal")
            panel.set_xlabel(f"weight of {INPUTS[0]}", fontsize=TEXT)
            if column == 0:
                panel.set_ylabel(f"weight of {INPUTS[1]}", fontsize=TEXT)
    handles, labels = axes[3].get_legend_handles_labels()
    style = {"ncols": 4, "frameon": False, "fontsize": TEXT}
    figure.legend(handles, labels, loc="outside lower center", **style)
    return figure


def _square(rows: pd.DataFrame, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = rows.pivot(index="second", columns="first", values=f"log_{name}")
    return table.columns.to_numpy(), table.index.to_numpy(), table.to_numpy()


def _map(panel: Axes, rows: pd.DataFrame, name: str, colours: str) -> None:
    panel.contourf(*_square(rows, name), levels=[*LEVELS, 0.0], cmap=colours, alpha=0.9)


def _lines(panel: Axes, rows: pd.DataFrame) -> None:
    lines = {"colors": "0.25", "linewidths": 1.0, "linestyles": "solid"}
    panel.contour(*_square(rows, "likelihood"), levels=LEVELS, **lines)


# ---- the mode over the strength -----------------------------------------------------------------


def modes(problem: Regression, count: int = 17) -> pd.DataFrame:
    """Per prior and strength: `p`, `lam`, `input`, `mode` on the grid, scikit-learn's `solution`.

    From 1/300 of the strength at which Lasso is zero up to it (Ridge: 30 times that).
    """
    top = np.abs(problem.x.T @ problem.y).max() / len(problem.y)
    rows = []
    for p in (2.0, 1.0):
        for lam in np.geomspace(top / 300, top * (30 if p == 2 else 1.2), count):
            penalty = power(p, float(lam))
            both = (problem.names, mode(problem, penalty), solution(problem, penalty))
            rows += [(p, lam, *each_input) for each_input in zip(*both, strict=True)]
    return pd.DataFrame(rows, columns=["p", "lam", "input", "mode", "solution"])


def draw_modes(frame: pd.DataFrame) -> Figure:
    """A panel per prior: lines of scikit-learn, marks of the grid."""
    figure, axes = panels("The mode of the posterior is the penalised solution", 1, 2, (10, 4.2))
    known = {2.0: "Ridge, Gaussian prior", 1.0: "Lasso, Laplace prior"}
    looks = [("#0072B2", "o", "-"), ("#D55E00", "D", (0, (4.5, 1.6)))]
    for panel, (p, words) in zip(axes, known.items(), strict=True):
        for name, (tone, mark, dash) in zip(frame["input"].unique(), looks, strict=True):
            rows = frame[(frame["p"] == p) & (frame["input"] == name)]
            panel.plot(
                rows["lam"],
                rows["solution"],
                color=tone,
                linestyle=dash,
                linewidth=1.6,
                label=f"{name}: scikit-learn",
            )
            style = {"color": tone, "marker": mark, "markersize": 4.5, "markerfacecolor": "white"}
            panel.plot(rows["lam"], rows["mode"], linestyle="", label=f"{name}: mode", **style)
        panel.set_xscale("log")
        logarithmic(panel.xaxis)
        panel.axhline(0, color="0.4", linewidth=0.8)
        panel.set_title(words, fontsize=TEXT + 1, loc="left")
        panel.set_xlabel("strength λ", fontsize=TEXT)
        panel.set_ylabel("weight", fontsize=TEXT)
    _place_legend(figure, axes[0])
    return figure


def _place_legend(figure: Figure, panel: Axes) -> None:
    handles, labels = panel.get_legend_handles_labels()
    style = {"ncols": 4, "frameon": False, "fontsize": TEXT}
    figure.legend(handles, labels, loc="outside lower center", **style)


# ---- statements ---------------------------------------------------------------------------------

NEAR = 1e-5
SOURCE = "THEORY, Regularization as Bayesian inference"


def statements(strengths: int) -> pd.DataFrame:
    """What THEORY says of priors, tried on every pair of inputs at some strengths."""
    table = cases(tuple(CLAIMS), strengths)
    rows = []
    for p, claim in CLAIMS.items():
        found = table[table["p"] == p]
        far = found["apart"].max()
        ours = f"mode and scikit-learn at most {far:.0e} apart"
        if p == 1:
            zeros, least = int(found["zero"].sum()), found["mean_least"].min()
            ours += f"; {zeros} modes have a zero, posterior means stay {least:.0e} or more away"
        rows.append(Computed(claim, bool(far < NEAR), len(found), ours))
    return verdicts(*rows)


CLAIMS = {
    2.0: statement(
        "gaussian-prior",
        "L2 is the most probable weight (MAP) under a Gaussian prior",
        SOURCE,
        note="The variance of the prior is s²/(2 n lam): at one lam it narrows as samples come.",
    ),
    1.0: statement(
        "laplace-prior",
        "L1 is the most probable weight (MAP) under a Laplace prior",
        SOURCE,
        note="Its zeros are a property of the mode; the posterior gives a zero no probability.",
    ),
}
