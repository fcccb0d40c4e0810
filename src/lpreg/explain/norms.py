"""Norms and their balls: |x|^p with its slope and its prox, the balls, both as p moves."""

from math import inf
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lpreg.explain import balls, limits
from lpreg.explain.common import (
    Computed,
    called,
    colour,
    each,
    line,
    power,
    statement,
    still,
    verdicts,
)
from lpreg.explain.topics import Progress, Result
from lpreg.figures.looks import GREY
from lpreg.figures.style import TEXT, panels
from lpreg.penalties import Lp, Penalty

SHAPES = (0.0, 0.5, 1.0, 2.0, 3.0, inf)
ORDERS = (1.0, 2.0, 3.0, 4.0)
WALL = 1e4
"""The p at which the limit of |x|^p for growing p is drawn: 0 inside, a wall at 1."""
STRENGTH = 0.5


def make(folder: Path, progress: Progress) -> Result:
    """All pictures and statements of the topic."""
    progress("shapes")
    shapes, slopes = frame(SHAPES), slope_frame(ORDERS)
    figures = [
        still(
            draw(shapes),
            folder,
            "shapes",
            "One weight x: its penalty |x|^p, the slope with which that pulls x to zero, and where "
            "the prox of strength 0.5 moves it. Where that is flat at 0, for p ≤ 1, weights become "
            "exactly zero. At p = 0 the limit is drawn, which is 1 everywhere but at 0, and at "
            f"p = ∞ the wall at 1 that |x|^p becomes ({WALL:,.0f} stands for ∞).",
            "Three panels over x from -2 to 2 with a line per p: penalty, slope, prox.",
        ),
        still(
            draw_slopes(slopes),
            folder,
            "slopes",
            "The slope of |x|^n (line) and what SHAPES says of it, a straight line with a slope "
            "equal to the order n (dashes). Both agree for n = 2 alone: at n = 1 the slope is a "
            "step, beyond 2 it is a curve.",
            "Four panels, n = 1, 2, 3, 4: computed slope and the claimed straight line n x.",
        ),
    ]
    progress("balls")
    flat = balls.frame(balls.FLAT)
    figures += balls.stills(flat, folder)
    progress("animations")
    moving = limits.frame()
    figures += limits.films(moving, folder)
    numbers = {"shapes": shapes, "slopes": slopes, "balls": flat, "limits": moving}
    progress("statements")
    return Result(figures, numbers, verdicts(*statements(shapes, slopes), *balls.statements()))


def scalar(p: float, lam: float = 1.0) -> Penalty:
    """lam |x|^p of one number; at p = inf the limit of the powers, not of the norms."""
    return Lp(lam, WALL) if p == inf else power(p, lam)


def frame(shapes: tuple[float, ...], lam: float = STRENGTH, reach: float = 2.0) -> pd.DataFrame:
    """|x|^p for single numbers: `p`, `x`, `value`, `slope` at strength 1, `prox` at `lam`."""
    half = reach * np.linspace(0, 1, 401) ** 2  # dense where slopes are steep
    x = np.concatenate([-half[:0:-1], half])
    return pd.concat([_shape(p, x, lam) for p in shapes], ignore_index=True)


def _shape(p: float, x: np.ndarray, lam: float) -> pd.DataFrame:
    rows, penalty = x[:, None], scalar(p)
    columns = {"value": each(penalty.value, rows), "slope": each(penalty.gradient, rows)[:, 0]}
    columns["prox"] = each(scalar(p, lam).prox, rows)[:, 0]
    return pd.DataFrame({"p": p, "x": x, **columns})


def draw(shapes: pd.DataFrame) -> Figure:
    """Penalty, slope and prox side by side."""
    figure, axes = panels("One weight x under $|x|^p$", columns=3, size=(11, 4.4))
    limits = {"value": (-0.1, 3), "slope": (-3, 3), "prox": (-2, 2)}
    names = ("penalty $|x|^p$", "slope of the penalty", f"prox of ${STRENGTH}\\,|x|^p$")
    for panel, (column, ends), name in zip(axes, limits.items(), names, strict=True):
        for p in shapes["p"].unique():
            rows = shapes[shapes["p"] == p]
            panel.plot(rows["x"], _broken(rows, column, p), label=called(p), **line(p))
        panel.set(xlim=(-2, 2), ylim=ends, xticks=range(-2, 3))
        panel.set_title(name, fontsize=TEXT + 2)
        panel.set_xlabel("x", fontsize=TEXT + 1)
    axes[0].plot(0, 0, "o", color=colour(0), markersize=5, zorder=3)
    axes[0].plot(0, 1, "o", color=colour(0), markerfacecolor="white", markersize=5, zorder=3)
    axes[2].plot([-2, 2], [-2, 2], color="0.75", linewidth=0.8, zorder=0)
    _legend(figure, axes[0])
    return figure


