"""Networks of people's own code, named "package.module:callable"."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from typing import Any

import torch
from torch import nn


def is_code(kind: str) -> bool:
    """Whether a kind of network names code to import, which runs whatever it holds."""
    return ":" in kind


def imported(kind: str) -> Callable[..., Any]:
    """The callable that "package.module:callable" names.

    As with `python -m`, modules of the current directory are found first.

    Raises:
        ValueError: there is no such module or name, the import fails, or it is no callable.
    """
    module, _, name = kind.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
        raise ValueError(f'model kind {kind!r} is not of the form "package.module:callable"')
    here = os.getcwd()
    if not {here, ""} & set(sys.path):
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        loaded = importlib.import_module(module)
    except Exception as error:
        raise ValueError(f"model kind {kind!r}: {_why(error, module)}") from error
    try:
        found: Any = reduce(getattr, name.split("."), loaded)
    except AttributeError:
        raise ValueError(f"model kind {kind!r}: module {module!r} has no {name!r}") from None
    if not callable(found):
        raise ValueError(
            f"model kind {kind!r} is of type {type(found).__name__}; it must be a class or a "
            "function that returns a torch.nn.Module"
        )
    return found


def _why(error: Exception, module: str) -> str:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and f"{module}.".startswith(f"{missing}."):
        return f"there is no module {missing!r} here ({os.getcwd()}) or among those installed"
    told = " ".join(str(error).split())
    return f"importing {module!r} failed: {type(error).__name__}: {told}"


def call(
    kind: str, function: Callable[..., Any], generator: torch.Generator, given: Mapping[str, Any]
) -> nn.Module:
    """`function(**given)` with all that it draws from torch's global generator decided by ours.

    `generator` draws the weights itself if it is among the arguments, too.

    Raises:
        ValueError: what came back is no network, or its dropout could not be repeated.
    """
    with _drawing_from(generator, keep="generator" in given):
        model = function(**given)
    if not isinstance(model, nn.Module):
        raise ValueError(
            f"model kind {kind!r} returned a {type(model).__name__}, not a torch.nn.Module"
        )
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0:
            raise ValueError(
                f"model kind {kind!r}: {name!r} is a torch.nn.{type(module).__name__}, whose noise "
                f"no seed decides; use lpreg.models.Dropout({module.p:g}) instead"
            )
    return model


@contextmanager
def _drawing_from(generator: torch.Generator, keep: bool) -> Iterator[None]:
    """Let the global generator start from a draw of ours, a copy of it if `keep`; then restore it.

    On the CPU alone, where networks are built.
    """
    source = generator
    if keep:
        source = torch.Generator(generator.device)
        source.set_state(generator.get_state())
    seed = torch.randint(2**63 - 1, (), generator=source, device=source.device)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(seed))  # torch.manual_seed would reach every GPU
        yield
