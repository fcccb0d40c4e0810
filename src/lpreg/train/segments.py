"""Penalties in a stack: members with the same kind of penalty share one vectorised call."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import ceil, prod
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from lpreg.optim import COUPLINGS, Coupling
from lpreg.penalties import Penalty
from lpreg.select import match
from lpreg.train.recipe import Run
from lpreg.train.stack import Stack
from lpreg.train.stepper import Stepper

Kind = tuple[str, tuple[tuple[Penalty, tuple[str, ...]], ...]]
"""Coupling, and for each penalty without its strengths the names of the tensors it acts on."""

PIECE = 2**21
"""Entries that a separable penalty works on at once. Its intermediate results of this size are
taken from memory that the process has; larger ones are asked of the system in every step, which
costs a network of ten million weights five times as much."""


TOGETHER = 2**16
"""Entries of tensors of one shape that a penalty of whole tensors works on at once: of small ones
the calls cost more than the work, of large ones the work is done while they are in the cache."""


class Block(ABC):
    """What a penalty sees in some members' rows, as one or several tensors of a shape for each."""

    @property
    def tensors(self) -> int:
        """How many each member has."""
        return 1

    @abstractmethod
    def read(self, matrix: Tensor) -> Tensor:
        """(members * tensors, *shape) of a matrix (stack, parameters), a view where possible."""

    @abstractmethod
    def write(self, matrix: Tensor, values: Tensor) -> None:
        """Put (members * tensors, *shape) where `read` takes it."""

    @abstractmethod
    def add(self, matrix: Tensor, values: Tensor) -> None:
        """Add (members * tensors, *shape) to what `read` gives."""


@dataclass(frozen=True)
class Alike(Block):
    """Parameters of one shape, each in it: member after member, and of each one after the other."""

    stack: Stack
    rows: slice
    names: tuple[str, ...]

    @property
    def tensors(self) -> int:
        return len(self.names)

    def read(self, matrix: Tensor) -> Tensor:
        views = self._views(matrix)
        return views[0] if self.tensors == 1 else torch.stack(views, dim=1).flatten(0, 1)

    def write(self, matrix: Tensor, values: Tensor) -> None:
        for view, part in zip(self._views(matrix), self._parts(values), strict=True):
            view.copy_(part)

    def add(self, matrix: Tensor, values: Tensor) -> None:
        for view, part in zip(self._views(matrix), self._parts(values), strict=True):
            view.add_(part)

    def _views(self, matrix: Tensor) -> list[Tensor]:
        return [self.stack.view(matrix[self.rows], name) for name in self.names]

    def _parts(self, values: Tensor) -> tuple[Tensor, ...]:
        return values.unflatten(0, (-1, self.tensors)).unbind(1)


