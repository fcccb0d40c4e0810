"""What a coupling does after the base step, on a CPU block by block.

A step of prox and metric is a chain of ten and more elementwise operations. On a large tensor each
of them fetches its operands from memory and leaves an intermediate tensor there; on a block they
stay in the cache, two to five times as fast. What becomes of an entry does not depend on the block
that it is in, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lpreg.optim.couplings import Coupling, Step
from lpreg.penalties.base import Penalty

SIZE = 2**17
"""Entries of a block: fewer, and calling operations takes the time, more, and memory does."""

State = Mapping[str, Any]


def update(
    coupling: Coupling,
    penalty: Penalty,
    w: Tensor,
    latent: dict[str, Tensor],
    state: State,
    step_of: Callable[[State], Step | None],
) -> bool:
    """`coupling.update` of w and its latent state, both in place; False if there is no prox.

    `step_of` gives the coupling's step for the state that the base optimizer keeps of w.
    """
    for part, kept, seen in blocks(penalty, w, latent, state):
        step = step_of(seen)
        if step is None:
            return False
        visible, moved = coupling.update(penalty, part, step, kept)
        part.copy_(visible)
        for key, value in moved.items():
            kept[key].copy_(value)
    return True


def blocks(penalty: Penalty, w: Tensor, *states: State) -> Iterable[tuple[Any, ...]]:
    """(block of w, states of the block, ...), all of them views: writing to them writes through.

    Blocks are as the penalty allows: of any entries, of whole groups, or all of w. A
    state's tensors of the shape of w are cut like w; what else it has (numbers, step counts) is in
    the states of every block.
    """
    # Other devices have no such cache, a compiler fuses by itself, subclasses slice as they please.
    plain = type(w) in (Tensor, nn.Parameter) and w.device.type == "cpu"
    whole = not penalty.separable and penalty.axis is None
    if whole or not plain or w.numel() <= SIZE or torch.compiler.is_compiling():
        return [(w, *states)]
    return _cut(penalty.axis, w, states)


def _cut(axis: int | None, w: Tensor, states: tuple[State, ...]) -> Iterator[tuple[Any, ...]]:
    names = [[key for key, value in state.items() if _like(value, w)] for state in states]
    tensors = [w, *(state[key] for state, keys in zip(states, names, strict=True) for key in keys)]
    if axis is None and all(tensor.is_contiguous() for tensor in tensors):
        tensors = [tensor.view(-1) for tensor in tensors]
    along = axis or 0
    length = max(1, SIZE * tensors[0].shape[along] // w.numel())
    for block, *rest in zip(*(tensor.split(length, along) for tensor in tensors), strict=True):
        parts = iter(rest)
        own = [{key: next(parts) for key in keys} for keys in names]
        yield (block, *({**state, **part} for state, part in zip(states, own, strict=True)))


def _like(value: Any, w: Tensor) -> bool:
    return isinstance(value, Tensor) and value.shape == w.shape
