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

    def __init__(self, stack: Stack, samples: Samples, measures: Mapping[str, Measure]) -> None:
        """`samples` is what `Samples.on` gives, for the stack's device and dtype."""
        self._stack, self._samples = stack, samples
        self._measures = {k: stack.each(each, shared=True) for k, each in measures.items()}
        self._units = {"mse": samples.unit**2}

    @torch.no_grad()
    def means(self, part: str) -> dict[str, Tensor]:
        """By the names of the measures, (members,); a squared error in the target's own unit."""
        samples = len(self._samples.parts[part][1])
        means = dict.fromkeys(self._measures, torch.zeros(()))
        for x, y in self._samples.pieces(part):
            outputs = self._stack(x, shared=True)
            for name, measure in self._measures.items():
                means[name] = means[name] + measure(outputs, y) * (len(y) / samples)
        return {name: mean * self._units.get(name, 1.0) for name, mean in means.items()}
