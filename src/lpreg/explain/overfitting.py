"""Overfitting itself: a noisy curve fitted by one wide network, with and without a penalty."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from lpreg.analysis import summarize
from lpreg.analysis.claims import Claim
from lpreg.explain.common import Sampled, still
from lpreg.explain.topics import Picture
from lpreg.figures.looks import COLOURS, GREY
from lpreg.figures.style import TEXT, number, panels
from lpreg.models.mlp import mlp
from lpreg.penalties import L1, L2, Penalty
from lpreg.train import Outcome, Recipe, Run, Samples, generator, train_stack

FIRST = 200
"""The first seed. Those below were pilots, which set the strengths, the number of draws, and that
errors are compared as ratios: now and then a network without a penalty errs many times as much."""
NOISE = 0.4
POINTS = {"train": 20, "val": 20}
GRID = np.linspace(-1, 1, 401)
WIDTH = 64
WEIGHTS = WIDTH * (WIDTH + 2)
RECIPE = Recipe(batch_size=None, steps=1200, loss="mse", evaluate_every=1200)
RATE = 0.01
STRENGTHS = {"L1": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2), "L2": (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)}
KINDS: Mapping[str, Callable[[float], Penalty]] = {"L1": L1, "L2": L2}
ARMS = ("none", *STRENGTHS)
NAMES = {"none": "no penalty", "L1": "L1", "L2": "L2"}


def truth(x: np.ndarray) -> np.ndarray:
    """The curve without noise."""
    return np.sin(np.pi * x)


def draw_samples(seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Noisy training and validation points, and the curve itself as "test": (n,) and (n,)."""
    random = np.random.default_rng(seed)
    parts = {}
    for part, count in POINTS.items():
        x = random.uniform(-1, 1, count)
        parts[part] = (x, truth(x) + NOISE * random.standard_normal(count))
    return {**parts, "test": (GRID, truth(GRID))}


def build(random: torch.Generator) -> torch.nn.Module:
    """The network: two hidden layers of `WIDTH` units."""
    return mlp(generator=random, inputs=1, outputs=1, hidden=[WIDTH, WIDTH], init="torch_default")


def runs(seed: int) -> list[tuple[str, float, Run]]:
    """Arm, strength and what is trained, the unpenalised first."""
    settings = [(arm, lam) for arm, lams in STRENGTHS.items() for lam in lams]
    several = [
        (arm, lam, Run(seed, RATE, KINDS[arm](lam), "proximal", "weights")) for arm, lam in settings
    ]
    return [("none", float("nan"), Run(seed, RATE)), *several]


def sample(count: int, first: int = FIRST) -> pd.DataFrame:
    """Networks fitted to `count` draws of the noise: `seed`, `arm`, `lam`, `x`, `fitted`, and the
    squared errors `train`, `val` and `test` of the network, of which the last is against the curve
    itself. `chosen` marks the strength of an arm that is best on validation."""
    tables = []
    for seed in range(first, first + count):
        parts = draw_samples(seed)
        tensors = {
            part: (torch.tensor(x[:, None]).float(), torch.tensor(y).float())
            for part, (x, y) in parts.items()
        }
        asked = runs(seed)
        ends = train_stack(build, [run for *_, run in asked], Samples(tensors), RECIPE)
        for (arm, lam, _), end in zip(asked, ends, strict=True):
            errors = {part: float(end.curves[f"{part}_mse"][-1]) for part in parts}
            about = {"seed": seed, "arm": arm, "lam": lam, **errors}
            tables.append(pd.DataFrame({**about, "x": GRID, "fitted": fitted(end, GRID)}))
    rows = pd.concat(tables, ignore_index=True)
    return rows.assign(chosen=rows["val"] == rows.groupby(["seed", "arm"])["val"].transform("min"))


def fitted(end: Outcome, x: np.ndarray) -> np.ndarray:
    """What a trained network says, (n,)."""
    model = build(generator(0, "init"))
    model.load_state_dict(end.state)
    with torch.no_grad():
        return model(torch.tensor(x[:, None]).float()).squeeze(1).numpy()