def _broken(rows: pd.DataFrame, column: str, p: float) -> np.ndarray:
    """A line that stops where it jumps, rather than to climb there."""
    x, y = rows["x"].to_numpy(), rows[column].to_numpy()
    if column == "prox":
        kept = y != 0
        jumps = kept[1:] != kept[:-1]
        return np.where(np.append(jumps, False) & (p < 1), np.nan, y)
    gone = (x == 0) & ((p == 0) if column == "value" else (p <= 1))
    return np.where(gone, np.nan, np.clip(y, -100, 100))


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    style = {"frameon": False, "fontsize": TEXT + 1, "handlelength": 3.2}
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), **style)


def slope_frame(orders: tuple[float, ...], reach: float = 2.0) -> pd.DataFrame:
    """The slope of |x|^n and the line that is claimed for it: `n`, `x`, `slope`, `claimed`."""
    x = np.linspace(-reach, reach, 401)
    return pd.concat(
        pd.DataFrame(
            {"n": n, "x": x, "slope": each(power(n).gradient, x[:, None])[:, 0], "claimed": n * x}
        )
        for n in orders
    ).reset_index(drop=True)


def draw_slopes(slopes: pd.DataFrame) -> Figure:
    """A panel per order, with the computed slope and the claimed line."""
    orders = slopes["n"].unique()
    figure, axes = panels(
        "Are the slopes straight lines, as steep as the order?", columns=len(orders), size=(11, 3.6)
    )
    for panel, n in zip(axes, orders, strict=True):
        rows = slopes[slopes["n"] == n]
        claimed = {"color": GREY, "linestyle": (0, (4, 2)), "linewidth": 1.4}
        panel.plot(rows["x"], rows["claimed"], label="claimed: $n\\,x$", **claimed)
        computed = {"color": "black", "linewidth": 1.8, "label": "slope of $|x|^n$, computed"}
        panel.plot(rows["x"], _broken(rows, "slope", n), **computed)
        panel.set(xlim=(-2, 2), ylim=(-9, 9), xticks=range(-2, 3), yticks=range(-8, 9, 4))
        panel.set_title(f"n = {n:g}", fontsize=TEXT + 1)
        panel.set_xlabel("x", fontsize=TEXT + 1)
        panel.tick_params(labelleft=panel is axes[0])
    axes[0].set_ylabel("slope", fontsize=TEXT + 1)
    _legend(figure, axes[0])
    return figure


def statements(shapes: pd.DataFrame, slopes: pd.DataFrame) -> list[Computed]:
    """What SHAPES says of one weight."""
    away = slopes["x"] != 0
    one = slopes.loc[away & (slopes["n"] == 1), "slope"].abs()
    zero = shapes.loc[(shapes["p"] == 0) & (shapes["x"] != 0)]
    off = (slopes["slope"] - slopes["claimed"]).abs().groupby(slopes["n"]).max()
    told = ", ".join(f"{gap:.3g} at n = {n:g}" for n, gap in off.items())
    return [
        Computed(
            statement(
                "slopes-straight",
                "The slopes of the penalties are straight lines with a slope equal to the order",
                "SHAPES",
                "said of L2 and L3",
                "The slope of |x|^n is n |x|^(n-1) sign(x): straight for n = 2, where it is 2 x. "
                "For n = 1 it is a step, for n = 3 a parabola on either side.",
            ),
            bool((off < 1e-9).all()),
            len(slopes),
            f"largest distance from the claimed line for |x| up to 2: {told}",
        ),
        Computed(
            statement(
                "slope-of-l1",
                "The gradient of L1 is 1 or -1, whatever the size of the weight",
                "SHAPES",
                "1.0 or -1.0",
            ),
            bool((one == 1).all()),
            len(one),
            f"|slope| is {one.min():g} to {one.max():g} over all x that are not 0",
        ),
        Computed(
            statement(
                "slope-of-l0",
                "L0 has no slope: it is flat everywhere but at 0, where it jumps",
                "SHAPES",
            ),
            bool((zero["slope"] == 0).all() and (zero["value"] == 1).all()),
            len(zero),
            f"value {zero['value'].min():g}, slope {zero['slope'].abs().max():g} for all "
            "x but 0; its prox keeps or drops",
        ),
    ]