@dataclass(frozen=True)
class Columns(Block):
    """Ranges of columns (first, last + 1), as one vector."""

    rows: slice
    ranges: tuple[tuple[int, int], ...]

    def read(self, matrix: Tensor) -> Tensor:
        parts = [matrix[self.rows, a:b] for a, b in self.ranges]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def write(self, matrix: Tensor, values: Tensor) -> None:
        for place, part in self._pairs(matrix, values):
            place.copy_(part)

    def add(self, matrix: Tensor, values: Tensor) -> None:
        for place, part in self._pairs(matrix, values):
            place.add_(part)

    def _pairs(self, matrix: Tensor, values: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        parts = values.split([b - a for a, b in self.ranges], dim=1)
        for (a, b), part in zip(self.ranges, parts, strict=True):
            yield matrix[self.rows, a:b], part


class Segment:
    """One penalty with the strengths of several members, on the tensors that it acts on."""

    def __init__(
        self,
        stack: Stack,
        rows: slice,
        coupling: Coupling,
        blocks: list[Block],
        runs: list[Penalty],
    ) -> None:
        self.rows, self.blocks, self.coupling = rows, blocks, coupling
        self.structure = runs[0].structure()
        columns = zip(*(penalty.data() for penalty in runs), strict=True)
        like = {"dtype": stack.flat.dtype, "device": stack.flat.device}
        self.data = tuple(torch.tensor(column, **like) for column in columns)
        first = blocks[0].read(stack.flat.data)[0]
        self.has_gradient = coupling.gradient(runs[0], first) is not None
        self.latent = [
            self._map(coupling.init, block, block.read(stack.flat.data)) for block in blocks
        ]

    def _map(self, method: Callable[..., Any], block: Block, *args: Any) -> Any:
        """`method(penalty, *args)` for every tensor of a block, with its member's strengths."""
        data = self._strengths(block)
        return vmap(lambda data, *args: method(self.structure.with_data(data), *args))(data, *args)

    def _act(self, method: Callable[..., Any], block: Block, w: Tensor, *args: Any) -> Any:
        """`_map` for what gives tensors like w. All rows at once where the penalty can, which
        spares a small network the bookkeeping of vmap, half of the time."""
        if not self.structure.rowwise:
            return self._map(method, block, w, *args)
        penalty = self.structure.with_data(tuple(x[:, None] for x in self._strengths(block)))
        result = method(penalty, *(_each(_row, x) for x in (w, *args)))
        return _each(lambda x: x.view_as(w), result)

    def _strengths(self, block: Block) -> tuple[Tensor, ...]:
        """(members * tensors,) each."""
        if block.tensors == 1:
            return self.data
        return tuple(x.repeat_interleave(block.tensors) for x in self.data)

    def value(self, stack: Stack) -> Tensor:
        """The penalty of each member, (members,)."""
        values = [self._map(_value, block, block.read(stack.flat.data)) for block in self.blocks]
        members = [
            each.unflatten(0, (-1, b.tensors)) for each, b in zip(values, self.blocks, strict=True)
        ]
        return torch.cat(members, dim=1).sum(1)

    def add_gradient(self, stack: Stack) -> None:
        """Before the step: what the coupling adds to the gradient of the task loss."""
        if not self.has_gradient or stack.flat.grad is None:
            return
        for block in self.blocks:
            extra = self._act(self.coupling.gradient, block, block.read(stack.flat.data))
            block.add(stack.flat.grad, extra)

    def update(self, stack: Stack, stepper: Stepper) -> None:
        """After the step: what the coupling makes of the weights."""
        for i, block in enumerate(self.blocks):
            size = stepper.size(self.coupling, self.rows, block.tensors, block.read)
            if size is None:
                return
            weights, self.latent[i] = self._act(
                self.coupling.update, block, block.read(stack.flat.data), size, self.latent[i]
            )
            block.write(stack.flat.data, weights)

    def saved(self) -> dict[str, Tensor]:
        """What the coupling keeps beside the weights."""
        return {f"{i}/{k}": v for i, each in enumerate(self.latent) for k, v in each.items()}

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        """Take what `saved` gave, laid out in memory as before: sums depend on it."""
        for i, each in enumerate(self.latent):
            self.latent[i] = {
                k: blank.clone().copy_(saved[f"{i}/{k}"]) for k, blank in each.items()
            }


def _value(penalty: Penalty, w: Tensor) -> Tensor:
    return penalty.value(w)


def _row(x: Tensor) -> Tensor:
    return x.flatten(1) if x.dim() > 1 else x[:, None]


def _each(function: Callable[[Tensor], Tensor], x: Any) -> Any:
    """Of all tensors in tuples and dictionaries."""
    if isinstance(x, Tensor):
        return function(x)
    if isinstance(x, tuple):
        return tuple(_each(function, each) for each in x)
    return {key: _each(function, each) for key, each in x.items()}


def assignment(stack: Stack, run: Run) -> list[tuple[Penalty, tuple[str, ...]]]:
    """The penalties of a run, each with the names of the tensors that it acts on."""
    if run.penalty is None:
        return []
    if isinstance(run.penalty, Mapping):
        matched = match(stack.model, run.penalty)
    else:
        matched = match(stack.model, run.penalty, run.where)
    named = {name: penalty for name, (_, penalty) in matched.items()}
    names = [name for name in stack.columns if name in named]
    penalties = list({id(p): p for p in named.values()}.values())
    return [(p, tuple(n for n in names if named[n] is p)) for p in penalties]


def arrange(runs: Sequence[Run]) -> list[int]:
    """An order of the runs in which those that may share a segment stand side by side."""
    kinds = [repr((run.coupling, _kind(run.penalty), run.where)) for run in runs]
    return sorted(range(len(runs)), key=kinds.__getitem__)


def _kind(penalty: Penalty | Mapping[str, Penalty] | None) -> object:
    if penalty is None:
        return ""
    if isinstance(penalty, Mapping):
        return [(glob, each.structure()) for glob, each in penalty.items()]
    return penalty.structure()


def segments(stack: Stack, runs: Sequence[Run]) -> list[Segment]:
    """The segments of a stack whose rows are these runs."""
    return list(_segments(stack, runs))


def _segments(stack: Stack, runs: Sequence[Run]) -> Iterator[Segment]:
    acts = [assignment(stack, run) for run in runs]
    kinds = [
        (run.coupling, tuple((p.structure(), names) for p, names in act))
        for run, act in zip(runs, acts, strict=True)
    ]
    for (coupling, kind), group in groupby(range(len(runs)), key=kinds.__getitem__):
        members = list(group)
        rows = slice(members[0], members[-1] + 1)
        for k, (penalty, names) in enumerate(kind):
            blocks = _blocks(stack, penalty, rows, names)
            penalties = [acts[m][k][0] for m in members]
            yield Segment(stack, rows, COUPLINGS[coupling], blocks, penalties)


def _blocks(stack: Stack, penalty: Penalty, rows: slice, names: tuple[str, ...]) -> list[Block]:
    """A separable penalty sees each run of adjacent columns as vectors of `PIECE`; one over the
    whole model sees all of them as one; every other sees each tensor in its shape."""
    ranges = [stack.columns[name] for name in names]
    joined = _join(ranges)
    if penalty.scope == "model":
        return [Columns(rows, joined)]
    if penalty.separable:
        longest = max(1, PIECE // (rows.stop - rows.start))
        return [Columns(rows, (piece,)) for each in joined for piece in _cut(each, longest)]
    return [Alike(stack, rows, each) for each in _alike(stack, names, rows.stop - rows.start)]


def _alike(stack: Stack, names: tuple[str, ...], members: int) -> Iterator[tuple[str, ...]]:
    """The names by shape, in portions of `TOGETHER` entries."""
    for shape, group in groupby(sorted(names, key=_shape(stack)), key=_shape(stack)):
        same = tuple(group)
        portion = max(1, TOGETHER // (members * prod(shape)))
        yield from (same[i : i + portion] for i in range(0, len(same), portion))


def _shape(stack: Stack) -> Callable[[str], torch.Size]:
    return stack.shapes.__getitem__


def _cut(range_: tuple[int, int], longest: int) -> Iterator[tuple[int, int]]:
    start, end = range_
    pieces = ceil((end - start) / longest)
    cuts = [start + (end - start) * k // pieces for k in range(pieces + 1)]
    return pairwise(cuts)


def _join(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    starts = [ranges[0][0]] + [b[0] for a, b in pairwise(ranges) if a[1] != b[0]]
    ends = [a[1] for a, b in pairwise(ranges) if a[1] != b[0]] + [ranges[-1][1]]
    return tuple(zip(starts, ends, strict=True))
