"""The plainest training loop: one network, one batch after the other, nothing shared.

This is the textbook of the engine and its oracle. Every coupling is written out here from its
definition, independently of `lpreg.optim`; a stack must give the same numbers.
"""

from math import ceil, sqrt
from time import perf_counter

import numpy as np
import torch
from torch import Tensor, nn

from lpreg.models.dropout import Dropout
from lpreg.penalties import Penalty
from lpreg.select import match, select
from lpreg.train.metrics import LOSSES, constant_inputs, score
from lpreg.train.precision import PRECISIONS
from lpreg.train.recipe import DTYPES, Build, Outcome, Recipe, Run, generator
from lpreg.train.record import dead_zeros
from lpreg.train.samples import Samples
from lpreg.train.schedule import factor
from lpreg.train.snapshots import chosen

Penalised = list[tuple[list[nn.Parameter], Penalty]]
"""Parameters that one call of a penalty sees, as one vector if they are several."""


def train_reference(build: Build, run: Run, samples: Samples, recipe: Recipe) -> Outcome:
    """Train one network on the CPU, as `train_stack` does many. Arguments and result as there."""
    start = perf_counter()
    dtype = DTYPES[recipe.dtype]
    samples = samples.on("cpu", dtype)
    samples = samples if run.rows is None else samples.only(run.rows)
    x, y = samples.parts["train"]
    model = build(generator(run.seed, "init")).to(dtype)
    penalised = _penalised(model, run)
    optimizer = recipe.make_optimizer(list(model.parameters()), run.lr)
    order_of, noise_of = generator(run.seed, "batches"), generator(run.seed, "dropout")
    size = recipe.batch_size or len(y)
    per_epoch, order = ceil(len(y) / size), torch.arange(len(y))
    latent: dict[Tensor, tuple[Tensor, Tensor]] = {}
    curves = [_evaluate(model, penalised, samples, recipe, 0)]
    copies = [_copies(model, recipe, 0)] if recipe.snaps(0) else []

    for step in range(recipe.steps):
        rows = slice(None)
        if recipe.batch_size is not None:
            within = step % per_epoch
            if within == 0:
                order = torch.randperm(len(y), generator=order_of)
            rows = order[within * size : (within + 1) * size]
        model.train()
        inputs = samples.batch(x[rows])
        _draw_masks(model, inputs, noise_of)
        loss = LOSSES[recipe.loss](_outputs(model, inputs, recipe), y[rows])
        for tensors, penalty in penalised:
            loss = loss + _added(penalty, run.coupling, tensors)
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = run.lr * factor(
            recipe.schedule, step, recipe.steps, recipe.warmup
        )
        before = {w: w.detach().clone() for tensors, _ in penalised for w in tensors}
        optimizer.step()
        for w, penalty in ((w, penalty) for tensors, penalty in penalised for w in tensors):
            _couple(run.coupling, penalty, optimizer, w, before[w], latent)
        if recipe.evaluates(step + 1):
            curves.append(_evaluate(model, penalised, samples, recipe, step + 1))
        if recipe.snaps(step + 1):
            copies.append(_copies(model, recipe, step + 1))

    state = {name: value.clone() for name, value in model.state_dict().items()}
    finite = [all(np.isfinite(list(row.values()))) for row in curves]
    upto = len(curves) if all(finite) else finite.index(False)
    first = next(iter(select(model, "weights")))
    return Outcome(
        status="ok" if all(finite) else "diverged",
        step=int(curves[upto - 1]["step"]),
        seconds=perf_counter() - start,
        curves={key: np.array([row[key] for row in curves[:upto]]) for key in curves[0]},
        zeros_dead=dead_zeros(state, first, constant_inputs(x)),
        state=state,
        snapshots={key: np.stack([each[key] for each in copies]) for key in dict(*copies[:1])},
    )


def _penalised(model: nn.Module, run: Run) -> Penalised:
    if run.penalty is None:
        return []
    pairs = list(match(model, run.penalty, run.where).values())
    if pairs[0][1].scope == "model":
        return [([w for w, _ in pairs], pairs[0][1])]
    return [([w], penalty) for w, penalty in pairs]


