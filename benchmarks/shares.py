"""What the strengths of `lpreg.suggest` do: digits, three penalties, mean over three seeds.

    python benchmarks/shares.py

A perceptron 64-256-10 with Adam (rate 1e-3, batches of 64, 60 epochs), split 719 / 539 / 539. The
strengths are those of the first seed's initial weights. Prints the table of docs/choose.md.
"""

from functools import partial

import numpy as np
from torch import nn

import lpreg
from lpreg import data, models
from lpreg.penalties import Penalty
from lpreg.train import Recipe, Run, Samples, train_stack
from lpreg.train.recipe import generator

SHARES, SEEDS = (0.001, 0.01, 0.1, 1.0), range(3)
ARMS = {
    "`L1`, `proximal`": (lpreg.L1(0), "proximal"),
    "`L2`, `loss`": (lpreg.L2(0), "loss"),
    "`Lp` p = 3, `loss`": (lpreg.Lp(0, 3), "loss"),
}
RECIPE = Recipe(batch_size=64, steps=720, evaluate_every=720)


def main() -> None:
    digits = data.load("digits")
    parts = data.split(digits, {"train": 719, "val": 539, "test": 539}, seed=0)
    samples = Samples(parts, scale=digits.scale)
    build = partial(models.build, "mlp", inputs=64, outputs=10, hidden=[256])
    model = build(generator=generator(SEEDS[0], "init"))
    x, y = samples.on("cpu", next(model.parameters()).dtype).parts["train"]
    loss = nn.functional.cross_entropy(model(x), y)

    def row(penalty: Penalty | None = None, coupling: str = "loss") -> str:
        runs = [Run(seed, 1e-3, penalty, coupling) for seed in SEEDS]
        outcomes = train_stack(lambda g: build(generator=g), runs, samples, RECIPE)
        accuracy = np.mean([outcome.curves["test_accuracy"][-1] for outcome in outcomes])
        zeros = np.mean([outcome.curves["zeros"][-1] for outcome in outcomes])
        count = sum(w.numel() for name, w in model.named_parameters() if "weight" in name)
        return f"{accuracy:.3f} | {zeros / count:.0%} |"

    print(
        "| penalty | share | `lam` | test accuracy | exact zeros |\n| --- | --- | --- | --- | --- |"
    )
    print(f"| none | | | {row()}")
    for name, (penalty, coupling) in ARMS.items():
        strengths = lpreg.suggest(model, loss, penalty, share=SHARES)
        for lam, share in zip(strengths, SHARES, strict=True):
            print(f"| {name} | {share:g} | {lam:.1e} | {row(penalty.with_data((lam,)), coupling)}")


if __name__ == "__main__":
    main()
