"""A stack gives the numbers of the reference, whatever its width, its order and its company."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lpreg.penalties import L1
from lpreg.train import Host, Outcome, Recipe, Run, Samples, train_reference, train_stack

from .cases import BUILDS, BY_LAYER, PENALTIES, RECIPE, RUNS, one_output, parts

OPTIMIZERS = {
    "sgd": replace(RECIPE, optimizer="sgd"),
    "momentum": replace(RECIPE, optimizer="sgd", momentum=0.9),
    "nesterov": replace(RECIPE, optimizer="sgd", momentum=0.9, nesterov=True),
    "adam": RECIPE,
    "adamw": replace(RECIPE, optimizer="adamw", weight_decay=0.01),
    "cosine with warm-up": replace(RECIPE, schedule="cosine", warmup=5),
    "full batch": replace(RECIPE, batch_size=None),
    "bce_softmax": replace(RECIPE, loss="bce_softmax"),
}
FEW = [run for run in RUNS if run.penalty in (None, PENALTIES["L1"], PENALTIES["ElasticNet"])]


def assert_same(left: Outcome, right: Outcome, tolerance: float = 1e-9) -> None:
    assert (left.status, left.step) == (right.status, right.step)
    assert left.zeros_dead == right.zeros_dead
    assert left.curves.keys() == right.curves.keys()
    for name, values in left.curves.items():
        np.testing.assert_allclose(values, right.curves[name], tolerance, tolerance, err_msg=name)
    assert left.state.keys() == right.state.keys()
    for name, values in left.state.items():
        torch.testing.assert_close(values, right.state[name], rtol=tolerance, atol=tolerance)
        assert torch.equal(values == 0, right.state[name] == 0), name


def assert_stack_is_reference(build, runs, recipe, task="classification") -> None:
    data = parts(task)
    for run, stacked in zip(runs, train_stack(build, runs, data, recipe), strict=True):
        assert_same(stacked, train_reference(build, run, data, recipe))


def test_every_penalty_and_coupling():
    assert_stack_is_reference(BUILDS["perceptron"], RUNS, RECIPE)


@pytest.mark.parametrize("recipe", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_every_optimizer_schedule_and_loss(recipe):
    assert_stack_is_reference(BUILDS["no bias"], FEW, recipe)


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_every_kind_of_layer(build):
    assert_stack_is_reference(build, FEW, RECIPE)


class Partly(torch.nn.Module):
    """A perceptron with a frozen layer and one that is not used."""

    def __init__(self, generator):
        super().__init__()
        self.used, self.unused = BUILDS["perceptron"](generator), torch.nn.Linear(2, 2)
        torch.nn.init.ones_(self.unused.weight)
        torch.nn.init.ones_(self.unused.bias)
        self.used.fc2.requires_grad_(False)

    def forward(self, x):
        return self.used(x)


@pytest.mark.parametrize("runs", [FEW, FEW[:1]], ids=["stack", "one"])
def test_frozen_and_unused_parameters_stay_as_they_are(runs):
    loss = [run for run in runs if run.coupling == "loss"]
    without = [replace(run, where=["used.fc1.*"]) if run.penalty else run for run in loss]
    assert_stack_is_reference(Partly, without, RECIPE)


@pytest.mark.parametrize("coupling", ["loss", "decoupled", "proximal", "dual_averaging"])
@pytest.mark.parametrize("change", [{"lr": 0.0101}, {"penalty": L1(0.0202)}, {"where": "all"}])
def test_the_comparison_notices_a_wrong_rate_strength_or_selection(coupling, change):
    right = Run(seed=1, lr=0.01, penalty=L1(0.02), coupling=coupling)
    data, build = parts(), BUILDS["perceptron"]
    [stacked] = train_stack(build, [replace(right, **change)], data, RECIPE)
    with pytest.raises(AssertionError):
        assert_same(stacked, train_reference(build, right, data, RECIPE))


def test_regression():
    assert_stack_is_reference(one_output, FEW, replace(RECIPE, loss="mse"), "regression")


def test_images_of_bytes_are_normalised_batch_by_batch():
    shift, scale = torch.full((6,), 120.0), torch.arange(40.0, 46.0)
    told = {
        part: ((x * 50 + 120).clamp(0, 255).to(torch.uint8), y)
        for part, (x, y) in parts().parts.items()
    }
    floats = {part: ((x.double() - shift) / scale, y) for part, (x, y) in told.items()}
    bytes_, ready = Samples(told, shift, scale), Samples(floats)
    for left, right, plain in zip(
        train_stack(BUILDS["perceptron"], FEW, bytes_, RECIPE),
        train_stack(BUILDS["perceptron"], FEW, ready, RECIPE),
        [train_reference(BUILDS["perceptron"], run, bytes_, RECIPE) for run in FEW],
        strict=True,
    ):
        assert_same(left, right)
        assert_same(left, plain)


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("runs", [FEW, FEW[:1]], ids=["stack", "one"])
def test_evaluation_in_pieces_is_that_of_the_whole(task, runs, monkeypatch):
    recipe = replace(RECIPE, loss="mse") if task == "regression" else RECIPE
    build = one_output if task == "regression" else BUILDS["batch norm"]
    whole = train_stack(build, runs, parts(task), recipe)
    monkeypatch.setattr("lpreg.train.samples.PIECE", 7 * 6 * 8)  # not a divisor of any part
    seen: list[int] = []

    def watched(generator):
        network = build(generator)
        network.register_forward_pre_hook(lambda module, args: seen.append(len(args[0])))
        return network

    pieces = train_stack(watched, runs, parts(task), replace(recipe, batch_size=5))
    assert max(seen) == 7
    pieces = train_stack(build, runs, parts(task), recipe)
    for left, right in zip(whole, pieces, strict=True):
        assert_same(left, right)


def test_bytes_stay_where_they_are():
    x, y = torch.zeros(5, 3, dtype=torch.uint8), torch.zeros(5, dtype=torch.int64)
    placed, _ = Samples({"train": (x, y)}).on("cpu", torch.float32).parts["train"]
    assert placed.data_ptr() == x.data_ptr()


def test_errors_are_told_in_the_unit_of_the_targets():
    recipe = replace(RECIPE, loss="mse", steps=1)
    plain, told = parts("regression"), replace(parts("regression"), unit=3.0)
    runs = [Run(1, 0.01)]
    (left,), (right,) = (train_stack(one_output, runs, data, recipe) for data in (plain, told))
    np.testing.assert_allclose(9 * left.curves["val_mse"], right.curves["val_mse"])
    np.testing.assert_array_equal(left.curves["val_loss"], right.curves["val_loss"])
    assert_same(right, train_reference(one_output, runs[0], told, recipe))


def test_a_penalty_per_layer():
    runs = [Run(seed=s, lr=0.02, penalty=BY_LAYER, coupling="proximal") for s in (1, 2)]
    assert_stack_is_reference(BUILDS["perceptron"], runs + FEW[:2], RECIPE)


@pytest.mark.parametrize("build", ["dropout", "batch norm"])
def test_width_order_and_company_do_not_matter(build):
    data, runs = parts(), FEW
    together = train_stack(BUILDS[build], runs, data, RECIPE)
    reverse = train_stack(BUILDS[build], runs[::-1], data, RECIPE)[::-1]
    for run, one, other in zip(runs, together, reverse, strict=True):
        assert_same(one, other)
        [alone] = train_stack(BUILDS[build], [run], data, RECIPE)
        assert_same(one, alone)


def test_networks_with_and_without_dropout_train_together():
    builds = [BUILDS[("perceptron", "dropout", "less dropout")[i % 3]] for i in range(len(FEW))]
    data, stacked = parts(), train_stack(builds, FEW, parts(), RECIPE)
    for build, run, outcome in zip(builds, FEW, stacked, strict=True):
        assert_same(outcome, train_reference(build, run, data, RECIPE))
        [alone] = train_stack(build, [run], data, RECIPE)
        assert_same(outcome, alone)


@pytest.mark.parametrize("other", ["no bias", "dropout everywhere"])
def test_networks_that_differ_in_more_are_refused(other):
    builds = [BUILDS["dropout"], BUILDS[other]]
    with pytest.raises(ValueError, match="the same layers, and dropout in the same places"):
        train_stack(builds, FEW[:2], parts(), RECIPE)


@pytest.mark.parametrize("rate", [1e30, 1e200])
def test_a_diverged_member_is_an_outcome_and_hurts_nobody(rate):
    data, recipe = parts("regression"), replace(RECIPE, optimizer="sgd", loss="mse")
    sound = [Run(seed=1, lr=0.01), Run(seed=2, lr=0.02, penalty=L1(0.1), coupling="proximal")]
    wild = Run(seed=1, lr=rate)
    outcomes = train_stack(one_output, [sound[0], wild, sound[1]], data, recipe)
    assert [outcome.status for outcome in outcomes] == ["ok", "diverged", "ok"]
    assert outcomes[1].step == 0 and len(outcomes[1].curves["train_loss"]) == 1
    for run, outcome in zip(sound, outcomes[::2], strict=True):
        assert_same(outcome, train_reference(one_output, run, data, recipe))


def test_arms_of_a_seed_start_alike_and_seeds_differ():
    data, recipe = parts(), replace(RECIPE, steps=1, evaluate_every=1)
    runs = [Run(1, 0.01), Run(1, 0.01, L1(0.5)), Run(2, 0.01)]
    one, penalised, other = train_stack(BUILDS["perceptron"], runs, data, recipe)
    start = [outcome.curves["train_loss"][0] for outcome in (one, penalised, other)]
    assert start[0] == start[1] != start[2]
    assert one.curves["train_loss"][1] != penalised.curves["train_loss"][1]


def test_zeros_on_constant_inputs_are_counted_apart():
    runs = [Run(1, 0.01, L1(10.0), "proximal"), Run(1, 0.01)]
    zeroed, dense = train_stack(BUILDS["perceptron"], runs, parts(), RECIPE)
    assert zeroed.zeros_dead == 5 and dense.zeros_dead == 0
    assert zeroed.curves["zeros"][-1] == 6 * 5 + 5 * 4 + 4 * 3


def test_ticks_count_the_steps():
    ticks: list[int] = []
    host = Host(tick=ticks.append)
    train_stack(BUILDS["perceptron"], [Run(1, 0.01)], parts(), Recipe(steps=3), host)
    assert ticks == [1, 2, 3]


FOLDS = [tuple(i for i in range(44) if i % 4 != fold) for fold in range(4)]


@pytest.mark.parametrize("batch_size", [12, None], ids=["batches", "full batch"])
@pytest.mark.parametrize("build", ["perceptron", "dropout", "batch norm"])
def test_members_with_rows_of_their_own_train_as_on_these_alone(build, batch_size):
    recipe = replace(RECIPE, batch_size=batch_size)
    runs = [replace(run, rows=FOLDS[i % 4]) for i, run in enumerate(FEW)]
    data, stacked = parts(), train_stack(BUILDS[build], runs, parts(), recipe)
    x, y = data.parts["train"]
    for run, outcome in zip(runs, stacked, strict=True):
        own = list(run.rows or ())
        alone = Samples({**data.parts, "train": (x[own], y[own])})
        assert_same(outcome, train_reference(BUILDS[build], replace(run, rows=None), alone, recipe))
        assert_same(outcome, train_reference(BUILDS[build], run, data, recipe))


def test_rows_are_those_of_a_stack_of_one_and_evaluated_in_pieces(monkeypatch):
    runs = [replace(FEW[0], rows=rows) for rows in FOLDS[:2]]
    together = train_stack(BUILDS["perceptron"], runs, parts(), RECIPE)
    monkeypatch.setattr("lpreg.train.samples.PIECE", 7 * 6 * 8)
    for run, outcome in zip(runs, together, strict=True):
        [alone] = train_stack(BUILDS["perceptron"], [run], parts(), RECIPE)
        assert_same(outcome, alone)
    pieces = train_stack(BUILDS["perceptron"], runs, parts(), RECIPE)
    for left, right in zip(together, pieces, strict=True):
        assert_same(left, right)


@pytest.mark.parametrize("other", [FOLDS[1][:-1], None])
def test_rows_of_unequal_number_are_refused(other):
    runs = [Run(1, 0.01, rows=FOLDS[0]), Run(1, 0.01, rows=other)]
    with pytest.raises(ValueError, match="equally many rows"):
        train_stack(BUILDS["perceptron"], runs, parts(), RECIPE)
