"""Which layer reads the units of which, from the graph of a model's forward (`torch.fx`).

Units are followed through what treats them one by one (`steps`) to the layers that read them. What
is not known is a reason, in words, why the readers of a layer are not all known.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn.parameter import UninitializedParameter

from lpreg.structure.layers import CONVOLUTIONS, LAYERS, Layer, Reader, Signal, born
from lpreg.structure.steps import Step, asks_size, counts_units, passed

Example = Tensor | tuple[Tensor, ...]


@dataclass(frozen=True)
class Graph:
    """What a model does in evaluation mode, step by step.

    `ranks`: how many dimensions what comes out of a step has, as far as an example has told it.
    """

    nodes: tuple[fx.Node, ...]
    ranks: Mapping[str, int]


def trace(model: nn.Module, example: Example | None = None) -> Graph:
    """The graph of `model`, which names its modules and stays true when their sizes change.

    Arguments of `forward` that have defaults keep them. `example`: inputs, to see shapes.

    Raises:
        ValueError: the model cannot be traced, or has lazy layers that have not run yet.
    """
    for name, parameter in model.named_parameters():
        if isinstance(parameter, UninitializedParameter):
            raise ValueError(f"{name} is not initialised: run one batch through the model first.")
    parameters = inspect.signature(model.forward).parameters.values()
    defaults = {each.name: each.default for each in parameters if each.default is not each.empty}
    with evaluating(model):
        try:
            graph = fx.Tracer().trace(model, concrete_args=defaults)
        except Exception as error:  # whatever the code of a model does with what is no tensor
            raise ValueError(
                f"{type(model).__name__} cannot be traced by torch.fx, so that nothing can be "
                f"proved of it: {error}"
            ) from error
        ranks = {} if example is None else _ranks(fx.GraphModule(model, graph), example)
    return Graph(tuple(graph.nodes), ranks)


@torch.no_grad()
def _ranks(model: fx.GraphModule, example: Example) -> dict[str, int]:
    ShapeProp(model).propagate(*(example if isinstance(example, tuple) else (example,)))
    shapes = {node.name: node.meta.get("tensor_meta") for node in model.graph.nodes}
    return {name: len(told.shape) for name, told in shapes.items() if hasattr(told, "shape")}


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while."""
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in training.items():
            module.training = mode


def layers(model: nn.Module, graph: Graph) -> list[Layer]:
    """The linear layers and convolutions that `model` calls, in this order, with their readers."""
    with evaluating(model), torch.no_grad():
        return _Follower(model, graph).follow()


def is_chain(found: Sequence[Layer]) -> bool:
    """Whether each layer is read by the next one alone, and the last one is the output."""
    following = [*([layer] for layer in found[1:]), []]
    return bool(found) and all(
        layer.lost is None
        and [reader.layer for reader in layer.readers] == after
        and layer.is_output == (not after)
        for layer, after in zip(found, following, strict=True)
    )


def chain(model: nn.Module) -> list[str] | None:
    """The names of the weights of a model whose layers form a chain; None for any other."""
    try:
        found = layers(model, trace(model))
    except ValueError:
        return None
    return [f"{layer.name}.weight" for layer in found] if is_chain(found) else None


class _Follower:
    """Goes through a graph once, from the inputs to the outputs."""

    def __init__(self, model: nn.Module, graph: Graph) -> None:
        self.graph = graph
        self.modules = dict(model.named_modules(remove_duplicate=False))
        self.calls = Counter(node.target for node in graph.nodes if node.op == "call_module")
        self.touched = {str(n.target).rpartition(".")[0] for n in graph.nodes if n.op == "get_attr"}
        self.signals: dict[fx.Node, Signal] = {}
        self.found: dict[str, Layer] = {}

    def follow(self) -> list[Layer]:
        for node in self.graph.nodes:
            module = self.modules[str(node.target)] if node.op == "call_module" else None
            obstacle = None if module is None else self._obstacle(node, module)
            step = Step(node, module, obstacle, self.graph.ranks, self.signals)
            layer = self._layer(step)
            signal = self._after(step, layer) if step.incoming else None
            if layer is not None:
                signal = born(layer)
            if signal is not None:
                self.signals[node] = signal
                signal.layer.forked |= sum(not asks_size(user) for user in node.users) > 1
        for name, module in self.modules.items():
            if isinstance(module, LAYERS) and name not in self.found:
                self.found[name] = Layer(name, module, "torch.fx sees no call of it")
        for layer in self.found.values():
            if layer.in_place and layer.forked:
                layer.lose("its outputs are changed in place, and used in two places")
        return list(self.found.values())

    def _obstacle(self, node: fx.Node, module: nn.Module) -> str | None:
        """Why a module may do more than its class says, or be used elsewhere too, or None."""
        if module._forward_hooks or module._forward_pre_hooks:
            return "it has hooks"
        if node.target in self.touched:
            return "the model's code uses its parameters directly"
        if self.calls[node.target] > 1 and next(module.parameters(), None) is not None:
            return f"it is called {self.calls[node.target]} times"
        return None

    def _layer(self, step: Step) -> Layer | None:
        """The layer that is called here for the first time; it may be lost from the start."""
        module, name = step.module, str(step.node.target)
        if not isinstance(module, LAYERS) or name in self.found:
            return None
        rank = self.graph.ranks.get(step.node.name)
        lost = step.obstacle
        if type(module) not in LAYERS:
            lost = lost or f"it is a {type(module).__name__}, which may do more"
        elif isinstance(module, CONVOLUTIONS) and module.groups > 1:
            lost = lost or f"it has groups={module.groups}"
        elif isinstance(module, CONVOLUTIONS) and rank not in (None, module.weight.dim()):
            lost = lost or "its input has no dimension for samples"
        self.found[name] = Layer(name, module, lost)
        return self.found[name]

    def _after(self, step: Step, layer: Layer | None) -> Signal | None:
        """What becomes of the units that go into a step; one that is not known loses them."""
        incoming = step.incoming
        if step.node.op == "output":
            for signal in incoming:
                signal.layer.is_output = True
            return None
        if asks_size(step.node):
            if counts_units(step.node, incoming[0]):
                incoming[0].layer.lose("the model's code asks how many outputs it has")
            return None
        if layer is not None and _reads(layer, incoming[0]):
            incoming[0].layer.readers.append(Reader(layer, incoming[0].constant))
            return None
        signal = None if layer is not None else passed(step)
        if signal is None:
            for each in incoming:
                each.layer.lose(f"its outputs go into {step.describe()}")
        return signal


def _reads(layer: Layer, signal: Signal) -> bool:
    """Whether a layer reads units along the dimension in which they lie."""
    if layer.lost:
        return False
    inputs, units = layer.module.weight.shape[1], signal.layer.units
    if isinstance(layer.module, CONVOLUTIONS):
        return signal.layout == "channels" and inputs == units
    if signal.layout == "flat":
        return inputs % units == 0
    return signal.layout == "features" and inputs == units
