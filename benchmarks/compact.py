"""What lpreg.compact saves: parameters and time of networks trained with penalties on the digits.

    python benchmarks/compact.py

scikit-learn's digits, 1,200 images to train on and 597 to test, Adam with batches of 100 over 40
epochs, coupling dual_averaging, one thread. Time is the shortest of 30 evaluations of 1,000 images,
before and after taken in turn. Prints the table of docs/compact.md; takes about two minutes.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import lpreg
from lpreg.penalties.base import Penalty

EPOCHS, BATCH, TRAIN = 40, 100, 1200


def perceptron() -> nn.Module:
    """Of the sizes of LeNet-300-100."""
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(64, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU()),
        nn.Linear(100, 10),
    )


def convolutions() -> nn.Module:
    """Three convolutions with batch normalization, and zeros around every image."""

    def block(before: int, after: int) -> list[nn.Module]:
        return [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]

    return nn.Sequential(
        *block(1, 64), *block(64, 64), nn.MaxPool2d(2), *block(64, 64), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


class Case(NamedTuple):
    """What is trained: a network, and what is asked of its weights."""

    name: str
    build: Callable[[], nn.Module]
    penalty: dict[str, Penalty]


CASES = [
    Case("perceptron, no penalty", perceptron, {"*.weight": lpreg.L1(0)}),
    Case("perceptron, L1(3e-4)", perceptron, {"*.weight": lpreg.L1(3e-4)}),
    Case(
        "perceptron, Group(5e-4, Rows()) of hidden layers",
        perceptron,
        {f"{i}.weight": lpreg.Group(5e-4, lpreg.views.Rows()) for i in (1, 3)},
    ),
    Case("convolutions, no penalty", convolutions, {"*.weight": lpreg.L1(0)}),
    Case(
        "convolutions, Group(6e-3, Filters())",
        convolutions,
        {f"{i}.weight": lpreg.Group(6e-3, lpreg.views.Filters()) for i in (0, 3, 7)},
    ),
]


def digits() -> tuple[Tensor, Tensor]:
    """Images (1797, 1, 8, 8) from 0 to 1 in a random order, and their classes (1797,)."""
    x, y = load_digits(return_X_y=True)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    images = torch.as_tensor(x, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    return images[order], torch.as_tensor(y)[order]


def train(case: Case, x: Tensor, y: Tensor) -> nn.Module:
    torch.manual_seed(0)
    model = case.build()
    adam = torch.optim.Adam(model.parameters(), lr=2e-3)
    optimizer = lpreg.Regularized(adam, model, case.penalty, coupling="dual_averaging")
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for rows in torch.randperm(TRAIN).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
        schedule.step()
    return model.eval()


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@torch.no_grad()
def seconds(models: list[nn.Module], x: Tensor, repeats: int = 30) -> list[float]:
    """The shortest evaluation of each, taken in turn."""
    taken: list[list[float]] = [[] for _ in models]
    for _ in range(repeats):
        for model, own in zip(models, taken, strict=True):
            start = time.perf_counter()
            model(x)
            own.append(time.perf_counter() - start)
    return [min(own) for own in taken]


def row(case: Case, x: Tensor, y: Tensor) -> list[str]:
    model = train(case, x, y)
    small = lpreg.compact(model, x[:2])
    with torch.no_grad():
        before, after = (each(x[TRAIN:]) for each in (model, small))
    error = float((before.argmax(1) != y[TRAIN:]).double().mean())
    slow, fast = seconds([model, small], x[:1000])
    layers = (m for m in small.modules() if isinstance(m, nn.Linear | nn.Conv2d))
    return [
        case.name,
        f"{error:.1%}".replace("%", " %"),
        f"{lpreg.sparsity(model).zeros / lpreg.sparsity(model).size:.1%}".replace("%", " %"),
        ", ".join(str(len(layer.weight)) for layer in layers),
        f"{parameters(model):,} -> {parameters(small):,}",
        f"{1e3 * slow:.2f} -> {1e3 * fast:.2f}",
        f"{float((before - after).abs().max() / before.abs().max()):.0e}",
    ]


def main() -> None:
    torch.set_num_threads(1)
    x, y = digits()
    head = ["", "test error", "exact zeros", "units left", "parameters", "ms", "outputs differ"]
    print("| " + " | ".join(head) + " |")
    print("|" + " --- |" * len(head))
    for case in CASES:
        print("| " + " | ".join(row(case, x, y)) + " |", flush=True)


if __name__ == "__main__":
    main()
