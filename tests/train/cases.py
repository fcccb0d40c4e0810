"""Small tasks on which every law of the engine is tried."""

from functools import partial

import torch
from torch import nn

from lpreg.models import Dropout, mlp
from lpreg.penalties import L0, L1, L2, ElasticNet, Group, LInf, Lp, Norm
from lpreg.train import Recipe, Run, Samples
from lpreg.views import Columns, Rows

RECIPE = Recipe(steps=11, batch_size=16, evaluate_every=5, dtype="float64")


def parts(task: str = "classification"):
    """60 samples of 6 inputs and 3 classes, the fourth input constant; not a multiple of 16."""
    g = torch.Generator().manual_seed(7)
    x = torch.randn(76, 6, generator=g)
    x[:, 3] = 1.0
    y = x[:, :3].argmax(1) if task == "classification" else x[:, 0] - 2 * x[:, 1]
    cut = {"train": slice(44), "val": slice(44, 60), "test": slice(60, None)}
    return Samples({part: (x[rows], y[rows]) for part, rows in cut.items()})


perceptron = partial(mlp, inputs=6, outputs=3, hidden=[5, 4], activation="arctan")


def one_output(generator):
    return mlp(generator=generator, inputs=6, outputs=1, hidden=[5])


def with_dropout(generator):
    return perceptron(generator=generator, dropout=0.4)


def with_dropout_everywhere(generator):
    return perceptron(generator=generator, dropout=0.3, dropout_at="products")


def with_batch_norm(generator):
    # No bias before a BatchNorm: its gradient is mere rounding, which Adam takes for a signal.
    first, last = nn.Linear(6, 5, bias=False), nn.Linear(5, 3)
    drawn(generator, first, last)
    return nn.Sequential(first, nn.BatchNorm1d(5), nn.ReLU(), Dropout(0.2), last)


def convolutional(generator):
    conv, last = nn.Conv1d(1, 3, 3, bias=False), nn.Linear(12, 3)
    drawn(generator, conv, last)
    return nn.Sequential(
        nn.Unflatten(1, (1, 6)), conv, nn.BatchNorm1d(3), nn.Tanh(), nn.Flatten(), last
    )


def drawn(generator, *layers):
    for layer in layers:
        nn.init.normal_(layer.weight, std=0.5, generator=generator)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


BUILDS = {
    "perceptron": lambda generator: perceptron(generator=generator),
    "no bias": lambda generator: perceptron(generator=generator, bias=False),
    "dropout": with_dropout,
    "less dropout": lambda generator: perceptron(generator=generator, dropout=0.1),
    "dropout everywhere": with_dropout_everywhere,
    "batch norm": with_batch_norm,
    "convolutional": convolutional,
}

HOMOGENEOUS = {
    "L1": L1(0.02),
    "LInf": LInf(0.05),
    "Norm": Norm(0.03, 2.0),
    "ElasticNet": ElasticNet(0.03, 0.7),
    "Group": Group(0.02, Columns()),
}
PENALTIES = HOMOGENEOUS | {
    "L0": L0(0.004),
    "L2": L2(0.02),
    "Lp half": Lp(0.02, 0.5),
    "Lp 1.3": Lp(0.02, 1.3),
    "Lp 3": Lp(0.05, 3.0),
    "Group rows": Group(0.03, Rows()),
    "sum": L1(0.01) + L2(0.02),
}
BY_LAYER = {"fc1.*": L1(0.03), "fc3.weight": L2(0.1)}

RUNS = [Run(seed=1, lr=0.01)]
RUNS += [
    Run(seed=seed, lr=lr, penalty=penalty, coupling=coupling)
    for coupling in ("loss", "decoupled", "proximal")
    for penalty in PENALTIES.values()
    for seed, lr in ((1, 0.01), (2, 0.03))
]
RUNS += [
    Run(seed=seed, lr=0.02, penalty=penalty, coupling="dual_averaging")
    for penalty in HOMOGENEOUS.values()
    for seed in (1, 2)
]
RUNS += [
    Run(seed=3, lr=0.02, penalty=LInf(0.05, scope="model"), coupling="loss", where="all"),
    Run(seed=3, lr=0.02, penalty=L1(0.05), coupling="proximal", where="first"),
    Run(seed=3, lr=0.02, penalty=L1(0.05), coupling="proximal", where="all"),
]
"""Every penalty with every coupling that takes it, other strengths, seeds and rates beside."""
