"""The steps of a forward that treat the units of a layer one by one, and what they make of them.

Activations, dropout (nothing, in evaluation), pools, batch normalization, flattening, the mean
over all places, arithmetic with numbers. A step that is none of these is not followed.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.node import map_arg
from torch.nn import functional as F

from lpreg.structure.layers import Signal

ELEMENTWISE = (
    *(nn.CELU, nn.ELU, nn.GELU, nn.Hardshrink, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh),
    *(nn.LeakyReLU, nn.LogSigmoid, nn.Mish, nn.ReLU, nn.ReLU6, nn.SELU, nn.SiLU, nn.Sigmoid),
    *(nn.Softplus, nn.Softshrink, nn.Softsign, nn.Tanh, nn.Tanhshrink, nn.Threshold),
)
NOTHING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
NORMALIZATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
POOLS = tuple(
    getattr(nn, f"{kind}Pool{n}d")
    for kind in ("Max", "Avg", "AdaptiveMax", "AdaptiveAvg")
    for n in (1, 2, 3)
)
AVERAGES = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)


def _functions(names: Iterable[str]) -> dict[Any, str]:
    """The functions of torch and Python that have these names, those that work in place too."""
    return {
        getattr(home, name + ending): name + ending
        for home in (torch, F, operator)
        for name in names
        for ending in ("", "_")
        if hasattr(home, name + ending)
    }


_ELEMENTWISE_NAMES = (
    *("abs", "add", "arctan", "atan", "celu", "clamp", "clone", "contiguous", "cos", "div", "elu"),
    *("erf", "exp", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu"),
    *("logsigmoid", "mish", "mul", "neg", "pow", "relu", "relu6", "selu", "sigmoid", "silu", "sin"),
    *("softplus", "softshrink", "softsign", "square", "sub", "tanh", "tanhshrink", "truediv"),
)
_METHODS = {name + ending for name in _ELEMENTWISE_NAMES for ending in ("", "_")}
_ELEMENTWISE_FUNCTIONS = _functions(_ELEMENTWISE_NAMES)
_DROPOUT_FUNCTIONS = _functions(["dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"])
_AVERAGE_FUNCTIONS = _functions([f"avg_pool{n}d" for n in (1, 2, 3)])
_POOL_FUNCTIONS = _functions([
    f"{kind}_pool{n}d" for kind in ("max", "adaptive_max", "adaptive_avg") for n in (1, 2, 3)
])  # fmt: skip


@dataclass(frozen=True)
class Step:
    """A node of a graph, with the module that it calls, if any, and why that cannot be judged."""

    node: fx.Node
    module: nn.Module | None
    obstacle: str | None
    ranks: Mapping[str, int]
    signals: Mapping[fx.Node, Signal]

    @property
    def sources(self) -> list[fx.Node]:
        """The nodes that it reads and that carry units."""
        return [each for each in self.node.all_input_nodes if each in self.signals]

    @property
    def incoming(self) -> list[Signal]:
        return [self.signals[each] for each in self.sources]

    def option(self, place: int, name: str, default: Any = None) -> Any:
        """An argument of a function or method, by its place or name."""
        args = self.node.args
        return args[place] if len(args) > place else self.node.kwargs.get(name, default)

    def describe(self) -> str:
        """What a person calls it."""
        if self.module is not None:
            return f"{self.node.target!r} ({type(self.module).__name__})"
        target = self.node.target
        name = target if isinstance(target, str) else target.__name__
        return f"{name} in the model's code"


def passed(step: Step) -> Signal | None:
    """The units after a step that treats them one by one; None for any other step."""
    node, incoming = step.node, step.incoming
    if len({(signal.layer, signal.layout) for signal in incoming}) != 1:
        return None
    if _flattens(step):
        return _flat(step, incoming[0])
    if len(incoming) != len(node.all_input_nodes):
        return None
    if step.module is not None:
        return None if step.obstacle else _through_module(step, step.module, incoming[0])
    return _through_function(step, incoming[0])


def asks_size(node: fx.Node) -> bool:
    """Whether a step asks for the shape or kind of a tensor and not for its numbers."""
    if node.op == "call_method":
        return node.target in ("size", "dim")
    return node.target is getattr and node.args[1] in ("shape", "dtype", "device")


def counts_units(node: fx.Node, signal: Signal) -> bool:
    """Whether a step that `asks_size` may ask for how many units there are."""
    if node.target == "dim" or node.args[1:] in (("dtype",), ("device",)):
        return False
    places = [node.args[1]] if node.target == "size" and len(node.args) > 1 else None
    if places is None:  # the whole shape, of which parts are taken
        taken = [user for user in node.users if user.target is operator.getitem]
        places = [user.args[1] for user in taken] if len(taken) == len(node.users) else [None]
    return not all(
        place == 0 or (signal.layout == "channels" and isinstance(place, int) and place > 1)
        for place in places
    )


def _through_module(step: Step, module: nn.Module, signal: Signal) -> Signal | None:
    kind = type(module)
    if kind in NOTHING:
        return signal
    if kind in ELEMENTWISE:
        return _mapped(signal, module(signal.constant.clone()), getattr(module, "inplace", False))
    if kind is nn.PReLU:
        return _prelu(step, module, signal)
    if kind in NORMALIZATIONS:
        return _normalized(step, module, signal)
    if kind in POOLS and signal.layout == "channels" and not getattr(module, "return_indices", 0):
        even = kind not in AVERAGES or _is_even(module.padding, module.__dict__)
        return signal if even else _blurred(signal)
    return None


def _through_function(step: Step, signal: Signal) -> Signal | None:
    node, target = step.node, step.node.target
    if target == "mean" or target is torch.mean:
        return _averaged(step, signal)
    if target in _DROPOUT_FUNCTIONS:
        return signal if step.option(2, "training") is False else None
    if target in _POOL_FUNCTIONS and signal.layout == "channels":
        return None if node.kwargs.get("return_indices") else signal
    if target in _AVERAGE_FUNCTIONS and signal.layout == "channels":
        even = _is_even(step.option(3, "padding", 0), node.kwargs) and len(node.args) < 7
        return signal if even else _blurred(signal)
    name = target if isinstance(target, str) else _ELEMENTWISE_FUNCTIONS.get(target)
    if name is None or (isinstance(target, str) and target not in _METHODS):
        return None
    values = {source: step.signals[source].constant.clone() for source in step.sources}
    args, kwargs = map_arg((node.args, node.kwargs), values.__getitem__)
    found = (
        target(*args, **kwargs) if callable(target) else getattr(args[0], name)(*args[1:], **kwargs)
    )
    return _mapped(signal, found, name.endswith("_") or bool(node.kwargs.get("inplace")))


def _mapped(signal: Signal, values: Tensor, in_place: bool) -> Signal:
    signal.layer.in_place |= in_place
    return replace(signal, constant=values.where(signal.constant.isfinite(), torch.nan))


def _is_even(padding: Any, options: Mapping[str, Any]) -> bool:
    """Whether an average over a constant is that constant at the edges too."""
    padded = any(padding) if isinstance(padding, tuple) else padding != 0
    return not padded and options.get("divisor_override") is None


def _blurred(signal: Signal) -> Signal:
    """What is constant and not zero is so no more."""
    return replace(signal, constant=signal.constant.where(signal.constant == 0, torch.nan))


def _one_by_one(step: Step, signal: Signal, count: int) -> bool:
    """Whether a module with that many numbers along dimension 1 has one for every unit."""
    along = signal.layout == "channels" or step.ranks.get(step.sources[0].name, 2) == 2
    return along and count == signal.layer.units


def _prelu(step: Step, module: Any, signal: Signal) -> Signal | None:
    if module.num_parameters > 1:
        if not _one_by_one(step, signal, module.num_parameters):
            return None
        signal.layer.followers.append(module)
    before = signal.constant
    return _mapped(signal, before.where(before >= 0, module.weight * before), in_place=False)


def _normalized(step: Step, module: Any, signal: Signal) -> Signal | None:
    if module.running_mean is None or not _one_by_one(step, signal, module.num_features):
        return None
    signal.layer.followers.append(module)
    values = (signal.constant - module.running_mean) / (module.running_var + module.eps).sqrt()
    if module.affine:
        # A scale of zero leaves the shift alone, whatever comes in.
        values = torch.where(module.weight == 0, module.bias, values * module.weight + module.bias)
    return replace(signal, constant=values)


def _flattens(step: Step) -> bool:
    """Whether a step makes one vector of every sample."""
    node, module = step.node, step.module
    if type(module) is nn.Flatten:
        return step.obstacle is None and module.start_dim == 1 and module.end_dim == -1
    if node.target in ("view", "reshape") or node.target is torch.reshape:
        shape: Any = node.args[1:]
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
        return len(shape) == 2 and shape[1] == -1 and _counts_samples(shape[0], step)
    ends = (step.option(1, "start_dim", 0), step.option(2, "end_dim", -1))
    return (node.target == "flatten" or node.target is torch.flatten) and ends == (1, -1)


def _counts_samples(size: Any, step: Step) -> bool:
    """Whether this is the first size of an input of the model or of what carries units."""
    if not isinstance(size, fx.Node) or size.args[1:] != (0,):
        return False
    asked = size.args[0] if size.target is operator.getitem else size
    if not isinstance(asked, fx.Node) or not asks_size(asked):
        return False
    of = asked.args[0]
    return isinstance(of, fx.Node) and (of.op == "placeholder" or of in step.signals)


def _flat(step: Step, signal: Signal) -> Signal | None:
    if signal.layout == "channels":
        return replace(signal, layout="flat")
    return signal if step.ranks.get(step.sources[0].name, 2) == 2 else None


def _averaged(step: Step, signal: Signal) -> Signal | None:
    """The mean over all places of a channel."""
    dims = step.option(1, "dim")
    places = signal.layer.module.weight.dim() - 2
    given = {dims} if isinstance(dims, int) else set(dims or ())
    if signal.layout != "channels" or given not in (
        set(range(2, 2 + places)),
        set(range(-places, 0)),
    ):
        return None
    return signal if step.option(2, "keepdim", False) else replace(signal, layout="features")
