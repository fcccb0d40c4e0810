"""Initial weights, each a function (layers from input to output, generator) -> None.

The layers are linear ones and convolutions. All draw from the generator alone, layer after layer,
so that equal seeds give equal networks.
"""

from collections.abc import Callable, Sequence
from math import sqrt

import torch
from torch import nn

Layer = nn.Linear | nn.Conv2d


def weighted(model: nn.Module) -> list[Layer]:
    """The layers of a network that have weights to draw, in their order."""
    return [module for module in model.modules() if isinstance(module, Layer)]


def xavier_normal(layers: Sequence[Layer], generator: torch.Generator) -> None:
    """Variance 2 / (inputs + outputs). Source: Glorot and Bengio, AISTATS 2010, equation 12."""
    for layer in layers:
        nn.init.xavier_normal_(layer.weight, generator=generator)
        _zero_bias(layer)


def inverse_root_size(layers: Sequence[Layer], generator: torch.Generator) -> None:
    """Variance 1 / (inputs * outputs), as the document SHAPES starts its shallow network."""
    for layer in layers:
        nn.init.normal_(layer.weight, std=1 / sqrt(layer.weight.numel()), generator=generator)
        _zero_bias(layer)


def inverse_root_size_wide_last(layers: Sequence[Layer], generator: torch.Generator) -> None:
    """As `inverse_root_size`, but the last layer has variance 1: SHAPES' deep networks."""
    inverse_root_size(layers[:-1], generator)
    nn.init.normal_(layers[-1].weight, generator=generator)
    _zero_bias(layers[-1])


def torch_default(layers: Sequence[Layer], generator: torch.Generator) -> None:
    """What PyTorch's own layers start with, biases too: uniform, up to 1 / sqrt(inputs)."""
    for layer in layers:
        nn.init.kaiming_uniform_(layer.weight, a=sqrt(5), generator=generator)
        if layer.bias is not None:
            reach = 1 / sqrt(layer.weight[0].numel())
            nn.init.uniform_(layer.bias, -reach, reach, generator=generator)


def he_convolutions(layers: Sequence[Layer], generator: torch.Generator) -> None:
    """Convolutions with variance 2 / (outputs * kernel), linear layers as `torch_default`.

    Source: He et al., ICCV 2015, equation 14; torchvision starts its ResNets so.
    """
    for layer in layers:
        if isinstance(layer, nn.Linear):
            torch_default([layer], generator)
            continue
        nn.init.kaiming_normal_(
            layer.weight, mode="fan_out", nonlinearity="relu", generator=generator
        )
        _zero_bias(layer)


def _zero_bias(layer: Layer) -> None:
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


INITS: dict[str, Callable[[Sequence[Layer], torch.Generator], None]] = {
    "xavier_normal": xavier_normal,
    "document_shallow": inverse_root_size,
    "document_deep": inverse_root_size_wide_last,
    "torch_default": torch_default,
    "he_convolutions": he_convolutions,
}
