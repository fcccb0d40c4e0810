"""The loss of a small deep network: where many starts end, how it curves, its saddles."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.func import functional_call, grad, jacrev, vmap

from lpreg.explain.common import tensor
from lpreg.explain.solve import Problem
from lpreg.models import mlp
from lpreg.penalties import L2
from lpreg.train import Outcome, Recipe, Run, Samples, train_stack

RATE = 0.03
RIDGE = L2(1e-2)
"""On all weights and biases, so that the loss has minima and does not fall for ever."""
FLAT = 1e-5
"""An eigenvalue that is smaller than this share of the largest counts as zero."""
STILL = 1e-6
"""The length of a gradient that counts as zero, where at the start it is of the order of 1."""


class Network:
    """A perceptron with two hidden layers of `width` tanh units, on a regression."""

    def __init__(self, problem: Problem, width: int) -> None:
        self.problem, self.width = problem, width
        self._x, self._y = tensor(problem.x), tensor(problem.y)
        self._skeleton = self.build(torch.Generator()).double()

    def build(self, generator: torch.Generator) -> torch.nn.Sequential:
        """With fresh weights."""
        sizes: dict[str, Any] = {"inputs": len(self.problem.features), "outputs": 1}
        hidden = (self.width, self.width)
        return mlp(generator=generator, hidden=hidden, activation="tanh", **sizes)

    def train(self, starts: int, steps: int, looks: int) -> list[Outcome]:
        """One stack of networks that differ in their first weights alone, by full-batch Adam.

        Args:
            starts: networks.
            steps: of each.
            looks: at how many times between, evenly spaced, copies of all weights are kept.
        """
        recipe = Recipe(
            batch_size=None,
            steps=steps,
            schedule="cosine",
            loss="mse",
            evaluate_every=steps,
            dtype="float64",
            snapshots=("*",),
            snapshot_every=steps // looks,
        )
        data = Samples({"train": (self._x, self._y)})
        runs = [Run(seed, RATE, RIDGE, where="all") for seed in range(starts)]
        return train_stack(self.build, runs, data, recipe)

    def rows(self, outcomes: Sequence[Outcome], at: int) -> Tensor:
        """The weights of the copies number `at` of some networks, (k, parameters)."""
        names = [name for name, _ in self._skeleton.named_parameters()]
        each = [[one.snapshots[name][at].ravel() for name in names] for one in outcomes]
        return tensor(np.stack([np.concatenate(pieces) for pieces in each]))

    def loss(self, flat: Tensor) -> Tensor:
        """The total loss of weights that stand one after the other, (parameters,)."""
        shapes = {name: each.shape for name, each in self._skeleton.named_parameters()}
        pieces = flat.split([prod(shape) for shape in shapes.values()])
        pairs = zip(shapes.items(), pieces, strict=True)
        state = {name: piece.view(shape) for (name, shape), piece in pairs}
        outputs = functional_call(self._skeleton, state, (self._x,))
        return (outputs.squeeze(-1) - self._y).square().mean() + RIDGE.value(flat)

    def slopes(self, rows: Tensor) -> Tensor:
        """Gradients, (k, parameters)."""
        return vmap(grad(self.loss))(rows)

    def curvatures(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Eigenvalues, ascending, and eigenvectors of the Hessian, (k, parameters, ...)."""
        return torch.linalg.eigh(vmap(jacrev(grad(self.loss)), chunk_size=20)(rows))

    def saddles(self, rows: Tensor, rounds: int) -> tuple[Tensor, Tensor]:
        """From every row to a near point without slope, be it minimum, saddle or maximum.

        Levenberg's method on the length of the gradient, which unlike the loss has no preference.

        Returns:
            The points, (k, parameters), and the lengths of their gradients, (k,).
        """
        damping = torch.full((len(rows), 1), 1e-2, dtype=rows.dtype)
        slope = self.slopes(rows)
        for _ in range(rounds):
            values, vectors = self.curvatures(rows)
            along = (slope[:, None] @ vectors)[:, 0]
            move = -(vectors @ (values / (values**2 + damping) * along)[..., None])[..., 0]
            there = self.slopes(rows + move)
            better = there.norm(dim=1, keepdim=True) < slope.norm(dim=1, keepdim=True)
            rows, slope = torch.where(better, rows + move, rows), torch.where(better, there, slope)
            damping = torch.where(better, damping / 5, damping * 5).clamp(1e-16, 1e6)
        return rows, slope.norm(dim=1)


def negative(values: Tensor) -> Tensor:
    """The share of eigenvalues (k, n) below zero."""
    return (values < -FLAT * values.abs().amax(1, keepdim=True)).double().mean(1)


def ends(outcomes: dict[int, list[Outcome]]) -> pd.DataFrame:
    """Per width and start: `width`, `start`, `loss` (1 is that of the mean), `excess` over the best
    start of this width."""
    parts = []
    for width, each in outcomes.items():
        loss = np.array([one.curves["total_loss"][-1] for one in each])
        columns = {"width": width, "start": range(len(loss)), "loss": loss}
        parts.append(pd.DataFrame({**columns, "excess": loss - loss.min()}))
    return pd.concat(parts, ignore_index=True)


def along(network: Network, outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Along training: `start`, `step`, `loss`, `slope` (its length), `negative` (share)."""
    parts = []
    for at, step in enumerate(outcomes[0].snapshots["step"]):
        rows = network.rows(outcomes, at)
        columns = {
            "loss": vmap(network.loss)(rows),
            "slope": network.slopes(rows).norm(dim=1),
            "negative": negative(network.curvatures(rows)[0]),
        }
        parts.append(pd.DataFrame({"start": range(len(rows)), "step": step, **_arrays(columns)}))
    return pd.concat(parts, ignore_index=True)


def critical(network: Network, outcomes: Sequence[Outcome], rounds: int) -> pd.DataFrame:
    """Points without slope near the way of training: `start`, `step`, `loss`, `slope`, `negative`,
    `reached` (whether the slope is zero)."""
    parts = []
    for at, step in enumerate(outcomes[0].snapshots["step"]):
        rows, slope = network.saddles(network.rows(outcomes, at), rounds)
        columns = {
            "loss": vmap(network.loss)(rows),
            "slope": slope,
            "negative": negative(network.curvatures(rows)[0]),
            "reached": slope < STILL,
        }
        parts.append(pd.DataFrame({"start": range(len(rows)), "step": step, **_arrays(columns)}))
    return pd.concat(parts, ignore_index=True)


def _arrays(columns: dict[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: values.numpy() for name, values in columns.items()}
