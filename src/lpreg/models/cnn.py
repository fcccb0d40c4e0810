"""The two convolutional networks of the document IMAGE: convolutions and pools, then linear layers.

All convolutions are 3 x 3 with padding 1, so that only the pools, 2 x 2 each, shrink an image.
Layers are named as the document prints them: `conv1`, `conv2`, ..., `fc1`, `fc2`.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import nn

from lpreg.models.dropout import Dropout
from lpreg.models.initial import INITS, weighted
from lpreg.models.options import allowed, at_least_one, image_shape

Make = Callable[..., nn.Module]


def initial_cnn(
    *,
    generator: torch.Generator,
    inputs: Sequence[int],
    outputs: int,
    channels: Sequence[int] = (10, 20),
    hidden: Sequence[int] = (2000,),
    dropout: float = 0.0,
    init: str = "torch_default",
) -> nn.Sequential:
    """The Initial model: ReLU and average pooling after every convolution, ReLU between linears.

    (n, *inputs) -> (n, outputs); 10,644,300 parameters for 3 x 64 x 64 and 200 outputs.

    Args:
        generator: the source of the initial weights.
        inputs: the shape of one image, (channels, height, width); outputs: number of outputs.
        channels: of each convolution. hidden: units of each linear layer but the last.
        dropout: probability that a pooled feature is dropped on its way into the linear layers, 0
            for no dropout.
        init: a name of `INITS`.

    Raises:
        ValueError: inputs that are no images or too small, a size below 1, an unknown name.
    """
    image = image_shape("initial_cnn", inputs, least=2 ** len(channels))
    sizes = [_features(image, channels), *hidden, outputs]
    _check(init, [*channels, *sizes])
    activation = partial(nn.ReLU, inplace=True)
    pools = [nn.AvgPool2d] * len(channels)
    convolutions = _convolutions([image[0], *channels], pools, activation)
    model = nn.Sequential(convolutions | _linears(sizes, dropout, activation))
    INITS[init](weighted(model), generator)
    return model


def new_cnn(
    *,
    generator: torch.Generator,
    inputs: Sequence[int],
    outputs: int,
    channels: Sequence[int] = (10, 20, 30),
    hidden: Sequence[int] = (1000,),
    rate: float = 0.2,
    dropout: float = 0.0,
    init: str = "torch_default",
) -> nn.Sequential:
    """The New model: average pooling after the first convolution, maximum after the others.

    (n, *inputs) -> (n, outputs); 2,128,730 parameters for 3 x 64 x 64 and 200 outputs. Leaky ReLU
    of slope 0.01 after all layers but the last.

    Args:
        rate: probability that a pooled feature is dropped on its way into the linear layers: a
            part of this network, which it has with every penalty.
        dropout: what stands in the place of `rate` when it is above 0.
        generator, inputs, outputs, channels, hidden, init: as for `initial_cnn`.

    Raises:
        ValueError: inputs that are no images or too small, a size below 1, an unknown name.
    """
    image = image_shape("new_cnn", inputs, least=2 ** len(channels))
    sizes = [_features(image, channels), *hidden, outputs]
    _check(init, [*channels, *sizes])
    activation = partial(nn.LeakyReLU, 0.01, inplace=True)
    pools = [nn.AvgPool2d, *[nn.MaxPool2d] * len(channels[1:])]
    convolutions = _convolutions([image[0], *channels], pools, activation)
    model = nn.Sequential(convolutions | _linears(sizes, dropout or rate, activation))
    INITS[init](weighted(model), generator)
    return model


def _features(image: tuple[int, int, int], channels: Sequence[int]) -> int:
    """What is left of an image after all pools."""
    before, height, width = image
    shrink = 2 ** len(channels)
    return [before, *channels][-1] * (height // shrink) * (width // shrink)


def _check(init: str, sizes: Sequence[int]) -> None:
    allowed("init", init, INITS)
    at_least_one(sizes)


def _convolutions(
    channels: Sequence[int], pools: Sequence[Make], activation: Make
) -> OrderedDict[str, nn.Module]:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for i, (before, after) in enumerate(pairwise(channels), 1):
        layers[f"conv{i}"] = nn.utils.skip_init(nn.Conv2d, before, after, kernel_size=3, padding=1)
        layers[f"act{i}"] = activation()
        layers[f"pool{i}"] = pools[i - 1](2)
    return layers


def _linears(sizes: Sequence[int], dropout: float, activation: Make) -> OrderedDict[str, nn.Module]:
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    if dropout:
        layers["drop"] = Dropout(dropout)
    for i, (before, after) in enumerate(pairwise(sizes), 1):
        if i > 1:
            layers[f"fc_act{i - 1}"] = activation()
        layers[f"fc{i}"] = nn.utils.skip_init(nn.Linear, before, after)
    return layers
