"""One stock optimizer for a whole stack, with a learning rate per member."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from lpreg.optim import Coupling, metric
from lpreg.train.recipe import Recipe
from lpreg.train.schedule import factor

WHOLE = 2**18
"""Entries of a stack up to which the metric is taken of all at once: in small ones every call costs
more than its work."""

WILD = 1e6
"""How many times the lowest rate of a stack a rate may be and still set the pace."""


class Stepper:
    """Steps the rows of a matrix, each at its own rate.

    An elementwise optimizer moves every row by itself, and its update is proportional to the
    learning rate: it runs at one rate, and every row goes its share of the way. It is the highest
    rate, so that shares are at most 1 and exact, unless that is so wild that others would overflow
    with it.
    """

    def __init__(self, recipe: Recipe, flat: nn.Parameter, rates: Sequence[float]) -> None:
        self._recipe, self._flat = recipe, flat
        self._top = min(max(rates), WILD * min(rates))
        self._alike = min(rates) == self._top
        self._known: float | Tensor | None = None
        share = [rate / self._top for rate in rates]
        self._share = torch.tensor(share, dtype=flat.dtype, device=flat.device)
        self._optimizer = recipe.make_optimizer([flat], self._top, fused=True)

    def step(self, number: int) -> None:
        """Step `number`, counted from 0, along `flat.grad`."""
        recipe, self._known = self._recipe, None
        rate = self._top * factor(recipe.schedule, number, recipe.steps, recipe.warmup)
        self._optimizer.param_groups[0]["lr"] = rate
        if self._alike:
            self._optimizer.step()
            return
        weights = self._flat.data
        before = weights.clone()
        self._optimizer.step()
        torch.lerp(before, weights, self._share[:, None].expand_as(weights), out=weights)

    def size(
        self, coupling: Coupling, rows: slice, tensors: int, read: Callable[[Tensor], Tensor]
    ) -> Tensor | None:
        """The step that a coupling takes on a part of the matrix, for each of its members.

        Args:
            coupling: asks for the rate or for the optimizer's metric, or for nothing (None).
            rows: the members of the part.
            tensors: that the part has of each member.
            read: gives the part, (members * tensors, ...), of any matrix.

        Returns:
            (members * tensors,), or (members * tensors, ...) where the metric has a value per
            weight.
        """
        group, flat = self._optimizer.param_groups[0], self._flat

        def of_part() -> float | Tensor:
            if flat.numel() > WHOLE:
                return self._metric(read)
            if self._known is None:
                self._known = self._metric(lambda matrix: matrix)
            return read(self._known) if isinstance(self._known, Tensor) else self._known

        size = coupling.step(group["lr"], of_part)
        if size is None:
            return None
        size = torch.as_tensor(size, dtype=flat.dtype, device=flat.device)
        if self._alike and size.dim():
            return size
        share = self._share[rows].repeat_interleave(tensors)
        return size * share.view(-1, *[1] * (size.dim() - 1)) if size.dim() else size * share

    def _metric(self, read: Callable[[Tensor], Tensor]) -> float | Tensor:
        """The optimizer's metric, of the part of the matrix that `read` gives."""
        group, state = self._optimizer.param_groups[0], self._optimizer.state[self._flat]
        part = {k: read(v) if v.shape == self._flat.shape else v for k, v in state.items()}
        return metric(type(self._optimizer), group, part)

    def saved(self) -> dict[str, Tensor]:
        """The optimizer's moments and count of steps."""
        return {k: v for k, v in self._optimizer.state[self._flat].items() if v is not None}

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        """Take what `saved` gave."""
        device = self._flat.device
        self._optimizer.state[self._flat] = {k: v.to(device).clone() for k, v in saved.items()}
