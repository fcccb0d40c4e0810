"""Learning curves: task loss and accuracy over the epochs, one arm beside the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from lpreg.analysis import chosen, loss_epochs
from lpreg.figures.style import TEXT, number, save, stem

BOLD = 1.7
FAINT = 0.5
POINTS = 80  # of a faint line: more cannot be seen, and would only make the SVG heavy

# Three of the colours of Okabe and Ito (2008), which the colour-blind tell apart, in the order of
# their lightness, so that print in grey keeps them apart too; the dashes help it.
PARTS: dict[str, dict[str, Any]] = {
    "train": {"label": "training", "color": "#000000", "linestyle": "-"},
    "val": {"label": "validation", "color": "#0072B2", "linestyle": (0, (3.2, 1.0))},
    "test": {"label": "test", "color": "#E69F00", "linestyle": (0, (1.1, 0.8))},
}
PLAIN: dict[str, Any] = {
    "label": "validation of none",
    "color": "#CC79A7",
    "linestyle": (0, (6, 1, 1, 1)),
    "linewidth": 1.1,
}
MARK: dict[str, Any] = {
    "label": "median epoch of convergence",
    "color": "#009E73",
    "linestyle": "-",
    "linewidth": 1.3,
}


class Frames(Protocol):
    """What is drawn of a run folder."""

    @property
    def results(self) -> pd.DataFrame:
        """One row per member."""
        ...

    @property
    def curves(self) -> pd.DataFrame:
        """One row per member and evaluated epoch."""
        ...


def frame(frames: Frames) -> pd.DataFrame:
    """The numbers in the picture: the curves of the members with the chosen settings.

    Args:
        frames: of a run folder.

    Returns:
        One row per member, epoch and part: `data`, `recipe`, `model`, `arm`, `lam`, `seed`,
        `status`, `converged` (the epoch in which the task loss on the training part did, NaN if it
        did not), `epoch`, `part`, `loss` (task loss) and, in a classification, `accuracy`.
    """
    about = ["data", "recipe", "model", "arm", "lam", "seed", "status", "converged"]
    best = frames.results.loc[chosen(frames.results)]
    own = frames.curves.loc[frames.curves["member"].isin(best["member"])]
    found = loss_epochs(best, own).set_index("member")
    settled = found["epoch"].where(found["converged"].astype(bool))
    members = best.assign(converged=best["member"].map(settled))[["member", *about]]
    curves = members.merge(own, on="member")
    metrics = [metric for metric in ("loss", "accuracy") if f"val_{metric}" in curves]
    parts = [
        curves[[*about, "epoch"]].assign(
            part=part, **{metric: curves[f"{part}_{metric}"] for metric in metrics}
        )
        for part in PARTS
    ]
    return pd.concat(parts, ignore_index=True)


def draw(frame: pd.DataFrame) -> Figure:
    """The picture of one data set, recipe and model.

    An arm is a block of two panels, task loss over accuracy (a regression has the loss alone).
    Seeds are faint and their mean is bold; a member that diverged is faint and has no part in the
    mean. All panels share their epochs, and all of one kind their scale, logarithmic for a task
    loss that falls to less than a tenth.

    Args:
        frame: what `frame` gives, for one data set, recipe and model.
    """
    arms = list(frame["arm"].unique())
    metrics = [metric for metric in ("loss", "accuracy") if frame.get(metric, NOTHING).count()]
    page = Page(len(arms), len(metrics))
    figure = Figure(page.size)
    for row, metric in enumerate(metrics):
        means = _means(frame, metric)
        first, last = frame["epoch"].min(), frame["epoch"].max()
        scale = {"xlim": (first, max(first + 1, last)), **_scale(means, metric)}
        for block, arm in enumerate(arms):
            axes = figure.add_axes(page.panel(block, row))
            axes.set(**scale)
            _style(axes, page, block, row, metric)
            members = frame.loc[frame["arm"] == arm]
            _draw_seeds(axes, members, metric)
            if arm != "none" and "none" in means:
                axes.plot(means["none"]["val"], **PLAIN)
            for part, mean in means.get(arm, {}).items():
                axes.plot(mean, linewidth=BOLD, **PARTS[part])
            epoch = settled(members)
            if metric == "loss" and epoch is not None:
                axes.plot([epoch, epoch], [0, 1], transform=axes.get_xaxis_transform(), **MARK)
            if row == 0:
                _name(axes, arm, members)
    _head(figure, page, frame)
    return figure


def draw_curves(frames: Frames, out_dir: Path) -> list[Path]:
    """Draw the learning curves of every data set, recipe and model of a run folder.

    Args:
        frames: of the run folder.
        out_dir: the folder for the files, made when it is missing.

    Returns:
        The files: `curves-RECIPE-MODEL.png` and `.svg` (with the data set in front of the recipe
        where there are several).
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    tidy = frame(frames)
    place = ["data", "recipe", "model"] if tidy["data"].nunique() > 1 else ["recipe", "model"]
    written = []
    for names, curves in tidy.groupby(place, sort=False):
        written += save(draw(curves), out_dir, stem("curves", *names))
    return written


