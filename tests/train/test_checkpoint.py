"""A killed run that goes on from its checkpoint ends with the same numbers, to the last bit."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from lpreg.penalties import L1, ElasticNet, Group
from lpreg.train import Host, Outcome, Recipe, Run, train_stack
from lpreg.views import Columns

from .cases import BUILDS, parts

RECIPE = Recipe(steps=9, batch_size=16, evaluate_every=2)
SNAPSHOTS = replace(RECIPE, snapshots=("*weight",), snapshot_every=4)
RECIPES = {
    "adam": RECIPE,
    "sgd": replace(RECIPE, optimizer="sgd"),
    "momentum": replace(RECIPE, optimizer="sgd", momentum=0.9),
    "full batch": replace(RECIPE, batch_size=None),
    "cosine with warm-up": replace(RECIPE, schedule="cosine", warmup=3),
    "snapshots": SNAPSHOTS,
}
ONE = [Run(1, 0.01)]
DUAL = [Run(1, 0.01, Group(0.02, Columns()), "dual_averaging")]
SEVERAL = [
    Run(2, 0.02, L1(0.02)),
    Run(1, 0.01, ElasticNet(0.02, 0.6), "dual_averaging"),
    Run(3, 0.03, ElasticNet(0.02, 0.6), "dual_averaging"),
    Run(1, 0.01, Group(0.02, Columns()), "proximal"),
]


class Killed(Exception):
    """As by a signal."""


@dataclass
class Memory:
    """A checkpoint that kills the run after some saves, and keeps plain bytes as a file does."""

    kill_after: int = -1
    seconds: float = 0.0
    saves: list[dict[str, torch.Tensor]] = field(default_factory=list)

    def load(self):
        return self.saves[-1] if self.saves else None

    def save(self, state):
        self.saves.append({k: v.detach().contiguous().clone() for k, v in state.items()})
        if len(self.saves) == self.kill_after:
            raise Killed


def killed(build, runs, recipe: Recipe, after: int) -> Memory:
    memory = Memory(kill_after=after)
    with pytest.raises(Killed):
        train_stack(build, runs, parts(), recipe, Host(checkpoint=memory))
    return memory


def equal(left: Outcome, right: Outcome) -> bool:
    arrays = [
        (a[name], b[name])
        for a, b in ((left.curves, right.curves), (left.snapshots, right.snapshots))
        for name in a | b
    ]
    return (
        (left.status, left.step, left.zeros_dead) == (right.status, right.step, right.zeros_dead)
        and all(np.array_equal(a, b, equal_nan=True) for a, b in arrays)
        and left.state.keys() == right.state.keys()
        and all(torch.equal(left.state[name], right.state[name]) for name in left.state)
    )


def assert_resumes(build, runs, recipe: Recipe) -> None:
    undisturbed = train_stack(build, runs, parts(), recipe)
    memory = killed(build, runs, recipe, after=5)
    resumed = train_stack(build, runs, parts(), recipe, Host(checkpoint=memory))
    assert [int(saved["step"]) for saved in memory.saves] == [*range(1, 10)]
    assert all(equal(a, b) for a, b in zip(undisturbed, resumed, strict=True))


@pytest.mark.parametrize("runs", [ONE, DUAL, SEVERAL], ids=["one", "dual averaging", "several"])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_recipe(runs, recipe):
    assert_resumes(BUILDS["perceptron"], runs, recipe)


@pytest.mark.parametrize("runs", [ONE, SEVERAL], ids=["one", "several"])
@pytest.mark.parametrize("build", ["dropout", "batch norm", "convolutional"])
def test_every_kind_of_layer(build, runs):
    assert_resumes(BUILDS[build], runs, SNAPSHOTS)


KEYS = [
    "step", "stack/weights", "stack/buffer 1.running_mean", "stack/buffer 1.num_batches_tracked",
    "batches/generator 0", "batches/order", "noise/generator 0", "stepper/step",
    "stepper/exp_avg", "stepper/exp_avg_sq", "penalty 0/0/dual", "penalty 0/0/total",
    "penalty 0/0/residue", "record/train_loss", "snapshots/0.weight",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_nothing_that_is_saved_may_be_stale(key):
    """The other tests notice every tensor that a wrong engine would forget to restore."""
    build, recipe = BUILDS["batch norm"], replace(SNAPSHOTS, snapshot_every=1, evaluate_every=1)
    runs = [Run(1, 0.1, L1(0.05), "dual_averaging")]
    [undisturbed] = train_stack(build, runs, parts(), recipe)
    memory = killed(build, runs, recipe, after=5)
    stale = memory.saves[0][key]
    if key.startswith(("record", "snapshots")):
        stale = memory.saves[-1][key].roll(1, 0)
    memory.saves.append(memory.saves[-1] | {key: stale})
    [resumed] = train_stack(build, runs, parts(), recipe, Host(checkpoint=memory))
    assert not equal(undisturbed, resumed)


def test_the_time_of_a_killed_run_counts():
    memory = killed(BUILDS["perceptron"], ONE, RECIPE, after=5)
    memory.saves[-1]["seconds"] += 1000
    host = Host(checkpoint=memory)
    [outcome] = train_stack(BUILDS["perceptron"], ONE, parts(), RECIPE, host)
    assert outcome.seconds > 1000


def test_saves_keep_their_distance():
    memory = Memory(seconds=1000.0)
    train_stack(BUILDS["perceptron"], ONE, parts(), RECIPE, Host(checkpoint=memory))
    assert memory.saves == []
