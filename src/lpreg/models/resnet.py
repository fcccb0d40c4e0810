"""ResNet-18. Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.

Names are those of torchvision, whose weights therefore load with `load_state_dict`.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lpreg.models.dropout import Dropout
from lpreg.models.initial import INITS, weighted
from lpreg.models.options import allowed, at_least_one, image_shape


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut: (n, before, h, w) -> (n, after, h/s, w/s).

    The shortcut is the identity, or a 1 x 1 convolution where the shape changes.
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv(before, after, 3, stride)
        self.bn1 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = _conv(after, after, 3)
        self.bn2 = nn.BatchNorm2d(after)
        self.downsample: nn.Module | None = None
        if stride != 1 or before != after:
            self.downsample = nn.Sequential(_conv(before, after, 1, stride), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + shortcut)


def resnet18(
    *,
    generator: torch.Generator,
    inputs: Sequence[int],
    outputs: int,
    width: int = 64,
    dropout: float = 0.0,
    init: str = "he_convolutions",
) -> nn.Sequential:
    """ResNet-18, (n, *inputs) -> (n, outputs); 11,271,432 parameters for 3 channels, 200 outputs.

    Args:
        generator: the source of the initial weights.
        inputs: the shape of one image, (channels, height, width); outputs: number of outputs.
        width: channels of the first stage; each of the next three has twice those before.
        dropout: probability that a feature is dropped before the linear layer, 0 for no dropout.
        init: a name of `INITS`; normalization layers start as the identity.

    Raises:
        ValueError: inputs that are no images, a size below 1, a name that is not allowed.
    """
    channels, _, _ = image_shape("resnet18", inputs, least=1)
    allowed("init", init, INITS)
    at_least_one([width, outputs])
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=_conv(channels, width, 7, 2),
        bn1=nn.BatchNorm2d(width),
        relu=nn.ReLU(inplace=True),
        maxpool=nn.MaxPool2d(3, stride=2, padding=1),
        layer1=_stage(width, width, 1),
        layer2=_stage(width, 2 * width, 2),
        layer3=_stage(2 * width, 4 * width, 2),
        layer4=_stage(4 * width, 8 * width, 2),
        avgpool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
    )
    if dropout:
        layers["drop"] = Dropout(dropout)
    layers["fc"] = nn.utils.skip_init(nn.Linear, 8 * width, outputs)
    model = nn.Sequential(layers)
    INITS[init](weighted(model), generator)
    return model


def _stage(before: int, after: int, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(before, after, stride), BasicBlock(after, after, 1))


def _conv(before: int, after: int, kernel: int, stride: int = 1) -> nn.Module:
    """A convolution that keeps the size but for its stride, without the bias that BatchNorm has."""
    return nn.utils.skip_init(
        nn.Conv2d,
        before,
        after,
        kernel_size=kernel,
        stride=stride,
        padding=kernel // 2,
        bias=False,
    )
