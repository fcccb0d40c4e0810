"""The training loop of a stack."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter

from torch import Tensor
from torch.func import vmap

from lpreg.train.batches import Batches, Noise
from lpreg.train.metrics import LOSSES, constant_inputs
from lpreg.train.recipe import DTYPES, Build, Outcome, Recipe, Run, generator
from lpreg.train.record import Record
from lpreg.train.samples import Samples
from lpreg.train.segments import arrange, segments
from lpreg.train.stack import Stack
from lpreg.train.stepper import Stepper


def train_stack(
    build: Build,
    runs: Sequence[Run],
    samples: Samples,
    recipe: Recipe,
    device: str = "cpu",
    tick: Callable[[int], None] | None = None,
) -> list[Outcome]:
    """Train networks of one architecture together.

    Args:
        build: makes the architecture from a generator; it must be the same for every seed.
        runs: the networks, in any order.
        samples: the data.
        recipe: what the networks have in common.
        device: where the stack lives.
        tick: called after every step with the number of steps done.

    Returns:
        One outcome per run, in the order of `runs`. A run that diverges is an outcome like the
        others, and the others never notice.
    """
    start = perf_counter()
    order = arrange(runs)
    outcomes = _train(build, [runs[i] for i in order], samples, recipe, device, tick)
    seconds = (perf_counter() - start) / len(runs)
    placed = dict(zip(order, outcomes, strict=True))
    return [replace(placed[i], seconds=seconds) for i in range(len(runs))]


def _train(build, runs, samples, recipe, device, tick) -> list[Outcome]:
    dtype = DTYPES[recipe.dtype]
    samples = samples.on(device, dtype)
    x, y = samples.parts["train"]
    seeds = [run.seed for run in runs]
    stack = Stack([build(generator(seed, "init")).to(dtype) for seed in seeds], dtype, device)
    batches = Batches(x, y, seeds, recipe.batch_size)
    noise = Noise(stack, samples.batch(x[:2]), seeds)
    stepper = Stepper(recipe, stack.flat, [run.lr for run in runs])
    penalties = segments(stack, runs)
    record = Record(stack, penalties, samples, recipe)
    loss = _per_member(recipe.loss, shared=batches.shared)

    record.evaluate(0)
    stack.model.train()
    for step in range(recipe.steps):
        inputs, targets = batches.at(step)
        inputs = samples.batch(inputs)
        noise.draw(inputs.shape[0 if batches.shared else 1])
        stack.backward(loss(stack(inputs, shared=batches.shared), targets))
        for segment in penalties:
            segment.add_gradient(stack)
        stepper.step(step)
        for segment in penalties:
            segment.update(stack, stepper)
        if recipe.evaluates(step + 1):
            record.evaluate(step + 1)
            stack.model.train()
        if tick is not None:
            tick(step + 1)
    return record.outcomes(constant_inputs(x))


def _per_member(loss: str, *, shared: bool) -> Callable[[Tensor, Tensor], Tensor]:
    return vmap(LOSSES[loss], in_dims=(0, None if shared else 0))
