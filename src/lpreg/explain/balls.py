"""Unit balls, where the norm is 1, in two and three dimensions."""

from itertools import pairwise
from math import inf, pi
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from lpreg.explain.common import Computed, called, colour, each, line, power, statement, still
from lpreg.explain.topics import Picture
from lpreg.figures.style import TEXT, panels

FLAT = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, inf)
SOLID = (0.5, 1.0, 2.0, 3.0, 4.0, inf)
LIGHT = np.array([0.35, -0.75, 0.55]) / np.linalg.norm([0.35, -0.75, 0.55])


def norm(p: float, rows: np.ndarray) -> np.ndarray:
    """(sum |x|^p)^(1/p) of every row, for p < 1 too, from the values of the penalty."""
    value = each(power(p).value, rows)
    return value if p == inf else value ** (1 / p)


def frame(shapes: tuple[float, ...], points: int = 1440) -> pd.DataFrame:
    """The edge of the unit ball in the plane: `p`, `angle` in radians, `x`, `y`.

    The angles crowd at the axes and between them, where balls have thorns and corners.
    """
    turn = np.linspace(0, 1, points // 8 + 1)
    eighth = pi / 4 * (turn**3 / (turn**3 + (1 - turn) ** 3))
    angle = np.concatenate([eighth[:-1] + k * pi / 4 for k in range(8)] + [np.array([2 * pi])])
    directions = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    directions[np.abs(directions) < 1e-12] = 0
    parts = []
    for p in shapes:
        edge = directions / norm(p, directions)[:, None]
        parts.append(pd.DataFrame({"p": p, "angle": angle, "x": edge[:, 0], "y": edge[:, 1]}))
    return pd.concat(parts, ignore_index=True)


def draw(flat: pd.DataFrame) -> Figure:
    """A panel per ball, with that of p = 2 behind it."""
    shapes = flat["p"].unique()
    figure, axes = panels("Unit balls in the plane: $|x|^p + |y|^p \\leq 1$", 2, 4, size=(11, 6))
    circle = np.linspace(0, 2 * pi, 361)
    for panel, p in zip(axes, shapes, strict=True):
        edge = flat[flat["p"] == p]
        panel.plot(np.cos(circle), np.sin(circle), color="0.6", linewidth=0.9, linestyle=":")
        panel.fill(edge["x"], edge["y"], color=colour(p), alpha=0.18, linewidth=0)
        panel.plot(edge["x"], edge["y"], **{**line(p), "linestyle": "-"})
        panel.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), xticks=(-1, 0, 1), yticks=(-1, 0, 1))
        panel.set_aspect("equal")
        panel.set_title(called(p), fontsize=TEXT + 2)
        panel.tick_params(labelleft=panel in axes[::4], labelbottom=panel in axes[4:])
    for panel in axes[4:]:
        panel.set_xlabel("x", fontsize=TEXT + 1)
    for panel in axes[::4]:
        panel.set_ylabel("y", fontsize=TEXT + 1)
    return figure


def mesh(p: float, cells: int = 26) -> np.ndarray:
    """The surface of the unit ball in space as quadrilaterals, (6 cells^2, 4, 3).

    The faces of a cube, drawn in along their rays; their lines crowd where the ball has thorns.
    """
    s = np.linspace(-1, 1, cells + 1)
    t = np.sign(s) * np.abs(s) ** max(1.0, 2 / p)
    a, b = np.meshgrid(t, t, indexing="ij")
    corners = [
        (slice(i, cells + i), slice(j, cells + j)) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))
    ]
    faces = []
    for axis in range(3):
        for side in (-1.0, 1.0):
            grid = np.stack([np.full_like(a, side), side * a, b], axis=-1)  # turns outwards
            grid = np.roll(grid, axis, axis=-1)
            edge = (grid.reshape(-1, 3) / norm(p, grid.reshape(-1, 3))[:, None]).reshape(grid.shape)
            faces.append(np.stack([edge[c].reshape(-1, 3) for c in corners], axis=1))
    return np.concatenate(faces)


