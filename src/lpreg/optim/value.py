"""The value of a penalty over the tensors of a model, one by one or, by its scope, at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from lpreg.penalties.base import Penalty
from lpreg.select import Where, match

Penalties = Penalty | Mapping[str, Penalty]


def penalty_value(model: nn.Module, penalty: Penalties, where: Where = "weights") -> Tensor:
    """The penalty of `model`, a differentiable scalar, for those who add it to their loss.

    Raises the `ValueError`s of `where`; see `lpreg.describe` for what is penalised.
    """
    terms = [
        term.value(joined(parameters))
        for term, parameters in together(match(model, penalty, where).values())
    ]
    return torch.stack(terms).sum()


def together(held: Iterable[tuple[Tensor, Penalty]]) -> Iterator[tuple[Penalty, list[Tensor]]]:
    """Each penalty with the tensors that it sees at once: one, or with scope "model" all of its."""
    joint: dict[Penalty, list[Tensor]] = {}
    for parameter, penalty in held:
        if penalty.scope == "model":
            joint.setdefault(penalty, []).append(parameter)
        else:
            yield penalty, [parameter]
    yield from joint.items()


def joined(parameters: Sequence[Tensor]) -> Tensor:
    """What a penalty sees: the tensor itself, or several as one vector."""
    if len(parameters) == 1:
        return parameters[0]
    return torch.cat([parameter.flatten() for parameter in parameters])


def parted(seen: Tensor, parameters: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """Each parameter with its own part of what `joined` put together."""
    parts = seen.flatten().split([parameter.numel() for parameter in parameters])
    for parameter, part in zip(parameters, parts, strict=True):
        yield parameter, part.view_as(parameter)
