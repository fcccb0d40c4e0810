"""Networks to try penalties on: named, of a module of one's own, or made by a function at hand."""

import inspect
import sys
from collections.abc import Callable, Mapping
from functools import reduce
from hashlib import sha256
from typing import Any

import torch
from torch import nn

from lpreg.data import Dataset
from lpreg.models import MODELS, Dropout, build, is_code
from lpreg.models.imported import imported
from lpreg.study.errors import SpecError
from lpreg.train import Recipe, generator
from lpreg.train.stack import Stack

Make = Callable[..., nn.Module]

ALLOWED = '"mlp:64,64", "linear", "cnn:16,32", "resnet18", "package.module:callable", or a callable'

HERE = "here"
"""The module name of functions that no other process can import."""

_here: dict[str, Make] = {}  # what this process was handed: nobody else could keep it


def made(*, inputs: list[int], outputs: int, function: str, dropout: float = 0.0) -> nn.Module:
    """The network of somebody's own function, called with what it takes.

    It is handed `inputs`, `outputs` and `dropout` if it has parameters of these names; one that
    needs two others gets (inputs, outputs), whatever it calls them. `inputs` is a number for a
    table, and a shape for images. A `torch.nn.Dropout` becomes a `lpreg.models.Dropout`, whose
    noise follows from the seed.

    Args:
        function: "package.module:callable", or a name under which `table` has registered one.

    Raises:
        ValueError: it is not to be had, or does not take what it is given.
    """
    call = _found(function)
    sizes = {"inputs": inputs[0] if len(inputs) == 1 else tuple(inputs), "outputs": outputs}
    model = _called(call, sizes | ({"dropout": dropout} if dropout else {}), function)
    if isinstance(model, nn.Module):
        for name, layer in list(model.named_modules()):
            if type(layer) is nn.Dropout and name:
                model.set_submodule(name, Dropout(layer.p))
    return model


MADE = f"{made.__module__}:{made.__name__}"
"""The kind of all networks that are made by a function."""


def table(make_model: str | Make, dataset: Dataset) -> dict[str, Any]:
    """What [[model]] says of a network.

    Args:
        make_model: one of `ALLOWED`. A function that another process cannot import, such as a
            lambda or one of a notebook, is known by what it makes: the architecture and its
            first weights.
        dataset: that it is to learn from.

    Raises:
        SpecError: it is no network for these data, and why.
    """
    own = _named(make_model) if isinstance(make_model, str) else _of(make_model, dataset)
    _check(own, dataset)
    return own


def is_here(own: Mapping[str, Any]) -> bool:
    """Whether only this process can make the network."""
    return str(own.get("function", "")).startswith(f"{HERE}:")


def takes_dropout(own: Mapping[str, Any]) -> bool:
    """Whether a dropout rate changes the network."""
    if own["kind"] == MADE:
        return "dropout" in _parameters(_found(own["function"]))
    return own["kind"] in MODELS and own.get("hidden") != []


def stacks(own: Mapping[str, Any], dataset: Dataset) -> bool:
    """Whether several of the network can be trained as one stack: not if its code looks at values,
    or uses operations that torch cannot run for many networks at once."""
    x = torch.zeros(2, *dataset.x.shape[1:])
    try:
        two = Stack([_built(own, dataset, seed) for seed in (0, 1)], Recipe(), "cpu")
        two.model.train()
        two.backward(two(x, shared=True).sum((1, 2)))
    except Exception:  # what can go wrong is as manifold as people's code
        return False
    return True


def _named(text: str) -> dict[str, Any]:
    kind, _, rest = text.partition(":")
    sizes = [part.strip() for part in rest.split(",") if part.strip()]
    whole = all(size.isdigit() and int(size) > 0 for size in sizes)
    slug = "-".join([kind, *sizes])
    if kind == "mlp" and sizes and whole:
        return {"name": slug, "kind": "mlp", "hidden": [int(size) for size in sizes]}
    if text == "linear":
        return {"name": "linear", "kind": "mlp", "hidden": []}
    if kind == "cnn" and whole:
        channels = [int(size) for size in sizes] or [16, 32]
        return {"name": slug, "kind": "initial_cnn", "channels": channels, "hidden": [128]}
    if is_code(text) and rest.replace(".", "").isidentifier():
        return {"name": rest.replace(":", "."), "kind": MADE, "function": text}
    if text in MODELS and text != "mlp":
        return {"name": text, "kind": text}
    raise SpecError(f"model {text!r}; allowed: {ALLOWED}")