@dataclass(frozen=True)
class Page:
    """Where the panels stand; lengths in inches from the upper left corner."""

    blocks: int
    rows: int
    width: float = 1.95
    height: float = 1.3
    left: float = 0.68
    right: float = 0.15
    top: float = 0.55
    bottom: float = 0.5
    gap: float = 0.11
    name: float = 0.46

    @property
    def columns(self) -> int:
        return min(self.blocks, 5)

    @property
    def size(self) -> tuple[float, float]:
        width = self.left + self.columns * (self.width + self.gap) - self.gap + self.right
        return width, self.top + ceil(self.blocks / self.columns) * self._step + self.bottom

    def panel(self, block: int, row: int) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of a panel as shares of the page."""
        down, across = divmod(block, self.columns)
        left = self.left + across * (self.width + self.gap)
        top = self.top + down * self._step + self.name + row * (self.height + self.gap)
        width, height = self.size
        return (
            left / width,
            1 - (top + self.height) / height,
            self.width / width,
            self.height / height,
        )

    def is_lowest(self, block: int, row: int) -> bool:
        return row == self.rows - 1 and block + self.columns >= self.blocks

    @property
    def _step(self) -> float:
        """From the top of a block to the top of the one under it."""
        return self.name + self.rows * (self.height + self.gap)


NOTHING = pd.Series(dtype=float)


def settled(members: pd.DataFrame) -> float | None:
    """The median epoch in which the members of an arm converged, diverged ones left out; None when
    no more than half of them did."""
    seeds = members.loc[members["status"] == "ok"].drop_duplicates("seed")
    median = seeds["converged"].fillna(np.inf).median()
    return float(median) if np.isfinite(median) else None


def _means(frame: pd.DataFrame, metric: str) -> dict[str, dict[str, pd.Series]]:
    """Arm to part to the mean over the finished seeds, a series over the epochs."""
    finished = frame.loc[frame["status"] == "ok"]
    means: dict[str, dict[str, pd.Series]] = {}
    for arm, members in finished.groupby("arm", sort=False):
        parts = members.groupby("part", sort=False)
        means[str(arm)] = {str(part): each.groupby("epoch")[metric].mean() for part, each in parts}
    return means


def _scale(means: Mapping[str, Mapping[str, pd.Series]], metric: str) -> dict[str, Any]:
    """The vertical scale of all panels of one kind."""
    lines = [line for parts in means.values() for line in parts.values()]
    if not lines:
        return {}
    if metric == "loss":
        values = np.concatenate(lines)
        low, high = values[values > 0].min(), values.max()
        if high / low > 10:
            return {"yscale": "log", "ylim": (low / 1.3, high * 1.3)}
        return {"ylim": (0, 1.05 * high)}
    # an accuracy first climbs from guessing, which may start below the panel
    settled = np.concatenate([line[line.index >= 0.5 * line.index.max()] for line in lines])
    low, high = settled.min(), settled.max()
    margin = 0.08 * (high - low) + 1e-3
    return {"ylim": (low - margin, high + margin)}


def _style(axes: Axes, page: Page, block: int, row: int, metric: str) -> None:
    first, lowest = block % page.columns == 0, page.is_lowest(block, row)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", linewidth=0.6)
    axes.tick_params(labelsize=TEXT, labelleft=first, labelbottom=lowest, color="0.5", length=3)
    # without the last label, which would touch the first one of the panel on the right
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True, prune="upper"))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_minor_locator(NullLocator())
    if axes.get_yscale() == "log":
        decades = np.log10(axes.get_ylim()[1] / axes.get_ylim()[0])
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0) if decades < 3 else (1.0,)))
        axes.yaxis.set_major_formatter(lambda value, _: number(value))
    axes.set_ylabel({"loss": "task loss"}.get(metric, metric) if first else "", fontsize=TEXT)
    axes.yaxis.set_label_coords(-0.52 / page.width, 0.5)
    axes.set_xlabel("epoch" if lowest else "", fontsize=TEXT)


def _draw_seeds(axes: Axes, members: pd.DataFrame, metric: str) -> None:
    for part, look in PARTS.items():
        curves = members.loc[members["part"] == part]
        lines = [
            seed[["epoch", metric]].to_numpy()[:: -ceil(len(seed) / POINTS)]
            for _, seed in curves.groupby("seed")
        ]
        axes.add_collection(
            LineCollection(lines, colors=look["color"], linewidths=FAINT, alpha=0.25)
        )


def _name(axes: Axes, arm: str, members: pd.DataFrame) -> None:
    """Above a block: the arm, and under it its strength and what became of its members."""
    seeds = members.drop_duplicates("seed")
    lam, failed = seeds["lam"].iloc[0], int((seeds["status"] != "ok").sum())
    notes = [] if pd.isna(lam) else [f"λ = {number(lam)}"]
    notes += [f"{failed} of {len(seeds)} diverged"] if failed else []
    write = partial(axes.annotate, xycoords="axes fraction", xy=(0, 1), textcoords="offset points")
    write(arm, xytext=(0, 16), fontsize=TEXT + 1, fontweight="bold")
    write(", ".join(notes), xytext=(0, 5), fontsize=TEXT, color="0.25")


def _head(figure: Figure, page: Page, frame: pd.DataFrame) -> None:
    """What the picture shows, and the legend."""
    width, height = page.size
    left = page.left / width
    data, model, recipe = frame[["data", "model", "recipe"]].iloc[0]
    title = f"{data}, {model}, recipe {recipe}"
    figure.text(left, 1 - 0.26 / height, title, fontsize=TEXT + 3, fontweight="bold")
    lines = [Line2D([], [], linewidth=BOLD, **look) for look in PARTS.values()]
    seeds = frame["seed"].nunique()
    lines += [Line2D([], [], color="0.5", linewidth=FAINT, label=f"one of {seeds} seeds")]
    lines += [Line2D([], [], **PLAIN)] if "none" in set(frame["arm"]) else []
    lines += [Line2D([], [], **MARK)] if frame["converged"].notna().any() else []
    figure.legend(
        handles=lines,
        loc="upper left",
        bbox_to_anchor=(left, 1 - 0.31 / height),
        ncols=len(lines),
        frameon=False,
        fontsize=TEXT,
        borderaxespad=0,
        borderpad=0.2,
    )
