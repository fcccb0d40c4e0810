"""Ways to remove weights, at equal density: L1 in one go, magnitude, iterative, random."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from lpreg.analysis.claims import Claim
from lpreg.data import digits as handwritten
from lpreg.explain.common import Computed, Sampled, statement, still, verdicts
from lpreg.explain.statements.drawing import View, draw
from lpreg.explain.statements.networks import (
    Masked,
    Own,
    accuracy,
    digits,
    full,
    network,
    outputs,
    targets,
    train,
)
from lpreg.explain.topics import Progress, Result
from lpreg.figures.style import percent
from lpreg.penalties import L1
from lpreg.train import Outcome

DENSITIES = (0.5, 0.2, 0.1, 0.05, 0.02)
STRENGTHS = tuple(np.geomspace(3e-4, 2e-2, 7))
SAMPLES, SIZES, RECIPE, RATE = 400, (64, 32, 10), full(150), 0.02
L1_ONCE, L1_AGAIN = "L1, one training", "L1, then retrained without"
ONCE, ITERATIVE, RANDOM = "smallest once, retrained", "smallest again and again", "random ones"
ARMS = {ITERATIVE: "other", ONCE: "L2", L1_AGAIN: "another", L1_ONCE: "L1", RANDOM: "none"}
Masks = dict[str, Tensor]


def make(folder: Path, progress: Progress) -> Result:
    """The study, its picture and its verdicts."""
    found = frame(3 if progress.quick else 8, progress)
    view = View(
        "Removing weights: which way keeps the accuracy?",
        "weights that are left",
        "",
        ARMS,
        log="x",
        same=False,
        size=(10, 4.6),
    )
    figure = draw(found, view)
    for panel in figure.axes:
        panel.set_xticks(DENSITIES, [f"{density:.0%}" for density in DENSITIES])
        panel.invert_xaxis()
    percent(figure.axes[0].yaxis)
    figure.axes[0].set_ylim(0, 1)
    picture = still(
        figure,
        folder,
        "removal",
        f"Digits, {SIZES[0]}-{SIZES[1]}-{SIZES[2]}, {SAMPLES} training samples. L1 makes zeros "
        "while it trains, and the smallest weights that are left above the density are cut; its "
        "strength is the one that comes nearest from above. Again and again: train, cut, rewind "
        "what is left to its initial weights, train again. Right: trainings that it took to come "
        "to a density, for L1 without those that look for the strength. Means and 95 % intervals "
        "over random training sets.",
        "Test accuracy, and the number of trainings, over the share of weights left.",
    )
    return Result([picture], {"removal": found}, verdicts(*statements(found)))


@dataclass(frozen=True)
class Task:
    """Training sets and test sets, one per repetition."""

    drawn: Sequence[tuple[Tensor, ...]]

    def plant(self, i: int, masks: Masks | None = None, state: Mapping | None = None) -> Own:
        """The network of a repetition with its initial weights, or those of a state, masked."""
        net = network(SIZES, seed=i)
        layers = {name: each for name, each in net.named_children() if isinstance(each, nn.Linear)}
        for name, layer in layers.items():
            mask = torch.ones_like(layer.weight) if masks is None else masks[f"net.{name}"]
            setattr(net, name, Masked(layer, mask))
        own = Own(net, *self.drawn[i][:2])
        if state is not None:
            kept = {name: value for name, value in state.items() if not name.endswith("mask")}
            own.load_state_dict(kept, strict=False)
        return own

    def fit(self, networks: Sequence[Own], strengths: Sequence[float] | None = None):
        """Train them; with L1 in these strengths."""
        penalties = [L1(lam) for lam in strengths] if strengths else [None] * len(networks)
        blank = targets(SAMPLES, floating=False)
        return train(networks, penalties, torch.zeros(SAMPLES, SIZES[0]), blank, RECIPE, RATE)

    def score(self, ended: Sequence[Outcome], owners: Sequence[int]) -> list[float]:
        """Test accuracy of networks, each on the test set of its repetition."""
        like = self.plant(0)
        scores = np.zeros(len(ended))
        for i in set(owners):
            own = [k for k, owner in enumerate(owners) if owner == i]
            x, y = self.drawn[i][2:]
            scores[own] = accuracy(outputs(like, [ended[k] for k in own], x), y)
        return scores.tolist()


def smallest(state: Mapping[str, Tensor], density: float) -> Masks:
    """Masks of all weight matrices together that leave this share of the weights, the largest."""
    names = [name.removesuffix(".weight") for name in state if name.endswith(".weight")]
    sizes = [(state[f"{name}.weight"] * state[f"{name}.mask"]).abs() for name in names]
    flat = torch.cat([size.flatten() for size in sizes])
    kept = torch.zeros_like(flat)
    kept[flat.topk(round(density * len(flat))).indices] = 1
    parts = kept.split([size.numel() for size in sizes])
    return {name: part.view_as(size) for name, part, size in zip(names, parts, sizes, strict=True)}


def left(state: Mapping[str, Tensor]) -> float:
    """The share of the weights that are not zero."""
    flat = torch.cat([w.flatten() for name, w in state.items() if name.endswith(".weight")])
    return float((flat != 0).double().mean())


def frame(repeats: int, progress: Progress, seed: int = 109) -> pd.DataFrame:
    """Test accuracy and trainings: `panel`, `arm`, `x` (density), `repeat`, `value`."""
    data = handwritten()
    task = Task([digits(np.random.default_rng([seed, i]), data, SAMPLES) for i in range(repeats)])
    pairs = [(i, density) for density in DENSITIES for i in range(repeats)]
    owners = [i for i, _ in pairs]
    table: list[tuple] = []

    def tell(arm: str, ended: Sequence[Outcome], trainings: Sequence[float]) -> None:
        for (i, density), value, many in zip(
            pairs, task.score(ended, owners), trainings, strict=True
        ):
            table.append(("test accuracy", arm, density, i, value))
            table.append(("trainings", arm, density, i, many))

    progress("dense and random")
    random = [task.plant(i, scattered(task.plant(i), density, i)) for i, density in pairs]
    ended = task.fit([task.plant(i) for i in range(repeats)] + random)
    dense = ended[:repeats]
    tell(RANDOM, ended[repeats:], [1.0] * len(pairs))

    progress("L1")
    tried = [(i, lam) for lam in STRENGTHS for i in range(repeats)]
    sparse = task.fit([task.plant(i) for i, _ in tried], [lam for _, lam in tried])
    nearest = [_nearest(sparse[i::repeats], density) for i, density in pairs]
    cut = [task.plant(i, smallest(s, d), s) for (i, d), s in zip(pairs, nearest, strict=True)]
    tell(L1_ONCE, [_as_it_is(sparse[0], net) for net in cut], [1.0] * len(pairs))

    progress("retraining")
    once = [task.plant(i, smallest(dense[i].state, d), dense[i].state) for i, d in pairs]
    ended = task.fit(cut + once)
    tell(L1_AGAIN, ended[: len(pairs)], [2.0] * len(pairs))
    tell(ONCE, ended[len(pairs) :], [2.0] * len(pairs))

    now, rounds = dense, []
    for density in DENSITIES:
        progress(f"again, to {density:.0%}")
        now = task.fit([task.plant(i, smallest(now[i].state, density)) for i in range(repeats)])
        rounds += now
    tell(ITERATIVE, rounds, [2.0 + DENSITIES.index(density) for _, density in pairs])
    return pd.DataFrame(table, columns=["panel", "arm", "x", "repeat", "value"])


def scattered(net: Own, density: float, seed: int) -> Masks:
    """Masks that leave weights at random."""
    draw = torch.Generator().manual_seed(seed)
    state = {
        name: value if name.endswith("mask") else torch.rand(value.shape, generator=draw)
        for name, value in net.state_dict().items()
    }
    return smallest(state, density)


def _nearest(ended: Sequence[Outcome], density: float) -> Mapping[str, Tensor]:
    """Of networks trained at growing strengths the sparsest that has this density at least."""
    enough = [each for each in ended if left(each.state) >= density]
    return min(enough or ended[:1], key=lambda each: left(each.state)).state


def _as_it_is(outcome: Outcome, net: Own) -> Outcome:
    """A network that was not trained, as an outcome."""
    return Outcome(outcome.status, 0, 0.0, {}, 0, dict(net.state_dict()), {})


def statements(found: pd.DataFrame) -> list[Sampled | Computed]:
    """What THEORY says of removal."""
    grid = found.pivot_table("value", ["panel", "repeat"], ["arm", "x"])
    scores, cost = grid.loc["test accuracy"], grid.loc["trainings"].iloc[0]
    few = 0.05

    def higher(name: str, text: str, arms: tuple[str, str], said: str = "") -> Sampled:
        claim = Claim(name, text, "higher", "test accuracy", source="THEORY", published=said)
        return Sampled(claim, scores[[(arm, few) for arm in arms]].to_numpy().T, "points")

    return [
        higher(
            "removal-random",
            f"Iterative removal finds where to cut: with {few:.0%} of the weights left it is more "
            "accurate than random removal",
            (ITERATIVE, RANDOM),
            "deciding exactly where to cut off",
        ),
        higher(
            "removal-once",
            f"Iterative removal is worth its cost: with {few:.0%} left more accurate than removal "
            "in one go with retraining",
            (ITERATIVE, ONCE),
        ),
        higher(
            "removal-l1",
            f"Iterative removal is worth its cost: with {few:.0%} left more accurate than L1 in "
            "one go",
            (ITERATIVE, L1_ONCE),
        ),
        Computed(
            statement(
                "removal-cost",
                "L1 is a one-shot thing, iterative removal costs more training",
                "THEORY",
                "a little more expensive in terms of training time",
                "Trainings of equal length that it takes. To look for L1's strength at a wanted "
                f"density takes more: {len(STRENGTHS)} here, for all densities at once.",
            ),
            bool((cost[ITERATIVE] > cost[L1_ONCE]).all()),
            len(DENSITIES),
            f"{cost[ITERATIVE, few]:.0f} trainings against {cost[L1_ONCE, few]:.0f} "
            f"to come to {few:.0%}",
        ),
    ]
