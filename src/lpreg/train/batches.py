"""The order of the samples and the dropout masks: from each member's seed, whatever its stack."""

from collections.abc import Mapping, Sequence
from math import ceil

import torch
from torch import Tensor

from lpreg.train.recipe import generator
from lpreg.train.samples import taken
from lpreg.train.stack import Stack


class Batches:
    """Mini-batches of the training part, a fresh permutation per seed and epoch.

    The last batch of an epoch holds what is left, however small. Given `rows` (members, n), each
    member's batches are of its own rows, in the order that a member of its seed has alone.
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        seeds: Sequence[int],
        size: int | None,
        rows: Tensor | None = None,
    ) -> None:
        self._full, self._rows = size is None, rows
        if self._full and rows is not None:
            x, y = taken(x, rows), taken(y, rows)
        self.x, self.y = x, y
        self._samples = len(y) if rows is None else rows.shape[1]
        self.size = size or self._samples
        self.per_epoch = ceil(self._samples / self.size)
        distinct = sorted(set(seeds))
        self.shared = rows is None and (self._full or len(distinct) == 1)
        self._generators = [generator(seed, "batches") for seed in distinct]
        owner = [0] if self.shared else [distinct.index(seed) for seed in seeds]
        self._owner = torch.tensor(owner)

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """x and y of this step, steps asked for in order from 0.

        (batch, ...) if `shared` by all members, otherwise (members, batch, ...).
        """
        if self._full:
            return self.x, self.y
        within = step % self.per_epoch
        if within == 0:
            orders = [torch.randperm(self._samples, generator=g) for g in self._generators]
            order = torch.stack(orders)[self._owner].to(self.x.device)
            self._order = order if self._rows is None else self._rows.gather(1, order)
        rows = self._order[:, within * self.size : (within + 1) * self.size]
        rows = rows[0] if self.shared else rows
        return taken(self.x, rows), taken(self.y, rows)

    def saved(self) -> dict[str, Tensor]:
        """The generators, and the order of the running epoch."""
        return {} if self._full else _states(self._generators) | {"order": self._order}

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        """Take what `saved` gave."""
        if not self._full:
            _set_states(self._generators, saved)
            self._order = saved["order"].to(self.x.device)


class Noise:
    """The dropout masks of a stack, each member's drawn from its own seed."""

    def __init__(self, stack: Stack, some: Tensor, seeds: Sequence[int]) -> None:
        self._stack = stack
        self._generators = [generator(seed, "dropout") for seed in seeds]
        self._features: dict[str, torch.Size] = {}
        hooks = [
            stack.model.get_submodule(name.removesuffix(".keep")).register_forward_pre_hook(
                self._remember(name)
            )
            for name in stack.dropouts
        ]
        if hooks:
            with torch.no_grad():
                stack.model.eval()(some)
        for hook in hooks:
            hook.remove()

    def _remember(self, name: str):
        def hook(_, args: tuple[Tensor]) -> None:
            self._features[name] = args[0].shape[1:]

        return hook

    def draw(self, batch: int) -> None:
        """Put a fresh mask for `batch` samples into every dropout layer of every member."""
        flat = self._stack.flat
        for name, layers in self._stack.dropouts.items():
            shape = torch.Size((batch, *self._features[name]))
            masks = torch.ones(len(layers), *shape, dtype=flat.dtype)
            for mask, layer, g in zip(masks, layers, self._generators, strict=True):
                if layer is not None:
                    mask.copy_(layer.mask(shape, g, flat.dtype))
            self._stack.buffers[name] = masks.to(flat.device)

    def saved(self) -> dict[str, Tensor]:
        """The generators; masks are fresh in every step."""
        return _states(self._generators)

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        """Take what `saved` gave."""
        _set_states(self._generators, saved)


def _states(generators: Sequence[torch.Generator]) -> dict[str, Tensor]:
    return {f"generator {i}": g.get_state() for i, g in enumerate(generators)}


def _set_states(generators: Sequence[torch.Generator], states: Mapping[str, Tensor]) -> None:
    for i, g in enumerate(generators):
        g.set_state(states[f"generator {i}"].cpu())
