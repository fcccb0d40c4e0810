"""Initial weights, each a function (weights from input to output, generator) -> None.

All draw from the generator alone, tensor after tensor, so that equal seeds give equal networks.
"""

from collections.abc import Callable, Sequence
from math import sqrt

import torch
from torch import Tensor, nn


def xavier_normal(weights: Sequence[Tensor], generator: torch.Generator) -> None:
    """Variance 2 / (inputs + outputs). Source: Glorot and Bengio, AISTATS 2010, equation 12."""
    for w in weights:
        nn.init.xavier_normal_(w, generator=generator)


def inverse_root_size(weights: Sequence[Tensor], generator: torch.Generator) -> None:
    """Variance 1 / (inputs * outputs), as the document SHAPES starts its shallow network."""
    for w in weights:
        nn.init.normal_(w, std=1 / sqrt(w.numel()), generator=generator)


def inverse_root_size_wide_last(weights: Sequence[Tensor], generator: torch.Generator) -> None:
    """As `inverse_root_size`, but the last layer has variance 1: SHAPES' deep networks."""
    inverse_root_size(weights[:-1], generator)
    nn.init.normal_(weights[-1], generator=generator)


INITS: dict[str, Callable[[Sequence[Tensor], torch.Generator], None]] = {
    "xavier_normal": xavier_normal,
    "document_shallow": inverse_root_size,
    "document_deep": inverse_root_size_wide_last,
}
