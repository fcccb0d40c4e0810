"""The same function with fewer units: dead ones are removed for good."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from lpreg.penalties.base import precise
from lpreg.structure.layers import LAYERS, Layer, Reader
from lpreg.structure.wiring import Example, evaluating, layers, trace


def compact(model: nn.Module, example: Example | None = None) -> nn.Module:
    """A copy of `model` without its dead units, which gives the same outputs in evaluation mode.

    Dead are hidden units of `Linear` and channels of `Conv1d`, `Conv2d` and `Conv3d` layers that
    nothing reads, or whose output never changes: all incoming weights are zero, or the scale of
    their batch normalization is. What a constant unit contributes moves into the bias of whatever
    reads it; where zero padding makes that impossible, one channel per layer carries it for all.
    This is repeated until nothing is dead. A layer keeps at least one unit.

    Units are followed through activations, dropout, pools, `BatchNorm`, flattening, the mean over
    all places, and arithmetic with numbers, in whatever `forward` torch.fx can trace, with the
    defaults of its arguments. A layer whose units go anywhere else as well (a sum of two branches,
    a concatenation, attention, another module) keeps them all, and a warning names it, if any of
    them are dead, and the reason. So do layers with groups, hooks, or several calls.

    The copy has the class, the names and the training mode of the model, and can be trained
    further; build a new optimizer for it. The first dimension of inputs must be samples. Rounding
    changes outputs by some 1e-7 of their size in float32.

    Args:
        model: is not changed.
        example: inputs of `model`, a tensor or a tuple of them: shapes are then looked at instead
            of assuming that linear layers before `BatchNorm1d` or `Flatten` read (samples,
            features), and the outputs of both models for it are compared.

    Raises:
        ValueError: the model cannot be traced, shares a weight between layers, computes one from
            other parameters (parametrizations, torch's pruning), or, with an example, the outputs
            are not the same.
    """
    _refuse(model)
    small = copy.deepcopy(model)
    graph = trace(small, example)
    with torch.no_grad():
        while any([_shrink(layer) for layer in layers(small, graph)]):
            pass
        _warn_of_kept(layers(small, graph))
    if example is not None:
        _compare(model, small, example)
    return small


def _refuse(model: nn.Module) -> None:
    owners: dict[Tensor, str] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        for own, parameter in module._parameters.items():
            if parameter is not None and parameter in owners:
                raise ValueError(
                    f"{name}.{own} is the same tensor as {owners[parameter]}: compact cannot make "
                    "one of them smaller without the other; untie them first."
                )
            if parameter is not None:
                owners[parameter] = f"{name}.{own}"
        if isinstance(module, LAYERS) and module._parameters.get("weight") is None:
            raise ValueError(
                f"{name}.weight is computed from other parameters: make it permanent first "
                "(torch.nn.utils.parametrize.remove_parametrizations, or prune.remove)."
            )


def _shrink(layer: Layer) -> bool:
    """Remove the units of a layer that need not be there; whether there were any."""
    if layer.lost or layer.is_output or not layer.readers:
        return False
    spare, carried = _spare(layer.readers)
    carrier = _carrier(layer.readers, carried)
    if carrier is not None:
        spare |= carried
        spare[carrier] = False
    kept = ~spare
    if spare.all():  # no layer is without units: one stays, and nothing reads it
        kept[0] = True
    if kept.all() and not bool((spare & ~layer.unread()).any()):
        return False
    for reader in layer.readers:
        _absorb(reader, spare, carrier)
        _keep_columns(reader, kept)
    for module in [layer.module, *layer.followers]:
        _keep_rows(module, kept)
    return True


def _spare(readers: Sequence[Reader]) -> tuple[Tensor, Tensor]:
    """Units that can go, and those that can if another channel stands in for them: (units,)."""
    unread = torch.stack([~reader.uses() for reader in readers])
    constant = torch.stack([reader.constant.isfinite() for reader in readers])
    moves = torch.stack([
        reader.constant == 0 if reader.pads() else reader.constant.isfinite() for reader in readers
    ])  # fmt: skip
    spare = (unread | moves).all(0)
    return spare, (unread | constant).all(0) & ~spare


def _carrier(readers: Sequence[Reader], carried: Tensor) -> int | None:
    """The channel that stands in for all that are `carried`, if they are several.

    It must not be zero where a reader pads; None if there is none.
    """
    if int(carried.sum()) < 2:
        return None
    padded = [reader.constant.abs() for reader in readers if reader.pads()]
    least = torch.stack(padded).amin(0)
    least = least.where(carried & least.isfinite(), 0.0)
    return int(least.argmax()) if bool(least.max() > 0) else None


def _absorb(reader: Reader, spare: Tensor, carrier: int | None) -> None:
    """Let a reader do without the spare units: its bias or the carrier says what they said."""
    module, columns = reader.layer.module, reader.columns()
    columns = columns.to(precise(columns.device))
    constant = reader.constant.to(columns.dtype)
    said = columns * constant.where(spare & reader.uses(), 0.0)[:, None]
    if reader.pads() and carrier is not None:
        columns[:, carrier] += said.sum(1) / constant[carrier]
    else:
        _add_to_bias(module, said.sum((1, 2)))
    columns[:, spare] = 0
    module.weight.copy_(columns.reshape(module.weight.shape))


def _add_to_bias(module: Any, said: Tensor) -> None:
    if not said.any():
        return
    if module.bias is None:
        zeros = module.weight.new_zeros(len(module.weight))
        module.bias = nn.Parameter(zeros, requires_grad=module.weight.requires_grad)
    module.bias.copy_(module.bias.to(said.dtype) + said)


def _keep_columns(reader: Reader, kept: Tensor) -> None:
    module = reader.layer.module
    columns = reader.columns()[:, kept]
    shape = (len(columns), -1, *module.weight.shape[2:])
    _replace(module, "weight", columns.reshape(shape))
    _set_size(module, ("in_features", "in_channels"), module.weight.shape[1])


def _keep_rows(module: Any, kept: Tensor) -> None:
    for name in ("weight", "bias", "running_mean", "running_var"):
        if getattr(module, name, None) is not None:
            _replace(module, name, getattr(module, name)[kept])
    sizes = ("out_features", "out_channels", "num_features", "num_parameters")
    _set_size(module, sizes, int(kept.sum()))


def _replace(module: nn.Module, name: str, value: Tensor) -> None:
    before = getattr(module, name)
    if isinstance(before, nn.Parameter):
        value = nn.Parameter(value.clone(), requires_grad=before.requires_grad)
    setattr(module, name, value)


def _set_size(module: nn.Module, names: tuple[str, ...], size: int) -> None:
    for name in names:
        if hasattr(module, name):
            setattr(module, name, size)


def _kept(layer: Layer) -> tuple[int, str]:
    """How many dead units of a layer could not be removed, and why."""
    if layer.lost:
        return int(layer.silent().sum()), layer.lost
    vary = [reader.uses() & ~reader.constant.isfinite() for reader in layer.readers]
    if layer.is_output or not vary:
        return 0, ""
    stay = layer.silent() & torch.stack(vary).any(0)
    return int(stay.sum()), "what they say is not finite, or not the same at the edges"


def _warn_of_kept(found: Sequence[Layer]) -> None:
    """Name the layers of which dead units could not be removed."""
    told = [
        f"{count} of {layer.units} units of {layer.name!r} ({reason})"
        for layer in found
        for count, reason in [_kept(layer)]
        if count
    ]
    if told:
        warnings.warn(
            "lpreg.compact keeps dead units where it cannot prove that the outputs stay the same: "
            + "; ".join(told),
            UserWarning,
            stacklevel=3,
        )


@torch.no_grad()
def _compare(model: nn.Module, small: nn.Module, example: Example) -> None:
    """Refuse if outputs differ by more than rounding can make of them."""
    inputs = example if isinstance(example, tuple) else (example,)
    with evaluating(model), evaluating(small):
        pairs = zip(
            pytree.tree_leaves(model(*inputs)), pytree.tree_leaves(small(*inputs)), strict=True
        )
    for before, after in pairs:
        if isinstance(before, Tensor) and before.is_floating_point():
            allowed = math.sqrt(torch.finfo(before.dtype).eps) * float(before.abs().max())
            apart = float((before - after).abs().max())
            if not apart <= allowed:
                raise ValueError(
                    f"without its dead units {type(model).__name__} gives other outputs for the "
                    f"example, by {apart:.2g}: its forward does something that torch.fx does not "
                    "see, such as using the sizes of layers as numbers."
                )
