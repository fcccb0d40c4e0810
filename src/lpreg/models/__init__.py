"""Networks by name. They know nothing of training."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from lpreg.models.cnn import initial_cnn, new_cnn
from lpreg.models.dropout import Dropout
from lpreg.models.imported import call, imported, is_code
from lpreg.models.initial import INITS
from lpreg.models.mlp import ACTIVATIONS, DROPOUT_PLACES, mlp
from lpreg.models.resnet import resnet18

MODELS: dict[str, Callable[..., nn.Module]] = {
    "mlp": mlp,
    "initial_cnn": initial_cnn,
    "new_cnn": new_cnn,
    "resnet18": resnet18,
}


def find(kind: str) -> Callable[..., Any]:
    """The function of a kind: that of `MODELS`, or "package.module:callable" imported.

    Raises:
        ValueError: there is none, and what there is instead.
    """
    if is_code(kind):
        return imported(kind)
    if kind not in MODELS:
        raise ValueError(
            f"unknown model kind {kind!r}; allowed: {', '.join(MODELS)}, or one's own as "
            "package.module:callable"
        )
    return MODELS[kind]


def build(kind: str, generator: torch.Generator, **options: Any) -> nn.Module:
    """A network with fresh weights, on the CPU.

    Args:
        kind: a name of `MODELS`, or "package.module:callable". Such code is handed what it takes:
            it may leave out the generator, the sizes (`inputs`, `outputs`) and `dropout` as long
            as that is 0. What it draws from torch's global generator follows from `generator`.
        generator: the only source of randomness of the initial weights.
        options: what the kind takes, see its function.

    Raises:
        ValueError: no kind has this name, it does not take an option or needs another, an option
            has a value that is not allowed, or what it returns is no network.
    """
    function = find(kind)
    given = _taken(kind, function, {"generator": generator, **options})
    return call(kind, function, generator, given) if is_code(kind) else function(**given)


def _taken(kind: str, function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """Of what is given, what the function takes; what it may not ignore is refused."""
    signature = inspect.signature(function)
    takes = signature.parameters
    if all(each.kind != each.VAR_KEYWORD for each in takes.values()):
        spare = {"generator", "inputs", "outputs", *([] if given.get("dropout") else ["dropout"])}
        strange = [key for key in given if key not in takes and key not in spare]
        if strange:
            raise ValueError(
                f"model kind {kind!r} does not take {', '.join(strange)}; it takes "
                f"{', '.join(takes)}"
            )
        given = {key: value for key, value in given.items() if key in takes}
    try:
        signature.bind(**given)
    except TypeError as error:
        raise ValueError(f"model kind {kind!r}: {error}") from None
    return given


__all__ = [
    "ACTIVATIONS",
    "DROPOUT_PLACES",
    "INITS",
    "MODELS",
    "Dropout",
    "build",
    "find",
    "initial_cnn",
    "is_code",
    "mlp",
    "new_cnn",
    "resnet18",
]
