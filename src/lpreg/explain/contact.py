"""Two weights: where the ball of a penalty touches the contours of a loss, and the path to there.

The loss is (w - best)' Q (w - best) / 2. Penalised solutions come from proximal steps; constrained
ones, min loss with penalty <= radius, from a search along the edge of the ball, which knows nothing
of a prox. Both meet where the theory of Lagrange says: for convex penalties, everywhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lpreg.explain.common import Computed, called, colour, each, power, statement, still, tensor
from lpreg.explain.topics import Picture
from lpreg.figures.looks import COLOURS
from lpreg.figures.style import TEXT, panels
from lpreg.penalties import ElasticNet, Penalty

STEPS = 80
"""Proximal steps: the error falls by (1 - 1/condition) in each, below 1e-15 here."""
BISECTIONS = 52
FINEST = 1e-10
"""To which angle, in radians, searches along an edge go."""
INF = float("inf")

PENALTIES: dict[str, tuple[Penalty, str]] = {
    **{called(p): (power(p), colour(p)) for p in (0.5, 1.0)},
    "elastic net": (ElasticNet(1.0, 0.5), COLOURS["EN"]),
    **{called(p): (power(p), colour(p)) for p in (2.0, 3.0, INF)},
}
"""The penalties at strength 1 by their names in pictures, and their colours."""


@dataclass(frozen=True)
class Plane:
    """A quadratic loss of two weights.

    Attributes:
        best: where it is 0, (2,).
        correlation: of the two inputs, which have variance 1.
    """

    best: tuple[float, float]
    correlation: float

    @property
    def curvature(self) -> np.ndarray:
        """Q, (2, 2)."""
        return np.array([[1.0, self.correlation], [self.correlation, 1.0]])

    def loss(self, w: np.ndarray) -> np.ndarray:
        """Of weights (..., 2): (...)."""
        away = w - np.array(self.best)
        return ((away @ self.curvature) * away).sum(-1) / 2

    @property
    def worst(self) -> float:
        """The loss of weights that are all zero."""
        return float(self.loss(np.zeros(2)))


PROBLEM = Plane((0.4, 1.6), 0.3)


def penalised(plane: Plane, shape: Penalty, lams: np.ndarray) -> np.ndarray:
    """The minimum of loss + lam shape for every strength: (k,) -> (k, 2).

    Of a penalty that is not convex, the best end of proximal steps from four starts.
    """
    curvature, best, strengths = tensor(plane.curvature), tensor(plane.best), tensor(lams)
    step = 1 / float(torch.linalg.eigvalsh(curvature)[-1])
    rest = shape.data()[1:]
    prox = torch.func.vmap(lambda lam, v: shape.with_data((lam, *rest)).prox(v, step))
    starts = [best, best * tensor([0, 1]), best * tensor([1, 0]), best * 0]
    ends = []
    for start in starts[: 1 if shape.convex else 4]:
        w = start.expand(len(lams), 2)
        for _ in range(STEPS):
            w = prox(strengths, w - step * (w - best) @ curvature)
        ends.append(w.numpy())
    totals = [plane.loss(w) + lams * each(shape.value, w) for w in ends]
    return np.stack(ends)[np.argmin(totals, axis=0), np.arange(len(lams))]


def edge(shape: Penalty, radii: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """The points with shape = radius in these directions, (...) and (...) -> (..., 2)."""
    radii, angles = np.broadcast_arrays(radii, angles)
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=-1).reshape(-1, 2)
    rays[np.abs(rays) < 1e-15] = 0
    low, high = np.zeros(len(rays)), np.ones(len(rays))
    while (short := each(shape.value, rays * high[:, None]) < radii.ravel()).any():
        high[short] *= 2
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        inside = each(shape.value, rays * middle[:, None]) < radii.ravel()
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return (rays * high[:, None]).reshape(*angles.shape, 2)


def lowest(height: Callable[[np.ndarray], np.ndarray], many: int) -> np.ndarray:
    """The angles of the lowest places of closed curves, (many,): on a grid, then ever finer.

    Args:
        height: of angles (many, k).
    """
    angles = np.tile(np.linspace(-np.pi, np.pi, 721), (many, 1))
    reach = angles[0, 1] - angles[0, 0]
    while True:
        best = np.take_along_axis(angles, height(angles).argmin(1)[:, None], 1)
        if reach < FINEST:
            return best[:, 0]
        angles = best + np.linspace(-reach, reach, 81)
        reach /= 40


def constrained(plane: Plane, shape: Penalty, radii: np.ndarray) -> np.ndarray:
    """The minimum of the loss where shape <= radius, of balls that do not hold it: (k, 2)."""
    column = radii[:, None]
    angles = lowest(lambda angles: plane.loss(edge(shape, column, angles)), len(radii))
    return edge(shape, radii, angles)


def touching(plane: Plane, shape: Penalty, share: float = 0.5) -> np.ndarray:
    """Where the growing ball first meets the contour with this share of the worst loss, (2,)."""
    size, axes = np.linalg.eigh(plane.curvature)

    def contour(angles: np.ndarray) -> np.ndarray:
        circle = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        return plane.best + (2 * share * plane.worst) ** 0.5 * (circle / size**0.5) @ axes.T

    def height(angles: np.ndarray) -> np.ndarray:
        return each(shape.value, contour(angles).reshape(-1, 2)).reshape(angles.shape)

    return contour(lowest(height, 1))[0]


def frame(plane: Plane, strengths: int = 240) -> pd.DataFrame:
    """Paths and solutions: `penalty`, `kind`, `lam`, `radius` (the penalty at strength 1), `w1`,
    `w2`. Of the kind "path" are the penalised solutions, of the kind "solution" that with half of
    the worst loss, which the growing ball meets first."""
    parts = []
    lams = np.geomspace(1e-3, 1e4, strengths)
    for name, (shape, _) in PENALTIES.items():
        w = np.vstack([penalised(plane, shape, lams), touching(plane, shape)])
        kinds = ["path"] * strengths + ["solution"]
        table = {"penalty": name, "kind": kinds, "lam": np.append(lams, np.nan)}
        table |= {"radius": each(shape.value, w), "w1": w[:, 0], "w2": w[:, 1]}
        parts.append(pd.DataFrame(table))
    return pd.concat(parts, ignore_index=True)


def draw(paths: pd.DataFrame, plane: Plane) -> Figure:
    """A panel per penalty: contours, the ball that touches that of half the loss, the path."""
    heading = "The ball touches the contour: where it does so on an axis, a weight is zero"
    figure, axes = panels(heading, 2, 3, size=(9.6, 8.4))
    for panel, (name, (shape, color)) in zip(axes, PENALTIES.items(), strict=True):
        rows = paths[paths["penalty"] == name]
        solution = rows[rows["kind"] == "solution"].iloc[0]
        _landscape(panel, plane)
        turn = np.linspace(0, 2 * np.pi, 1441)
        ball = edge(shape, np.array(solution["radius"]), turn)
        panel.fill(*ball.T, color=color, alpha=0.2, linewidth=0)
        panel.plot(*ball.T, color=color, linewidth=1.6)
        path = rows.loc[rows["kind"] == "path", ["w1", "w2"]].to_numpy()
        jump = np.linalg.norm(np.diff(path, axis=0), axis=1) > 0.2
        style = {"color": "black", "linewidth": 2, "linestyle": (0, (1.2, 1.2))}
        panel.plot(*np.insert(path, np.flatnonzero(jump) + 1, np.nan, axis=0).T, **style)
        panel.plot(*plane.best, "x", color="black", markersize=7, markeredgewidth=2)
        w = np.array([solution["w1"], solution["w2"]])
        panel.plot(*w, "o", color=color, markeredgecolor="black", markersize=9, zorder=5)
        w1, w2 = w.round(2) + 0.0
        panel.set_title(f"{name}:  w = ({w1:g}, {w2:g})", fontsize=TEXT + 1)
    for panel in axes[3:]:
        panel.set_xlabel("$w_1$", fontsize=TEXT + 2)
    for panel in axes[::3]:
        panel.set_ylabel("$w_2$", fontsize=TEXT + 2)
    return figure


def _landscape(panel: Axes, plane: Plane) -> None:
    """Axes and contours; that of half the loss is dark."""
    x, y = np.meshgrid(np.linspace(-1.05, 1.45, 161), np.linspace(-0.85, 2.3, 161))
    loss = plane.loss(np.stack([x, y], axis=-1)) / plane.worst
    panel.contour(x, y, loss, [0.02, 0.1, 0.25, 0.8, 1.15], colors="0.78", linewidths=0.9)
    panel.contour(x, y, loss, [0.5], colors="0.35", linewidths=1.5)
    panel.axhline(0, color="0.4", linewidth=0.8)
    panel.axvline(0, color="0.4", linewidth=0.8)
    panel.grid(False)
    panel.set(xlim=(-1.05, 1.45), ylim=(-0.85, 2.3), xticks=(-1, 0, 1), yticks=(0, 1, 2))
    panel.set_aspect("equal")


def pictures(plane: Plane, folder: Path, numbers: dict[str, pd.DataFrame]) -> list[Picture]:
    """The picture, its frame into `numbers`."""
    numbers["contact"] = paths = frame(plane)
    return [
        still(
            draw(paths, plane),
            folder,
            "contact",
            "Ellipses: weights with the same loss; cross: its minimum, without a penalty. Each "
            "ball has grown until it touches the dark contour, where half of the gain is lost; the "
            "dot is the solution under that constraint. Dotted: the path of the penalised solution "
            "as the strength grows, which leads through the dot where the penalty is convex. With "
            "p = 0.5 it jumps from one end to zero.",
            "Six panels of the same loss: for p = 0.5, 1 and the elastic net the solution lies on "
            "the vertical axis, for p = 2 and 3 beside it, for p = infinity on a corner of the "
            "square.",
        )
    ]


def gaps(plane: Plane, shape: Penalty, radii: np.ndarray, strengths: int = 600) -> np.ndarray:
    """Duality gaps as shares of the loss at 0: min loss with shape <= radius, less the largest
    lower bound min (loss + lam (shape - radius)) over strengths."""
    lams = np.append(0.0, np.geomspace(1e-4, 100, strengths))
    w = penalised(plane, shape, lams)
    bounds = plane.loss(w) + lams * (each(shape.value, w) - radii[:, None])
    return (plane.loss(constrained(plane, shape, radii)) - bounds.max(axis=1)) / plane.worst


def statements(plane: Plane, radii: int = 15) -> list[Computed]:
    """What COURAGE says of constraints, and THEORY of zeros."""
    found: Mapping[str, np.ndarray] = {
        name: gaps(plane, shape, _radii(plane, shape, radii))
        for name, (shape, _) in PENALTIES.items()
    }
    convex = max(found[name].max() for name, (shape, _) in PENALTIES.items() if shape.convex)
    other = max(found[name].max() for name, (shape, _) in PENALTIES.items() if not shape.convex)
    return [
        Computed(
            statement(
                "lagrange",
                "Constraining the penalty and adding it are two ways to the same weights, as long "
                "as it is convex",
                "COURAGE",
                "constraints should be convex functions",
                "By duality: the least loss under a constraint equals the best lower bound that "
                "any strength gives. The constrained solution is searched along the ball's edge.",
            ),
            convex < 1e-4 < other,
            radii * len(PENALTIES),
            f"largest duality gap, of the loss at 0: {100 * max(convex, 0):.2g} % for p ≥ 1 and "
            f"elastic net, {100 * other:.2g} % for p = 0.5",
        )
    ]


def _radii(plane: Plane, shape: Penalty, count: int) -> np.ndarray:
    """Of balls between nothing and the one that holds the best weights."""
    whole = float(shape.value(tensor(plane.best)))
    return whole * np.linspace(0.05, 0.95, count)
