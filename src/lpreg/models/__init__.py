"""Networks by name. They know nothing of training."""

from typing import Any

import torch
from torch import nn

from lpreg.models.dropout import Dropout
from lpreg.models.initial import INITS
from lpreg.models.mlp import ACTIVATIONS, DROPOUT_PLACES, mlp

MODELS = {"mlp": mlp}


def build(kind: str, generator: torch.Generator, **options: Any) -> nn.Module:
    """A network with fresh weights.

    Args:
        kind: a name of `MODELS`.
        generator: the only source of randomness of the initial weights.
        options: what the kind takes, see its function.

    Raises:
        ValueError: no kind has this name, or an option has a value that is not allowed.
    """
    if kind not in MODELS:
        raise ValueError(f"unknown model kind {kind!r}; allowed: {', '.join(MODELS)}")
    return MODELS[kind](generator=generator, **options)


__all__ = ["ACTIVATIONS", "DROPOUT_PLACES", "INITS", "MODELS", "Dropout", "build", "mlp"]
