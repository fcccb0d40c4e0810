"""What is measured of the networks of a stack on the parts of their data."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from lpreg.train.recipe import DTYPES, Build, Recipe
from lpreg.train.samples import Samples
from lpreg.train.stack import Stack

Measure = Callable[[Tensor, Tensor], Tensor]
"""Outputs (n, k) and targets (n,) of one network to a mean over the samples."""


def trained(
    build: Build, states: Sequence[Mapping[str, Tensor]], recipe: Recipe, device: str
) -> Stack:
    """Trained networks of one architecture as a stack in evaluation mode.

    Args:
        build: makes the architecture.
        states: the `state_dict` of each network.
        recipe: that they were trained with.
        device: where they shall be.
    """
    blank = build(torch.Generator()).to(DTYPES[recipe.dtype])
    stack = Stack([blank] * len(states), recipe, device)
    own = {name: stack.view(stack.flat.data, name) for name in stack.columns} | stack.buffers
    for name, values in own.items():
        if name in states[0]:  # masks of dropout are not
            values.copy_(torch.stack([state[name] for state in states]))
    stack.model.eval()
    return stack


class Evaluation:
    """Measures of all members of a stack, on every part as a whole, piece by piece."""

    def __init__(
        self,
        stack: Stack,
        samples: Samples,
        measures: Mapping[str, Measure],
        rows: Tensor | None = None,
    ) -> None:
        """`samples` is what `Samples.on` gives, for the stack's device and dtype; `rows`
        (members, n) are those of the part "train" on which each member is measured."""
        self._stack, self._samples, self._rows = stack, samples, rows
        self._measures = measures
        self._units = {"mse": samples.unit**2}

    @torch.no_grad()
    def means(self, part: str) -> dict[str, Tensor]:
        """By the names of the measures, (members,); a squared error in the target's own unit."""
        rows = self._rows if part == "train" else None
        shared = rows is None
        samples = len(self._samples.parts[part][1]) if rows is None else rows.shape[1]
        measures = {k: self._stack.each(each, shared=shared) for k, each in self._measures.items()}
        means = dict.fromkeys(measures, torch.zeros(()))
        for x, y in self._samples.pieces(part, rows):
            outputs = self._stack(x, shared=shared)
            share = x.shape[0 if shared else 1] / samples
            for name, measure in measures.items():
                means[name] = means[name] + measure(outputs, y) * share
        return {name: mean * self._units.get(name, 1.0) for name, mean in means.items()}
