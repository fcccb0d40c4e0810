"""How far trained weights are from stationary for task loss + penalty, in numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lpreg.optim.metric import METRICS, metric
from lpreg.optim.regularized import Regularized
from lpreg.optim.value import Penalties, joined, parted, together
from lpreg.penalties.base import Penalty, precise
from lpreg.select import Where, match

TOLERANCE = 1e-3
"""Of lam: the distance up to which `Certificate.stationary` is true."""


@dataclass(frozen=True)
class Row:
    """What `certificate` says of one tensor, or of several that a penalty takes as one vector.

    Attributes:
        names: of the parameters, nearly always one.
        penalty: that acts on them.
        distance: of minus the gradient from the subdifferential, in units of the gradient: the
            largest of all entries, or of all groups (Euclidean) where the penalty acts on groups.
        relative: the same divided by the strength lam, the largest if there are several; inf for
            a distance from a penalty without strength.
        zeros: how many weights are exactly zero.
        size: how many weights there are.
        weight_decay: of the optimizer, counted as if it were part of the penalty; 0 for none.
    """

    names: tuple[str, ...]
    penalty: Penalty
    distance: float
    relative: float
    zeros: int
    size: int
    weight_decay: float


@dataclass(frozen=True)
class Certificate:
    """How far every penalised tensor is from stationary; printed, a table and a verdict."""

    rows: tuple[Row, ...]

    @property
    def worst(self) -> Row:
        """The row with the largest relative distance, or with one that is not a number."""
        return max(
            self.rows, key=lambda row: math.inf if math.isnan(row.distance) else row.relative
        )

    @property
    def distance(self) -> float:
        """The largest of all distances."""
        return _largest(row.distance for row in self.rows)

    @property
    def relative(self) -> float:
        """The largest of all distances in units of lam."""
        return _largest(row.relative for row in self.rows)

    @property
    def stationary(self) -> bool:
        """Whether every distance is at most `TOLERANCE` of lam."""
        return self.relative <= TOLERANCE

    @property
    def verdict(self) -> str:
        """One line."""
        worst = self.worst
        name = ", ".join(worst.names)
        if math.isnan(worst.distance):
            return f"not stationary: weights or gradients of {name} are not finite"
        how = f"farthest is {name}, by {_number(worst.distance)} ({_number(worst.relative)} lam)"
        decays = sorted({row.weight_decay for row in self.rows} - {0.0})
        counted = f", with weight_decay={', '.join(f'{d:g}' for d in decays)} counted"
        return ("" if self.stationary else "not ") + f"stationary: {how}{counted if decays else ''}"

    def __str__(self) -> str:
        cells = [("parameter", "distance", "/ lam", "zeros", "penalty")]
        for row in self.rows:
            numbers = (_number(row.distance), _number(row.relative), f"{row.zeros} of {row.size}")
            cells.append((", ".join(row.names), *numbers, repr(row.penalty)))
        widths = [max(len(line[column]) for line in cells) for column in range(4)]
        table = [
            "  ".join(text.ljust(width) for text, width in zip(line, [*widths, 0], strict=True))
            for line in cells
        ]
        return "\n".join([*table, self.verdict])


@torch.no_grad()
def certificate(
    model: nn.Module,
    penalty: Penalties | Regularized,
    where: Where = "weights",
    optimizer: Optimizer | None = None,
) -> Certificate:
    """How far `model` is from a stationary point of mean task loss + penalty.

    Call it after `backward()` of the task loss alone over all data: the gradient of a mini-batch is
    noise away from zero, and a scaled one (GradScaler) must be unscaled. At distance 0 no small
    move improves the objective to first order; where loss and penalty are convex it is the minimum.
    For p < 1, and for L0, every zero is stationary whatever the gradient.

        loss_of_all_data.backward()
        print(lpreg.certificate(model, lpreg.L1(1e-3)))    # or (model, optimizer)

    Args:
        model: with gradients.
        penalty: a penalty, a mapping from name globs to penalties, or a `Regularized` optimizer,
            which knows its penalties, their strengths by now, and its weight decay.
        where: as everywhere, see `lpreg.describe`; left out with a mapping or a `Regularized`.
        optimizer: counts its `weight_decay`, which pulls at weights too: that of Adam or SGD as
            weight_decay / 2 |w|^2, and a decoupled one (AdamW) by what it adds to each step, in
            the metric that the optimizer has by now.

    Raises:
        ValueError: a penalised tensor has no gradient, a weight decay cannot be counted, the
            optimizer holds its zeros (`Regularized.hold`), or for the reasons of `where`.
    """
    if isinstance(penalty, Regularized):
        if penalty.held:
            raise ValueError(
                "this optimizer holds its zeros and trains the rest without the penalty, so that "
                "task loss + penalty is no longer what it solves; to ask all the same, give "
                "certificate its `penalties` instead of the optimizer."
            )
        penalty, optimizer = {n: penalty.acting(n) for n in penalty.penalties}, penalty
    held = match(model, penalty, where)
    missing = [name for name, (parameter, _) in held.items() if parameter.grad is None]
    if missing:
        raise ValueError(
            f"no gradient in {', '.join(missing)}: call backward() on the task loss of all data "
            "first; leave out what it does not depend on with where=..."
        )
    decays = _decays(optimizer)
    names: dict[Tensor, str] = {parameter: name for name, (parameter, _) in held.items()}
    order = {name: place for place, name in enumerate(held)}
    rows = [
        row
        for term, parameters in together(held.values())
        for row in _rows(term, parameters, names, decays)
    ]
    return Certificate(tuple(sorted(rows, key=lambda row: order[row.names[0]])))


Decays = Mapping[Tensor, tuple[float, Tensor]]
"""Of every parameter that decays: its weight_decay, and what that adds to its gradient."""


def _rows(
    penalty: Penalty, parameters: Sequence[Tensor], names: Mapping[Tensor, str], decays: Decays
) -> Iterator[Row]:
    """One row for each tensor, or for all together if the distance is one of them all."""
    weights = joined([_exact(parameter) for parameter in parameters])
    slopes = joined([_slope(parameter, decays) for parameter in parameters])
    distance = penalty.distance(weights, slopes)
    if distance.shape == weights.shape:
        each = [([parameter], part) for parameter, part in parted(distance, parameters)]
    else:
        each = [(parameters, distance)]
    for group, part in each:
        largest = float(part.max())
        yield Row(
            names=tuple(names[parameter] for parameter in group),
            penalty=penalty,
            distance=largest,
            relative=_ratio(largest, _strength(penalty)),
            zeros=sum(int((parameter == 0).sum()) for parameter in group),
            size=sum(parameter.numel() for parameter in group),
            weight_decay=max(decays[p][0] if p in decays else 0.0 for p in group),
        )


def _exact(x: Tensor) -> Tensor:
    return x.detach().to(precise(x.device))


def _slope(parameter: Tensor, decays: Decays) -> Tensor:
    """The gradient of the task loss and of the weight decay."""
    assert parameter.grad is not None
    grad = _exact(parameter.grad)
    return grad + decays[parameter][1] if parameter in decays else grad


def _decays(optimizer: Optimizer | None) -> dict[Tensor, tuple[float, Tensor]]:
    if optimizer is None:
        return {}
    base = optimizer.base if isinstance(optimizer, Regularized) else optimizer
    return {
        parameter: (group["weight_decay"], _pull(base, group, parameter))
        for group in base.param_groups
        for parameter in group["params"]
        if group.get("weight_decay", 0) != 0
    }


def _pull(base: Optimizer, group: Mapping[str, Any], parameter: Tensor) -> Tensor:
    """What a weight decay adds to a lasting gradient, like the parameter."""
    kind, decay = type(base), group["weight_decay"]
    if kind not in METRICS:
        raise ValueError(
            f"weight_decay={decay:g} of {kind.__name__} cannot be counted, because how it acts is "
            f"known only for {', '.join(each.__name__ for each in METRICS)}."
        )
    pull = decay * _exact(parameter)
    if not group.get("decoupled_weight_decay", False):
        return pull
    state = base.state.get(parameter)
    if not state:
        raise ValueError(
            f"weight_decay={decay:g} of {kind.__name__} cannot be counted before the first step: "
            "what it means against a gradient follows from the optimizer's state."
        )
    # It steps by lr where a gradient steps by the metric: by their ratio, whatever lr is by now.
    return pull / metric(kind, {**group, "lr": 1.0}, state)


def _strength(penalty: Penalty) -> float:
    return max(float(strength) for term in penalty.addends() for strength in term.data()[:1])


def _ratio(distance: float, strength: float) -> float:
    if strength > 0:
        return distance / strength
    return 0.0 if distance == 0 else math.inf * distance


def _largest(numbers: Iterable[float]) -> float:
    """Their maximum, NaN if one is."""
    found = list(numbers)
    return math.nan if any(map(math.isnan, found)) else max(found)


def _number(x: float) -> str:
    return f"{x:.2g}"