def draw_solid(shapes: tuple[float, ...]) -> Figure:
    """The balls in space, lit from one side."""
    figure = Figure((11, 7.2))
    heading = {"x": 0.01, "ha": "left", "fontsize": TEXT + 3, "fontweight": "bold"}
    figure.suptitle("Unit balls in space: $|x|^p + |y|^p + |z|^p \\leq 1$", **heading)
    figure.subplots_adjust(0.0, 0.04, 0.97, 0.91, 0.0, 0.1)
    for i, p in enumerate(shapes):
        axes = figure.add_subplot(2, 3, i + 1, projection="3d")
        assert isinstance(axes, Axes3D)
        cells = mesh(p)
        shade = _shade(cells)[:, None] * np.array(to_rgb(colour(p) if p != 0.5 else "0.55"))
        surface = Poly3DCollection(list(cells), facecolors=np.clip(shade, 0, 1), antialiased=False)
        surface.set_rasterized(True)
        axes.add_collection3d(surface)
        ends, ticks = (-1.05, 1.05), (-1, 0, 1)
        axes.set(xlim=ends, ylim=ends, zlim=ends, xticks=ticks, yticks=ticks, zticks=ticks)
        axes.set_box_aspect((1, 1, 1))
        axes.view_init(elev=22, azim=-56)
        axes.tick_params(labelsize=TEXT, pad=-2, labelfontfamily="sans-serif")
        for name in "xyz":
            getattr(axes, f"set_{name}label")(name, fontsize=TEXT + 1, labelpad=-5)
            getattr(axes, f"{name}axis").set_pane_color((0.97, 0.97, 0.97, 1))
        axes.set_title(called(p), fontsize=TEXT + 2, y=1.0)
    return figure


def _shade(cells: np.ndarray) -> np.ndarray:
    """How bright each cell is, from 0.45 in the shade to a little over 1 facing the light."""
    normal = np.cross(cells[:, 2] - cells[:, 0], cells[:, 3] - cells[:, 1])
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    normal = normal / np.where(length > 0, length, 1)
    outwards = np.sign((normal * cells.mean(axis=1)).sum(axis=1, keepdims=True))
    return 0.5 + 0.62 * np.clip((normal * outwards) @ LIGHT, 0, 1)


def stills(flat: pd.DataFrame, folder: Path) -> list[Picture]:
    """The pictures of balls."""
    return [
        still(
            draw(flat),
            folder,
            "balls",
            "All points with |x|^p + |y|^p ≤ 1; the dotted circle is p = 2. For p ≤ 1 corners lie "
            "on the axes, for p < 1 the sides fall in and the ball is not convex; as p grows the "
            "ball fills the square.",
            "Eight outlines, from a thorny star at p = 0.25 over the diamond at p = 1 and the "
            "circle at p = 2 to the square at p = infinity.",
        ),
        still(
            draw_solid(SOLID),
            folder,
            "balls-3d",
            "The same in space, for three weights: thorns, octahedron, sphere, and ever more of a "
            "cube.",
            "Six lit solids: a star with six thorns, an octahedron, a sphere, two rounded cubes "
            "and a cube.",
        ),
    ]


def area(p: float, points: int = 40_000) -> float:
    """Of the unit ball in the plane, by the polygon of its edge."""
    edge = frame((p,), points)
    x, y = edge["x"].to_numpy(), edge["y"].to_numpy()
    return float(abs(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2)


def outside(p: float, pairs: int, random: np.random.Generator, size: int = 3) -> float:
    """The share of pairs of points on the edge whose midpoint lies outside the ball."""
    ends = random.standard_normal((2, pairs, size))
    edge = [end / norm(p, end)[:, None] for end in ends]
    return float((norm(p, (edge[0] + edge[1]) / 2) > 1 + 1e-12).mean())


GROWING = (1.0, 2.0, 3.0, 4.0, 8.0, 16.0, 64.0, 1024.0, inf)


def statements(pairs: int = 4000, seed: int = 0) -> list[Computed]:
    """What COURAGE says of balls."""
    random = np.random.default_rng(seed)
    shares = {p: outside(p, pairs, random) for p in (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, inf)}
    below = all(shares[p] > 0 for p in shares if p < 1)
    above = all(shares[p] == 0 for p in shares if p >= 1)
    areas = {p: area(p) for p in GROWING}
    grows = all(a < b + 1e-9 for a, b in pairwise(areas.values()))
    shown = ", ".join(f"{areas[p]:.3f} at {called(p)}" for p in (1.0, 2.0, 3.0, 64.0, inf))
    lost = ", ".join(f"{100 * shares[p]:.0f} % at {called(p)}" for p in (0.25, 0.5, 0.75, 1.0, 2.0))
    return [
        Computed(
            statement(
                "not-convex",
                "The ball of p < 1 is not convex, that of p ≥ 1 is",
                "COURAGE",
                "decidedly non-convex at p = 0.5",
            ),
            below and above,
            pairs * len(shares),
            f"midpoints of two points on the edge that lie outside, in space: {lost}",
        ),
        Computed(
            statement(
                "to-a-square",
                "As p grows the ball becomes a square",
                "COURAGE",
                "a square with rounded corners at p = 3, a perfect square at infinity",
            ),
            grows and abs(areas[inf] - 4) < 1e-6 and 4 - areas[1024.0] < 1e-4,
            len(areas),
            f"area {shown}; the square has 4",
        ),
    ]