def errors(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per network: all columns but the curve."""
    return rows.drop(columns=["x", "fitted"]).drop_duplicates(ignore_index=True)


def chosen(rows: pd.DataFrame) -> pd.DataFrame:
    """Test errors at the chosen strengths, a row per draw and a column per arm."""
    table = errors(rows)
    return table[table["chosen"]].pivot(index="seed", columns="arm", values="test")


def typical(rows: pd.DataFrame) -> int:
    """The draw with the median gain of the penalties together, the smaller of two."""
    logs = np.log(chosen(rows))
    gain = logs["none"] - logs[list(STRENGTHS)].mean(axis=1)
    return int(gain.sort_values().index[(len(gain) - 1) // 2])


def draw(rows: pd.DataFrame, seed: int) -> Figure:
    """The fit of each arm to one draw at the chosen strength, and test errors over all draws."""
    figure, axes = panels(
        f"A network of {WEIGHTS:,} weights and {POINTS['train']} noisy points", 2, 2, size=(10, 7.4)
    )
    x, y = draw_samples(seed)["train"]
    colours = {"none": GREY, **COLOURS}
    for panel, arm in zip(axes, ARMS, strict=False):
        one = rows[(rows["seed"] == seed) & (rows["arm"] == arm) & rows["chosen"]]
        panel.plot(GRID, truth(GRID), color="0.45", linewidth=1.4, linestyle="--", label="truth")
        panel.plot(x, y, "o", color="black", markersize=5, label="training points", zorder=4)
        color = "black" if arm == "none" else colours[arm]
        panel.plot(one["x"], one["fitted"], color=color, linewidth=2, label="network")
        lam = one["lam"].iloc[0]
        strength = "" if np.isnan(lam) else f", λ = {number(lam)}"
        told = ", ".join(f"{part} {one[part].iloc[0]:.2g}" for part in ("train", "test"))
        panel.set_title(f"{NAMES[arm]}{strength}   (error: {told})", fontsize=TEXT + 1)
        panel.set(
            xlim=(-1, 1), ylim=(-2.1, 2.1), xticks=(-1, -0.5, 0, 0.5, 1), yticks=(-2, -1, 0, 1, 2)
        )
        panel.set_xlabel("x", fontsize=TEXT + 1)
    axes[0].legend(loc="upper left", frameon=False, fontsize=TEXT)
    _strengths(axes[3], errors(rows), colours)
    handles, labels = axes[3].get_legend_handles_labels()
    style = {"frameon": False, "fontsize": TEXT, "ncols": 6, "title": "errors, lower right:"}
    figure.legend(handles, labels, loc="outside lower center", **style)
    return figure


def _strengths(panel, table: pd.DataFrame, colours: Mapping[str, str]) -> None:
    """Mean errors over the draws against the strength, training dotted."""
    lams = sorted(table["lam"].dropna().unique())
    for arm in ARMS:
        for part, style in (("test", "-"), ("train", ":")):
            own = table[table["arm"] == arm]
            places = lams if arm == "none" else sorted(own["lam"].unique())
            means = [
                summarize(own[part] if arm == "none" else own.loc[own["lam"] == lam, part])
                for lam in places
            ]
            label = f"{NAMES[arm]}, {part}"
            color = "black" if arm == "none" else colours[arm]
            marker = "" if arm == "none" else "o"
            line = {"color": color, "linestyle": style, "marker": marker, "linewidth": 1.7}
            panel.plot(places, [each.mean for each in means], label=label, **line)
            if part == "test" and arm != "none":
                ends = [[each.mean - each.low for each in means]] * 2
                style = {"color": color, "linestyle": "", "capsize": 3, "alpha": 0.6}
                shift = 0.96 if arm == "L1" else 1.04
                panel.errorbar(
                    np.array(places) * shift, [each.mean for each in means], ends, **style
                )
    panel.set(xscale="log", ylim=(0, None))
    panel.set_xticks(lams, [number(lam) for lam in lams])
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xlabel("strength λ", fontsize=TEXT + 1)
    panel.set_title(f"mean squared errors over {table['seed'].nunique()} draws", fontsize=TEXT + 1)


def pictures(rows: pd.DataFrame, folder: Path, numbers: dict[str, pd.DataFrame]) -> list[Picture]:
    """The picture, its frames into `numbers`."""
    seed = typical(rows)
    shown = rows[(rows["seed"] == seed) & rows["chosen"]]
    numbers["overfitting"] = shown[["arm", "lam", "x", "fitted"]]
    numbers["overfitting-errors"] = errors(rows)
    return [
        still(
            draw(rows, seed),
            folder,
            "overfitting",
            f"The same network, fitted to {POINTS['train']} noisy points by the same steps: "
            "alone it follows the noise, with L1 or L2 less of it, at the strength that "
            f"{POINTS['val']} other noisy points choose. Test errors are against the curve without "
            "noise. The draw with the median gain is shown; the last panel has means over all "
            "draws with 95 % intervals: a penalty that is too strong underfits.",
            "Three fits of a wave: a jagged one without a penalty, calmer ones with L1 and L2; a "
            "fourth panel with errors over the strength.",
        )
    ]


def statements(rows: pd.DataFrame) -> list[Sampled]:
    """What THEORY says of overfitting: a large model that is regularised is better."""
    found = chosen(rows)
    return [
        Sampled(
            Claim(
                f"overfitting-{arm.lower()}",
                f"{arm} of a chosen strength keeps a wide network from fitting the noise",
                "ratio",
                "squared error against the curve",
                below=1.0,
                source="THEORY",
                published="the best model is often a large one, regularised appropriately",
            ),
            found[[arm, "none"]].to_numpy().T,
        )
        for arm in STRENGTHS
    ]
