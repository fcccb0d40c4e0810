"""A stack: networks of one architecture as one matrix, run and differentiated together."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from math import prod

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from lpreg.models.dropout import Dropout
from lpreg.select import select
from lpreg.train.precision import PRECISIONS
from lpreg.train.recipe import DTYPES, Recipe
from lpreg.train.thin import ThinLinear, thin

PerMember = Callable[[Tensor, Tensor], Tensor]


class Stack:
    """Members of one architecture, trained together.

    All parameters live in one matrix `flat` (members, weights), a row per member, so that one stock
    elementwise optimizer steps the whole stack in one kernel and a penalty on many tensors is one
    operation. The networks see views of it with a leading member axis. The tensors that count as
    weights come first in a row. In a stack of several, matrices are stored transposed, inputs x
    outputs: the layout in which batched products read them and their gradients come, so that
    nothing is copied crosswise. Filters of images are stored channels last if the recipe says so.
    Networks may differ in dropout: where one has none, its mask is 1.

    Attributes:
        flat: (members, parameters); `flat.grad` is filled by `backward`.
        columns: parameter name -> (first, last + 1) of its columns.
        shapes: parameter name -> its shape in one network.
        weights: the number of columns that belong to weight tensors.
        model: one network, the skeleton that all members are run through.
        buffers: buffer name -> (members, ...).
        dropouts: name of a mask among the buffers -> each member's layer, or None.
    """

    def __init__(self, models: Sequence[nn.Module], recipe: Recipe, device: str) -> None:
        layers = [_dropouts(model) for model in models]
        masks = max(layers, key=len)
        self.model = models[layers.index(masks)]
        self.dropouts = {name: [each.get(name) for each in layers] for name in masks}
        _check_alike(self.model, models)
        if len(models) > 1:
            thin(self.model)
        self._forward = partial(PRECISIONS[recipe.precision].forward, device)
        self._channels_last = recipe.channels_last and len(models) == 1
        named = [dict(model.named_parameters()) for model in models]
        chosen = [name for name in select(self.model, "weights") if name in named[0]]
        names = chosen + [name for name in named[0] if name not in chosen]
        self.shapes = {name: named[0][name].shape for name in names}
        self.columns = _ranges(self.shapes)
        self.weights = self.columns[chosen[-1]][1] if chosen else 0
        self.flat = nn.Parameter(
            torch.empty(
                len(models),
                self.columns[names[-1]][1],
                device=device,
                dtype=DTYPES[recipe.dtype],
            )
        )
        self.flat.grad = torch.zeros_like(self.flat)
        for name, weights in self._views(self.flat.data).items():
            weights.copy_(torch.stack([each[name].detach() for each in named]))
        self._leaves = self._seen(self._views(self.flat.data))
        self._grads = self._seen(self._views(self.flat.grad))
        for name, leaf in self._leaves.items():
            leaf.requires_grad_(named[0][name].requires_grad)
        own = [dict(model.named_buffers()) for model in models]
        self.buffers = {
            name: torch.stack([each.get(name, blank) for each in own]).to(device)
            for name, blank in self.model.named_buffers()
        }
        self.model.to(device)

    def __len__(self) -> int:
        return len(self.flat)

    def view(self, matrix: Tensor, name: str) -> Tensor:
        """One parameter, (rows, *shape), as a view of a matrix (rows, parameters)."""
        a, b = self.columns[name]
        shape = self.shapes[name]
        order = self._order(len(shape))
        stored = matrix[:, a:b].view(-1, *[shape[i] for i in order])
        return stored.permute(0, *[1 + order.index(i) for i in range(len(shape))])

    def _order(self, dimensions: int) -> tuple[int, ...]:
        """In which order the dimensions of a parameter are stored."""
        if dimensions == 2 and len(self) > 1:
            return (1, 0)
        if dimensions == 4 and self._channels_last:
            return (0, 2, 3, 1)
        return tuple(range(dimensions))

    def _views(self, matrix: Tensor) -> dict[str, Tensor]:
        return {name: self.view(matrix, name) for name in self.columns}

    def _seen(self, stacked: dict[str, Tensor]) -> dict[str, Tensor]:
        """What a network is called with: a stack of one is run without the member axis."""
        return {name: each[0] for name, each in stacked.items()} if len(self) == 1 else stacked

    def __call__(self, x: Tensor, *, shared: bool) -> Tensor:
        """Outputs (members, n, ...) for inputs x: (n, ...) if shared, else (members, n, ...)."""
        with self._forward():
            outputs = self._alone(x if shared else x[0]) if len(self) == 1 else self._all(x, shared)
        return outputs.to(self.flat.dtype)

    def _alone(self, x: Tensor) -> Tensor:
        if self._channels_last and x.dim() == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        state = self._leaves | self._seen(self.buffers)
        return functional_call(self.model, state, (x,))[None]

    def _all(self, x: Tensor, shared: bool) -> Tensor:
        run = vmap(
            lambda leaves, buffers, x: functional_call(self.model, (leaves, buffers), (x,)),
            in_dims=(0, 0, None if shared else 0),
        )
        return run(self._leaves, self.buffers, x)

    def each(self, function: Callable[[Tensor, Tensor], Tensor], *, shared: bool) -> PerMember:
        """A function of a member's outputs and targets as one of all members': (members, ...).

        The targets have a member axis unless they are shared.
        """
        if len(self) == 1:
            return lambda outputs, y: function(outputs[0], y if shared else y[0])[None]
        return vmap(function, in_dims=(0, None if shared else 0))

    def backward(self, losses: Tensor) -> None:
        """Put the gradient of each member's own loss, losses (members,), into `flat.grad`.

        It stays zero for parameters that are frozen, and is zero for those that are not used.
        """
        trained = {name: leaf for name, leaf in self._leaves.items() if leaf.requires_grad}
        grads = torch.autograd.grad(losses.sum(), list(trained.values()), materialize_grads=True)
        for name, grad in zip(trained, grads, strict=True):
            self._grads[name].copy_(grad)

    def state(self, member: int) -> dict[str, Tensor]:
        """One member's `state_dict`, on the CPU."""
        views = self._views(self.flat.data) | self.buffers
        kept = [name for name in self.model.state_dict() if name in views]
        return {name: views[name][member].detach().cpu().clone() for name in kept}

    def saved(self) -> dict[str, Tensor]:
        """The weights and buffers of all members, but for masks, which are fresh in every step."""
        buffers = {k: value for k, value in self.buffers.items() if k not in self.dropouts}
        return {"weights": self.flat.data, **{f"buffer {k}": v for k, v in buffers.items()}}

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        """Take what `saved` gave."""
        self.flat.data.copy_(saved["weights"])
        for name, buffer in self.buffers.items():
            if name not in self.dropouts:
                buffer.copy_(saved[f"buffer {name}"])


