"""The training loop of a stack."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import torch
from torch import Tensor

from lpreg.train.batches import Batches, Noise
from lpreg.train.checkpoint import Progress
from lpreg.train.host import Host
from lpreg.train.metrics import LOSSES, constant_inputs
from lpreg.train.precision import PRECISIONS
from lpreg.train.recipe import DTYPES, Build, Outcome, Recipe, Run, generator
from lpreg.train.record import Record
from lpreg.train.samples import Samples
from lpreg.train.segments import arrange, segments
from lpreg.train.stack import Stack
from lpreg.train.stepper import Stepper


def train_stack(
    build: Build | Sequence[Build],
    runs: Sequence[Run],
    samples: Samples,
    recipe: Recipe,
    host: Host | None = None,
) -> list[Outcome]:
    """Train networks of one architecture together.

    Args:
        build: makes the architecture from a generator; it must be the same for every seed. One for
            each run where they differ in dropout.
        runs: the networks, in any order.
        samples: the data.
        recipe: what the networks have in common.
        host: device, progress and checkpoint; by default the CPU and nothing else. A run that goes
            on from a checkpoint must be given the other arguments as before.

    Returns:
        One outcome per run, in the order of `runs`. A run that diverges is an outcome like the
        others, and the others never notice.

    Raises:
        ValueError: the runs have `rows`, and not equally many; or networks that differ in more.
    """
    order = arrange(runs)
    host = host or Host()
    builds = [build] * len(runs) if callable(build) else build
    with PRECISIONS[recipe.precision].training(host.device):
        outcomes = _train(
            [builds[i] for i in order], [runs[i] for i in order], samples, recipe, host
        )
    placed = dict(zip(order, outcomes, strict=True))
    return [placed[i] for i in range(len(runs))]


def _train(builds, runs, samples, recipe, host) -> list[Outcome]:
    dtype, device = DTYPES[recipe.dtype], host.device
    samples, rows = _rows(samples.on(device, dtype), runs)
    x, y = samples.parts["train"]
    seeds = [run.seed for run in runs]
    models = [build(generator(run.seed, "init")) for build, run in zip(builds, runs, strict=True)]
    stack = Stack([model.to(dtype) for model in models], recipe, device)
    batches = Batches(x, y, seeds, recipe.batch_size, rows)
    noise = Noise(stack, samples.batch(x[:2]), seeds)
    stepper = Stepper(recipe, stack.flat, [run.lr for run in runs])
    penalties = segments(stack, runs)
    record = Record(stack, penalties, samples, recipe, rows)
    loss = stack.each(LOSSES[recipe.loss], shared=batches.shared)
    parts = {"stack": stack, "batches": batches, "noise": noise, "stepper": stepper}
    parts |= {f"penalty {i}": segment for i, segment in enumerate(penalties)}
    parts |= {"record": record, "snapshots": record.snapshots}
    progress = Progress(parts, host.checkpoint)

    first = progress.resume()
    if first == 0:
        record.look(0)
    stack.model.train()
    for step in range(first, recipe.steps):
        inputs, targets = batches.at(step)
        inputs = samples.batch(inputs)
        noise.draw(inputs.shape[0 if batches.shared else 1])
        stack.backward(loss(stack(inputs, shared=batches.shared), targets))
        for segment in penalties:
            segment.add_gradient(stack)
        stepper.step(step)
        for segment in penalties:
            segment.update(stack, stepper)
        record.look(step + 1)
        progress.done(step + 1)
        if host.tick is not None:
            host.tick(step + 1)
    seconds = progress.seconds / len(runs)
    constant = cache(lambda own: constant_inputs(x if rows is None else x[list(own)]))
    outcomes = record.outcomes([constant(run.rows) for run in runs])
    return [replace(each, seconds=seconds) for each in outcomes]


def _rows(samples: Samples, runs: Sequence[Run]) -> tuple[Samples, Tensor | None]:
    """The samples, and (members, n) the rows that each run trains on: None where these are the
    same for all, and then the training part that is given back has only them."""
    distinct = {run.rows for run in runs}
    if len(distinct) == 1:
        (own,) = distinct
        return (samples if own is None else samples.only(own)), None
    everything = range(len(samples.parts["train"][1]))
    rows = [everything if run.rows is None else run.rows for run in runs]
    counts = sorted({len(own) for own in rows})
    if len(counts) > 1:
        raise ValueError(
            f"runs of one stack train on equally many rows, and these on {counts}: train those of "
            "each number in a stack of their own"
        )
    return samples, torch.tensor(rows, device=samples.parts["train"][1].device)
