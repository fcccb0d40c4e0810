"""The couplings on the example of the README: zeros, objective and error, mean over ten seeds.

    python benchmarks/couplings.py

Five of 50 inputs matter. Every coupling minimises, or means to minimise, mean squared error +
L1(1e-2) of the weights, with Adam. Prints the table of docs/choose.md; its first part is that of
the README.
"""

from dataclasses import dataclass

import torch
from torch import nn

import lpreg

COUPLINGS = ("no penalty", "loss", "decoupled", "proximal", "dual_averaging")
SEEDS, PENALTY = range(10), lpreg.L1(1e-2)


@dataclass(frozen=True)
class Plan:
    """How to train: samples per batch of 500, steps, and whether the rate decays as a cosine."""

    batch: int
    steps: int
    cosine: bool = False


PLANS = {
    "all, 1000 steps": Plan(500, 1000),
    "50, 1000 steps": Plan(50, 1000),
    "50, 3000 steps, cosine decay": Plan(50, 3000, cosine=True),
}


def inputs(samples: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs (samples, 50) and the sum of the first five (samples, 1)."""
    x = torch.randn(samples, 50)
    return x, x[:, :5].sum(dim=1, keepdim=True)


def train(coupling: str, plan: Plan, seed: int) -> list[float]:
    """Noise inputs cut off, others cut off, share of zeros, objective, test error."""
    torch.manual_seed(seed)
    x, truth = inputs(500)
    y = truth + 0.1 * torch.randn(500, 1)
    model = nn.Sequential(nn.Linear(50, 20), nn.ReLU(), nn.Linear(20, 1))
    optimizer: torch.optim.Optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    if coupling != "no penalty":
        optimizer = lpreg.Regularized(optimizer, model, PENALTY, coupling=coupling)
    length = plan.steps if plan.cosine else 10**9
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, length)
    batches: list[torch.Tensor] = []
    for _ in range(plan.steps):
        batches = batches or list(torch.randperm(500).split(plan.batch))
        rows = batches.pop() if plan.batch < 500 else slice(None)
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x[rows]), y[rows]).backward()
        optimizer.step()
        schedule.step()
    return measure(model, x, y)


@torch.no_grad()
def measure(model: nn.Sequential, x: torch.Tensor, y: torch.Tensor) -> list[float]:
    """What `train` returns, of a trained network."""
    first, last = (dict(model.named_parameters())[name] for name in ("0.weight", "2.weight"))
    unread = (first == 0).all(dim=0)
    zeros = ((first == 0).sum() + (last == 0).sum()) / (first.numel() + last.numel())
    objective = nn.functional.mse_loss(model(x), y) + lpreg.penalty_value(model, PENALTY)
    new, truth = inputs(2000)
    error = nn.functional.mse_loss(model(new), truth)
    return [float(v) for v in (unread[5:].sum(), unread[:5].sum(), zeros, objective, error)]


def main() -> None:
    """Print the table."""
    print("| batch | coupling | noise inputs cut off | others | zeros | objective | test mse |")
    print("|---|---|---|---|---|---|---|")
    for name, plan in PLANS.items():
        for coupling in COUPLINGS:
            runs = torch.tensor([train(coupling, plan, seed) for seed in SEEDS])
            noise, others, zeros, objective, error = runs.mean(0).tolist()
            counts = f"{noise:.1f} | {others:g} | {100 * zeros:.1f} %"
            print(f"| {name} | {coupling} | {counts} | {objective:.3f} | {error:.4f} |", flush=True)


if __name__ == "__main__":
    main()