def _dropouts(model: nn.Module) -> dict[str, Dropout]:
    """Name of its mask buffer -> dropout layer."""
    return {f"{name}.keep": m for name, m in model.named_modules() if isinstance(m, Dropout)}


def _check_alike(skeleton: nn.Module, models: Iterable[nn.Module]) -> None:
    """Each is the skeleton, but that dropout may be missing in it."""
    whole = _outline(skeleton)
    for model in models:
        own = dict(_outline(model))
        if list(own.items()) != [(k, v) for k, v in whole if k in own or v != (Dropout,)]:
            raise ValueError(
                "networks of one stack have the same layers, and dropout in the same places or "
                "none: train others in stacks of their own"
            )


def _outline(model: nn.Module) -> list[tuple[str, tuple]]:
    """Name, and type and shapes of each layer, in their order."""
    return [
        (name, (_type(each), *((k, p.shape) for k, p in each.named_parameters(recurse=False))))
        for name, each in model.named_modules()
    ]


def _type(layer: nn.Module) -> type:
    return nn.Linear if isinstance(layer, ThinLinear) else type(layer)


def _ranges(shapes: dict[str, torch.Size]) -> dict[str, tuple[int, int]]:
    ranges, start = {}, 0
    for name, shape in shapes.items():
        ranges[name] = (start, start + prod(shape))
        start = ranges[name][1]
    return ranges
