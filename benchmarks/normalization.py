"""L1 on a layer with and without batch normalization behind it: the table of docs/own-loop.md.

    python benchmarks/normalization.py

Digits, a perceptron 64-64-10, Adam, batches of 64, 100 epochs, `proximal` on the first layer, mean
of three seeds. About a minute on one core.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy

import lpreg

EPOCHS, SEEDS, TRAIN = 100, 3, 1297


def trained(normalized: bool, lam: float, seed: int) -> list[float]:
    """Share of exact zeros, 2-norm and penalty of the first layer, and the test accuracy."""
    pixels, digits = load_digits(return_X_y=True)
    torch.manual_seed(seed)
    order = torch.randperm(len(digits))
    x, y = torch.tensor(pixels / 16, dtype=torch.float32)[order], torch.tensor(digits)[order]
    between = nn.BatchNorm1d(64) if normalized else nn.Identity()
    model = nn.Sequential(nn.Linear(64, 64), between, nn.ReLU(), nn.Linear(64, 10))
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    optimizer = lpreg.Regularized(adam, model, lpreg.L1(lam), "proximal", where="first")
    for _ in range(EPOCHS):
        for batch in torch.randperm(TRAIN).split(64):
            optimizer.zero_grad()
            cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        w = model.get_parameter("0.weight")
        right = (model(x[TRAIN:]).argmax(1) == y[TRAIN:]).float().mean()
        sizes = [(w == 0).float().mean(), w.norm(), lpreg.L1(lam).value(w), right]
    return [float(size) for size in sizes]


def main() -> None:
    torch.set_num_threads(1)
    print("| batch normalization | `lam` | exact zeros | norm | penalty | test accuracy |")
    print("| --- | --- | --- | --- | --- | --- |")
    for normalized in (False, True):
        for lam in (1e-4, 1e-3):
            rows = torch.tensor([trained(normalized, lam, seed) for seed in range(SEEDS)])
            zeros, norm, penalty, right = rows.mean(0).tolist()
            name = "yes" if normalized else "no"
            cells = f"{lam:g} | {zeros:.0%} | {norm:.2f} | {penalty:.3f} | {right:.3f}"
            print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
