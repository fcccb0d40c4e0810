"""LeNet-300-100 on MNIST with a share of exact zeros, beside the published errors.

    LPREG_DATA=... python benchmarks/lenet.py [--density 0.05 0.02] [--seeds 3] [--epochs 20]

A plain loop with `lpreg.Regularized(..., target=1 - density)`: Adam, batches of 128, cosine decay
to zero, grey values from 0 to 1, no augmentation. The zeros are held after `HELD` of the steps; the
rest trains what is left without the penalty. Of the official 60,000 images 55,000 train and 5,000
choose; the official 10,000 test. Runs that the file `--out` has already are not repeated. Prints
the tables of docs/sparse-mnist.md.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import lpreg
from lpreg import data

ARMS = {
    "`L1`, `proximal`": (lpreg.L1(1), "proximal"),
    "`Lp` p = 1/2, `proximal`": (lpreg.Lp(1, 0.5), "proximal"),
    "`L1`, `dual_averaging`": (lpreg.L1(1), "dual_averaging"),
}
PUBLISHED = {
    0.08: "Han 2015: 1.6 (at 8.3 %)",
    0.05: "SNIP: 1.6; sparse momentum: 1.53",
    0.02: "SNIP: 2.4; sparse momentum: 1.99",
    0.015: "sparse variational dropout: 1.9",
    0.01: "sparse momentum: 2.36",
}
SIZES = {"train": 55_000, "val": 5_000, "test": 10_000}
BATCH, RATE, HELD = 128, 2e-3, 0.6


def lenet() -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(),
        nn.Linear(100, 10),
    )  # fmt: skip


def run(
    parts: data.Parts, arm: str | None, density: float, seed: int, epochs: int, rate: float,
    held: float,
) -> dict[str, object]:  # fmt: skip
    """Train one network; errors in per cent."""
    began = time.process_time()
    torch.manual_seed(seed)
    model = lenet()
    x, y = parts["train"]
    steps = epochs * (len(x) // BATCH)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    if arm is not None:
        penalty, coupling = ARMS[arm]
        optimizer = lpreg.Regularized(
            optimizer, model, penalty, coupling, target=1 - density, steps=int(held * steps / 0.9)
        )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(x))[: steps // epochs * BATCH].split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
            schedule.step()
    weights = torch.cat([w.detach().flatten() for w in model.parameters() if w.dim() > 1])
    errors = {part: error(model, *parts[part]) for part in ("val", "test")}
    return {
        "density": float((weights != 0).float().mean()),
        **errors,
        "seconds": time.process_time() - began,
    }


@torch.no_grad()
def error(model: nn.Module, x: Tensor, y: Tensor) -> float:
    return float((model(x).argmax(dim=1) != y).float().mean()) * 100


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--density", type=float, nargs="+", default=list(PUBLISHED))
    parser.add_argument("--arm", type=int, nargs="+", default=list(range(len(ARMS))))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--held", type=float, default=HELD)
    parser.add_argument("--out", type=Path, default=Path("lenet.jsonl"))
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    mnist = data.load("mnist")
    parts = {
        part: (x.float() / mnist.scale, y)
        for part, (x, y) in data.split(mnist, SIZES, seed=0).items()
    }
    arms = [list(ARMS)[index] for index in wanted.arm]
    plan = [(None, 1.0), *((arm, density) for density in wanted.density for arm in arms)]
    done = read(wanted.out)
    for seed in range(wanted.seeds):
        for arm, density in plan:
            key = (arm, density, seed, wanted.epochs, wanted.rate, wanted.held)
            if key not in done:
                done[key] = run(parts, arm, density, seed, wanted.epochs, wanted.rate, wanted.held)
                with wanted.out.open("a") as file:
                    file.write(json.dumps([key, done[key]]) + "\n")
    print("| weights left | penalty | test error, % | each seed | validation | published, % |")
    print("| --- | --- | --- | --- | --- | --- |")
    for arm, density in plan:
        keys = [
            (arm, density, seed, wanted.epochs, wanted.rate, wanted.held)
            for seed in range(wanted.seeds)
        ]
        test, val = ([done[key][part] for key in keys] for part in ("test", "val"))
        each = ", ".join(f"{value:.2f}" for value in test)
        print(
            f"| {density:.1%} | {arm or 'none'} | {np.mean(test):.2f} | {each} | "
            f"{np.mean(val):.2f} | {PUBLISHED.get(density, '')} |"
        )


def read(path: Path) -> dict[tuple, dict]:
    lines = path.read_text().splitlines() if path.exists() else []
    return {tuple(key): values for key, values in map(json.loads, lines)}


if __name__ == "__main__":
    main()
