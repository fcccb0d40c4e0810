"""A small network with its batches, and a training loop as people write it."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

EACH_COUPLING = ("loss", "decoupled", "proximal", "dual_averaging")


def net(dtype: torch.dtype = torch.float64) -> nn.Sequential:
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2)).to(dtype)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5, generator=generator)
    return model


def batch(number: int) -> tuple[Tensor, Tensor]:
    """x (16, 6), y (16, 2), another one for every number."""
    generator = torch.Generator().manual_seed(100 + number)
    x = torch.randn(16, 6, generator=generator, dtype=torch.float64)
    return x, torch.randn(16, 2, generator=generator, dtype=torch.float64)


def task_loss(model: nn.Module, number: int = 0, rows: slice = slice(None)) -> Tensor:
    x, y = batch(number)
    return nn.functional.mse_loss(model(x[rows]), y[rows])


def train(model: nn.Module, optimizer: Optimizer, numbers: Iterable[int], after: Any = None) -> Any:
    """One step per batch, each followed by `after()`; gives the model back."""
    for number in numbers:
        optimizer.zero_grad()
        task_loss(model, number).backward()
        optimizer.step()
        if after is not None:
            after()
    return model


def assert_same(ours: nn.Module, theirs: nn.Module) -> None:
    """Bit for bit."""
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert a.equal(b)


def assert_close(ours: nn.Module, theirs: nn.Module, tolerance: float = 1e-12) -> None:
    """To rounding, with the same zeros."""
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)
        assert (a == 0).equal(b == 0)


def first(model: nn.Module) -> nn.Parameter:
    return model.get_parameter("0.weight")


def zeros(model: nn.Module) -> int:
    return sum(int((parameter == 0).sum()) for parameter in model.parameters())