def _of(function: Make, dataset: Dataset) -> dict[str, Any]:
    if isinstance(function, nn.Module):
        raise SpecError(
            "make_model is a network, and a fresh one is needed for every seed: give a function "
            "that makes it, such as lambda inputs, outputs: torch.nn.Linear(inputs, outputs)"
        )
    if not callable(function):
        raise SpecError(f"make_model is of type {type(function).__name__}; allowed: {ALLOWED}")
    name = getattr(function, "__name__", type(function).__name__).strip("<>_")
    place = _importable(function)
    if place is not None:
        return {"name": name, "kind": MADE, "function": place}
    key = f"{HERE}:{name}"
    _here[key] = function
    model = _built({"kind": MADE, "function": key}, dataset, 0)
    hashed = sha256(repr(model).encode())
    for each in model.state_dict().values():
        hashed.update(each.numpy().tobytes())
    own = f"{key}-{hashed.hexdigest()[:12]}"
    _here[own] = _here.pop(key)
    return {"name": name, "kind": MADE, "function": own}


def _importable(function: Make) -> str | None:
    """ "module:name" of a function that other processes find there."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "<>")
    if module in (None, "__main__") or "<" in name:
        return None
    try:
        found = reduce(getattr, name.split("."), sys.modules[module])
    except (AttributeError, KeyError):
        return None
    return f"{module}:{name}" if found is function else None


def _found(function: str) -> Make:
    if not function.startswith(f"{HERE}:"):
        return imported(function)
    if function not in _here:
        raise ValueError(
            f"the network was made by {function.split(':')[1].rpartition('-')[0]!r}, a function "
            "that only the process knew which was given it; give it again as make_model"
        )
    return _here[function]


def _parameters(function: Make) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # some callables of C have none
        return {}


def _called(call: Make, given: dict[str, Any], name: str) -> nn.Module:
    takes = _parameters(call)
    named = {key: value for key, value in given.items() if key in takes}
    if "dropout" in given and "dropout" not in named:
        raise ValueError(f"{name!r} does not take a dropout rate")
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [key for key, p in takes.items() if p.default is p.empty and p.kind in kinds]
    sizes = []
    if len(needed) == 2 and set(needed) != {"inputs", "outputs"}:
        sizes = [given["inputs"], given["outputs"]]
        named = {key: value for key, value in named.items() if key not in (*needed, *given)}
    elif not set(needed) <= set(named):
        raise ValueError(
            f"{name!r} needs {', '.join(needed)}; it is called with inputs and outputs, or nothing"
        )
    return call(*sizes, **named)


def _built(own: Mapping[str, Any], dataset: Dataset, seed: int) -> nn.Module:
    sizes = {"inputs": list(dataset.x.shape[1:]), "outputs": dataset.classes, "dropout": 0.0}
    options = {key: value for key, value in own.items() if key not in ("name", "kind")}
    try:
        return build(own["kind"], generator(seed, "init"), **sizes, **options)
    except ValueError as error:
        said = str(error).replace(f"model kind {MADE!r}", f"model {own.get('function')!r}")
        raise SpecError(said) from None


def _check(own: Mapping[str, Any], dataset: Dataset) -> None:
    model, shape = _built(own, dataset, 0).eval(), list(dataset.x.shape[1:])
    try:
        with torch.no_grad():
            outputs = model(torch.zeros(2, *shape))
    except RuntimeError as error:
        told = " ".join(str(error).split())
        raise SpecError(f"the network does not take inputs of the shape {shape}: {told}") from None
    needed = (2, dataset.classes)
    got = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
    if got != needed:
        what = "one per class" if dataset.task == "classification" else "one"
        raise SpecError(
            f"of 2 rows the network makes {got}; needed: {needed}, a row of outputs each, {what}"
        )
