"""The paths of a network's first layer, beside those of the linear model over the same features."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lpreg.analysis.claims import Claim
from lpreg.explain.common import Sampled, still, tensor
from lpreg.explain.parts import Part
from lpreg.explain.paths import diabetes, end, looks, order, path
from lpreg.explain.solve import Problem
from lpreg.explain.topics import Progress
from lpreg.figures.style import TEXT, logarithmic, panels
from lpreg.models import mlp
from lpreg.penalties import L1, L2, Penalty
from lpreg.train import Recipe, Run, Samples, train_stack

UNITS, STEPS, RATE = 6, 300, 0.05
REST = L2(1e-3)
"""On the other weights, which could else grow as those of the first layer shrink."""
KINDS: dict[str, Penalty] = {"L1": L1(1.0), "L2": L2(1.0)}


def make(folder: Path, progress: Progress) -> Part:
    """The picture, and what it says of zeros."""
    count, seeds = (8, 2) if progress.quick else (16, 5)
    progress("a network's first layer over the strengths")
    problem = diabetes()
    network = frame(problem, count, seeds)
    linear = straight(problem, 40)
    figure = still(
        draw(linear, network),
        folder,
        "network",
        "Above, the linear model on the diabetes data; below, a network of "
        f"{UNITS} tanh units whose first layer alone has the penalty: per feature the length of "
        f"its weights into all units, the mean of {seeds} starts, trained as one stack with prox. "
        "The features leave in a similar order. L1 makes exact zeros in both (below, the grey line "
        "is the share of zeros in the first layer), L2 in neither. The layer behind keeps a "
        f"small L2, {REST.lam:g}, lest it grow as the first one shrinks.",
        "Four panels: weights of lasso and ridge above, of a network's first layer below.",
    )
    numbers = {"network": network, "network-linear": linear}
    return Part([figure], numbers, [statement(network)])


def straight(problem: Problem, count: int) -> pd.DataFrame:
    """The linear paths of magnitudes: `penalty`, `lam` (of the mean squared error, as the network
    has it: twice that of half of it), `feature`, `length`."""
    parts = []
    for name, shape in KINDS.items():
        lams = strengths(problem, name, count)
        w = np.abs(path(problem, shape, lams / 2))
        columns = {"penalty": name, "lam": np.repeat(lams, w.shape[1])}
        columns |= {"feature": np.tile(problem.features, count), "length": w.ravel()}
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def strengths(problem: Problem, name: str, count: int) -> np.ndarray:
    """Of the penalty of the first layer, beside the mean squared error, (count,)."""
    top = 2 * end(problem, KINDS[name])
    return np.geomspace(
        *((2e-3 * top, 1.5 * top) if name == "L1" else (2e-4 * top, 10 * top)), count
    )


def frame(problem: Problem, count: int, seeds: int) -> pd.DataFrame:
    """One stack over penalties, strengths and seeds: `penalty`, `lam`, `seed`, `feature`, `length`
    (of its weights into the first layer), `zeros` (share of the first layer), `explained`."""
    recipe = Recipe(
        batch_size=None, steps=STEPS, schedule="cosine", loss="mse", evaluate_every=STEPS
    )
    cells = [
        (name, lam, seed)
        for name in KINDS
        for lam in strengths(problem, name, count)
        for seed in range(seeds)
    ]
    runs = [
        Run(seed, RATE, {"fc1.weight": shaped(name, lam), "fc2.weight": REST}, "proximal")
        for name, lam, seed in cells
    ]
    build = partial(_build, len(problem.features))
    data = Samples({"train": (tensor(problem.x), tensor(problem.y))})
    parts = []
    for (name, lam, seed), outcome in zip(
        cells, train_stack(build, runs, data, recipe), strict=True
    ):
        first = outcome.state["fc1.weight"].double().numpy()
        columns = {"penalty": name, "lam": lam, "seed": seed, "feature": problem.features}
        columns |= {"length": np.linalg.norm(first, axis=0), "zeros": (first == 0).mean()}
        parts.append(pd.DataFrame({**columns, "explained": 1 - outcome.curves["train_loss"][-1]}))
    return pd.concat(parts, ignore_index=True)


def shaped(name: str, lam: float) -> Penalty:
    """The penalty of this name and strength."""
    return KINDS[name].with_data((float(lam),))


def _build(inputs: int, generator):
    return mlp(generator=generator, inputs=inputs, outputs=1, hidden=(UNITS,), activation="tanh")


def draw(linear: pd.DataFrame, network: pd.DataFrame) -> Figure:
    """Above the linear model, below the network; a column per penalty."""
    lasso = linear[linear["penalty"] == "L1"].rename(columns={"length": "weight"})
    features = order(lasso.assign(penalty="lasso, L1"))
    style = looks(features, len(features))
    figure, axes = panels("Linear model and a network's first layer, diabetes", 2, 2, (10, 7.2))
    for i, name in enumerate(KINDS):
        rows = linear[linear["penalty"] == name]
        own = network[network["penalty"] == name]
        for feature in features:
            of = rows[rows["feature"] == feature]
            axes[i].plot(of["lam"], of["length"], **style[feature])
            length = own[own["feature"] == feature].groupby("lam")["length"].mean()
            axes[i + 2].plot(length.index, length, label=feature, **style[feature])
        beside = axes[i + 2].twinx()
        zeros = own.groupby("lam")["zeros"].mean()
        beside.plot(
            zeros.index, zeros, color="0.55", linewidth=4, alpha=0.5, label="share of zeros"
        )
        beside.set_ylim(-0.02, 1.02)
        beside.spines["top"].set_visible(False)
        beside.tick_params(labelsize=TEXT)
        beside.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
        if i:
            beside.set_ylabel("zeros in the first layer", fontsize=TEXT + 1)
        axes[i].set_title(f"linear model, {name}", fontsize=TEXT + 2, loc="left")
        axes[i + 2].set_title(f"first layer, {name}", fontsize=TEXT + 2, loc="left")
        for panel in (axes[i], axes[i + 2]):
            panel.set(xscale="log", xlim=(rows["lam"].min(), rows["lam"].max()))
            logarithmic(panel.xaxis)
            panel.set_xlabel("strength λ", fontsize=TEXT + 1)
    axes[0].set_ylabel("magnitude of the weight", fontsize=TEXT + 1)
    axes[2].set_ylabel("length of a feature's weights", fontsize=TEXT + 1)
    handles, labels = axes[2].get_legend_handles_labels()
    more = figure.axes[-1].get_legend_handles_labels()
    look = {"frameon": False, "fontsize": TEXT + 1, "ncols": 11, "columnspacing": 1.2}
    figure.legend(handles + more[0], labels + more[1], loc="outside lower center", **look)
    return figure


def statement(network: pd.DataFrame) -> Sampled:
    """L1 makes zeros in a first layer, L2 does not: the mean share over the strengths, per seed."""
    shares = network.groupby(["penalty", "seed"])["zeros"].mean()
    claim = Claim(
        "l1-selects-in-a-network",
        "In a network's first layer too, L1 makes exact zeros and L2 does not",
        "higher",
        "share of exact zeros over the path",
        source="THEORY",
        note="Diabetes data, coupling by prox; seeds are fresh first weights.",
    )
    return Sampled(claim, np.stack([shares.loc["L1"], shares.loc["L2"]]), "points")
