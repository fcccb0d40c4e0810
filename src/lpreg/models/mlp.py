"""Multilayer perceptrons."""

from collections import OrderedDict
from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from lpreg.models.dropout import Dropout
from lpreg.models.initial import INITS, weighted
from lpreg.models.options import allowed, at_least_one


class Arctan(nn.Module):
    """The inverse tangent, elementwise, in radians."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.atan(x)


ACTIVATIONS: dict[str, type[nn.Module]] = {"arctan": Arctan, "relu": nn.ReLU, "tanh": nn.Tanh}
DROPOUT_PLACES = ("activations", "products")
"""After each hidden activation, or after every matrix product, that of the outputs included."""


def mlp(
    *,
    generator: torch.Generator,
    inputs: int | Sequence[int],
    outputs: int,
    hidden: Sequence[int],
    activation: str = "relu",
    bias: bool = True,
    dropout: float = 0.0,
    dropout_at: str = "activations",
    init: str = "xavier_normal",
) -> nn.Sequential:
    """A perceptron x (n, *inputs) -> (n, outputs) with one linear layer more than `hidden` has.

    Inputs of more than one dimension are flattened. Layers are named `fc1`, `fc2`, ...

    Args:
        generator: the source of the initial weights.
        inputs: their number, or the shape of one sample; outputs: number of outputs.
        hidden: units of each hidden layer, from the input on; may be empty.
        activation: a name of `ACTIVATIONS`, after every hidden layer.
        bias: whether the linear layers have biases.
        dropout: probability that a unit is dropped, 0 for no dropout.
        dropout_at: a name of `DROPOUT_PLACES`.
        init: a name of `INITS`; biases start at zero but for "torch_default".

    Raises:
        ValueError: a name that is not allowed, or a size below 1.
    """
    allowed("activation", activation, ACTIVATIONS)
    allowed("dropout_at", dropout_at, DROPOUT_PLACES)
    allowed("init", init, INITS)
    shape = [inputs] if isinstance(inputs, int) else list(inputs)
    sizes = [prod(shape), *hidden, outputs]
    at_least_one(sizes)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if len(shape) > 1:
        layers["flatten"] = nn.Flatten()
    for i in range(1, len(sizes)):
        last = i == len(sizes) - 1
        layers[f"fc{i}"] = nn.utils.skip_init(nn.Linear, sizes[i - 1], sizes[i], bias=bias)
        if dropout and dropout_at == "products":
            layers[f"drop{i}"] = Dropout(dropout)
        if not last:
            layers[f"act{i}"] = ACTIVATIONS[activation]()
        if dropout and dropout_at == "activations" and not last:
            layers[f"drop{i}"] = Dropout(dropout)
    model = nn.Sequential(layers)
    INITS[init](weighted(model), generator)
    return model
