"""Many small networks as one stack of lpreg's engine, each with its own data or mask if need be."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from lpreg.data import Dataset
from lpreg.models import mlp
from lpreg.penalties import Penalty
from lpreg.select import Where
from lpreg.train import Outcome, Recipe, Run, Samples, generator, train_stack


def network(sizes: Sequence[int], seed: int, **options) -> nn.Module:
    """A perceptron with these layers, `mlp`, with the initial weights of a seed."""
    *hidden, outputs = sizes[1:]
    start = generator(seed, "init")
    return mlp(generator=start, inputs=sizes[0], outputs=outputs, hidden=hidden, **options)


class Own(nn.Module):
    """A network that is trained on data of its own, in a stack whose members have others.

    In training it answers for its own inputs, and turns the outputs so that targets of 0 mean its
    own targets: it subtracts values, and rotates classes. Otherwise it is the network.
    """

    x: Tensor
    y: Tensor

    def __init__(self, net: nn.Module, x: Tensor, y: Tensor) -> None:
        """`x` is (n, features); `y` is (n,), classes if it holds whole numbers."""
        super().__init__()
        self.net = net
        self.register_buffer("x", x, persistent=False)
        self.register_buffer("y", y, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return self.net(x)
        outputs = self.net(self.x)
        if self.y.is_floating_point():
            return outputs - self.y[:, None]
        classes = outputs.shape[1]
        return outputs.gather(1, (torch.arange(classes) + self.y[:, None]) % classes)


class Masked(nn.Linear):
    """A linear layer some of whose weights are not there: `mask` is 0 on them."""

    mask: Tensor

    def __init__(self, layer: nn.Linear, mask: Tensor) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.weight, self.bias = layer.weight, layer.bias
        self.register_buffer("mask", mask)

    def forward(self, input: Tensor) -> Tensor:
        return nn.functional.linear(input, self.weight * self.mask, self.bias)


def targets(n: int, floating: bool) -> Tensor:
    """What a stack of networks with their `Own` n samples is trained towards."""
    return torch.zeros(n, dtype=torch.float32 if floating else torch.int64)


def train(
    networks: Sequence[nn.Module],
    penalties: Sequence[Penalty | Mapping[str, Penalty] | None],
    x: Tensor,
    y: Tensor,
    recipe: Recipe,
    lr: float,
    coupling: str = "proximal",
    where: Sequence[Where] | None = None,
) -> list[Outcome]:
    """Train networks of one architecture, as they are, on full batches, as one stack.

    Args:
        networks: with their initial weights; they stay as they are.
        penalties: one per network.
        x: inputs that all share; for networks with their `Own` any of that shape.
        y: targets.
        recipe: `full` gives one.
        lr: the learning rate.
        coupling: of the penalties.
        where: which parameters they act on, per network; the weights of all by default.
    """
    given = {generator(i, "init").initial_seed(): net for i, net in enumerate(networks)}
    places = where or ["weights"] * len(networks)
    runs = [
        Run(i, lr, penalty, coupling, place)
        for i, (penalty, place) in enumerate(zip(penalties, places, strict=True))
    ]
    samples = Samples({"train": (x, y)})
    return train_stack(lambda start: given[start.initial_seed()], runs, samples, recipe)


def full(steps: int, loss: str = "cross_entropy") -> Recipe:
    """Adam on full batches."""
    return Recipe(batch_size=None, steps=steps, loss=loss, evaluate_every=steps)


def outputs(like: nn.Module, outcomes: Sequence[Outcome], x: Tensor) -> np.ndarray:
    """What trained networks answer for inputs (n, features): (networks, n, outputs).

    Args:
        like: a network of the architecture.
        outcomes: of its training.
        x: the inputs.
    """
    states = {
        name: torch.stack([each.state[name] for each in outcomes]) for name in outcomes[0].state
    }
    like = like.eval()
    with torch.no_grad():
        return vmap(lambda state: functional_call(like, state, (x,)))(states).numpy()


def digits(random: np.random.Generator, data: Dataset, train: int) -> tuple[Tensor, ...]:
    """Digits at random, pixels from 0 to 1: x and y of so many to train on, x and y of the rest."""
    order = torch.from_numpy(random.permutation(len(data.y)))
    x, y = data.x[order] / data.scale, data.y[order]
    return x[:train], y[:train], x[train:], y[train:]


def accuracy(outputs: np.ndarray, y: Tensor) -> np.ndarray:
    """The share of right answers of networks (networks, n, classes): (networks,)."""
    return (outputs.argmax(-1) == y.numpy()).mean(-1)