def _outputs(model: nn.Module, inputs: Tensor, recipe: Recipe) -> Tensor:
    with PRECISIONS[recipe.precision].forward("cpu"):
        return model(inputs).to(inputs.dtype)


def _joined(tensors: list[nn.Parameter]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat([w.flatten() for w in tensors])


def _added(penalty: Penalty, coupling: str, tensors: list[nn.Parameter]) -> Tensor | float:
    """The part of the penalty that acts by its gradient."""
    if coupling == "loss":
        return penalty.value(_joined(tensors))
    if coupling == "dual_averaging":
        _, rest = penalty.split()
        return 0.0 if rest is None else rest.value(_joined(tensors))
    return 0.0


@torch.no_grad()
def _couple(
    coupling: str,
    penalty: Penalty,
    optimizer: torch.optim.Optimizer,
    w: nn.Parameter,
    before: Tensor,
    latent: dict[Tensor, tuple[Tensor, Tensor]],
) -> None:
    """What the coupling does to a weight after the step; `latent` holds dual averaging's dense
    copy of the weight and its accumulated step."""
    if coupling == "decoupled":
        w.copy_(penalty.prox(w, optimizer.param_groups[0]["lr"]))
    elif coupling == "proximal":
        w.copy_(penalty.prox(w, _metric(optimizer, w)))
    elif coupling == "dual_averaging":
        homogeneous, _ = penalty.split()
        assert homogeneous is not None
        dense, total = latent.get(w, (before, torch.zeros_like(w)))
        dense, total = dense + (w - before), total + _metric(optimizer, w)
        w.copy_(homogeneous.prox(dense, total))
        latent[w] = dense, total


def _metric(optimizer: torch.optim.Optimizer, w: Tensor) -> Tensor:
    """The step that a constant gradient would take in the long run."""
    group, state = optimizer.param_groups[0], optimizer.state[w]
    if isinstance(optimizer, torch.optim.SGD):
        return torch.full_like(w, group["lr"] / (1 - group["momentum"]))
    correction = sqrt(1 - group["betas"][1] ** float(state["step"]))
    return group["lr"] / (state["exp_avg_sq"].sqrt() / correction + group["eps"])


def _draw_masks(model: nn.Module, x: Tensor, noise_of: torch.Generator) -> None:
    """A fresh mask for each dropout layer, of the shape of what enters it."""
    layers = [module for module in model.modules() if isinstance(module, Dropout)]

    def draw(layer: nn.Module, args: tuple[Tensor]) -> None:
        assert isinstance(layer, Dropout)
        layer.keep = layer.mask(args[0].shape, noise_of, x.dtype)

    hooks = [layer.register_forward_pre_hook(draw) for layer in layers]
    if hooks:
        training = model.training
        with torch.no_grad():
            model.eval()(x)
        model.train(training)
    for hook in hooks:
        hook.remove()


def _copies(model: nn.Module, recipe: Recipe, step: int) -> dict[str, np.ndarray]:
    """The snapshot tensors after so many steps."""
    named = dict(model.named_parameters())
    copies = {
        name: named[name].detach().float().numpy().copy()
        for name in chosen(named, recipe.snapshots)
    }
    return {"step": np.array(step)} | copies


@torch.no_grad()
def _evaluate(
    model: nn.Module, penalised: Penalised, samples: Samples, recipe: Recipe, step: int
) -> dict[str, float]:
    model.eval()
    name, measure = score(recipe.loss)
    row: dict[str, float] = {"step": step}
    unit = {"mse": samples.unit**2}
    for part, (x, y) in samples.parts.items():
        outputs = _outputs(model, samples.batch(x), recipe)
        row[f"{part}_loss"] = float(LOSSES[recipe.loss](outputs, y))
        row[f"{part}_{name}"] = float(measure(outputs, y)) * unit.get(name, 1.0)
    row["zeros"] = sum(int((w == 0).sum()) for w in select(model, "weights").values())
    row["penalty_value"] = float(sum(p.value(_joined(tensors)) for tensors, p in penalised))
    row["total_loss"] = row["train_loss"] + row["penalty_value"]
    return row
