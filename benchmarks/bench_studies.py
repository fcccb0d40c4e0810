"""The engine against the loop that a user would write, for the networks of the real-data studies.

    python benchmarks/bench_studies.py [--models initial_cnn ...] [--steps 20] [--members 12]

The plain loop has the same network, the images in memory as bytes, normalised batch by batch, the
optimizers of `torch.optim` with their defaults, and the penalty in the loss where there is one. The
two sides take turns step by step, so that whatever else the machine does hits both; the ratio is
the engine's median step over the plain loop's, without the first steps, and below 1 the engine is
the faster. With one thread it is the processor's time that counts, which waiting for other
processes does not enter. A stack's step counts per member: as many plain steps of one network
follow each.

With LPREG_DATA the perceptron sees MNIST and the others Tiny-ImageNet, else random bytes.
"""

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time

import torch
from torch import Tensor, nn

import lpreg
from lpreg import data
from lpreg.models import Dropout, build
from lpreg.train import Host, Recipe, Run, Samples, train_stack

SGD = {"optimizer": "sgd", "momentum": 0.9}


@dataclass(frozen=True)
class Case:
    """A network, its data, and how it is trained."""

    kind: str
    data: str
    shape: tuple[int, ...]
    classes: int
    batch: int
    lr: float
    recipe: dict
    options: dict

    def network(self, generator: torch.Generator) -> nn.Module:
        sizes = {"inputs": list(self.shape), "outputs": self.classes}
        return build(self.kind, generator, **sizes, **self.options)

    def images(self) -> tuple[Tensor, Tensor]:
        """Eight batches of bytes, and their classes."""
        n = 8 * self.batch
        if "LPREG_DATA" in os.environ:
            dataset = data.load(self.data)
            return dataset.x[:n], dataset.y[:n] % self.classes
        g = torch.Generator().manual_seed(0)
        x = torch.randint(0, 256, (n, *self.shape), dtype=torch.uint8, generator=g)
        return x, torch.randint(0, self.classes, (n,), generator=g)


def _image(kind: str) -> Case:
    return Case(kind, "tiny_imagenet", (3, 64, 64), 200, 100, 1e-3, SGD, {})


CASES = {
    "mlp": Case("mlp", "mnist", (1, 28, 28), 10, 256, 1e-4, {}, {"hidden": [100, 100]}),
    "initial_cnn": _image("initial_cnn"),
    "new_cnn": _image("new_cnn"),
    "resnet18": _image("resnet18"),
}
ARMS = {"none": (0.0, 0.0), "L1": (1e-4, 0.0), "L2": (0.0, 1e-4), "L1+L2": (1e-4, 1e-4)}
"""L1 in the loss, of all parameters, and weight decay."""


class Plain:
    """The loop that a user would write, one step at a time."""

    def __init__(self, case: Case, l1: float, decay: float, samples: Samples) -> None:
        self.model = case.network(torch.Generator().manual_seed(0))
        _plain_dropout(self.model)
        self.model.train()
        params = self.model.parameters()
        if case.recipe:
            self.optimizer = torch.optim.SGD(params, lr=case.lr, momentum=0.9, weight_decay=decay)
        else:
            self.optimizer = torch.optim.Adam(params, lr=case.lr, weight_decay=decay)
        self.case, self.l1, self.samples = case, l1, samples
        self.order: list[Tensor] = []

    def step(self) -> None:
        x, y = self.samples.parts["train"]
        if not self.order:
            self.order = list(torch.randperm(len(y)).split(self.case.batch))
        rows = self.order.pop()
        images = (x[rows] - self.samples.shift) / self.samples.scale
        loss = nn.functional.cross_entropy(self.model(images), y[rows])
        if self.l1:
            loss = loss + self.l1 * sum(w.abs().sum() for w in self.model.parameters())
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def _plain_dropout(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, Dropout):
            setattr(module, name, nn.Dropout(child.rate))
        _plain_dropout(child)


def compare(case: Case, arm: str, members: int, steps: int, more: dict) -> tuple[float, float]:
    """Median seconds of a plain step, and of an engine's step per member."""
    l1, decay = ARMS[arm]
    mean, deviation = torch.full((case.shape[0], 1, 1), 120.0), torch.full((1, 1, 1), 60.0)
    samples = Samples({"train": case.images()}, mean, deviation)
    plain = Plain(case, l1, decay, samples)
    penalty = lpreg.L1(l1) if l1 else None
    runs = [Run(seed, case.lr, penalty, where="all") for seed in range(members)]
    recipe = Recipe(
        batch_size=case.batch, steps=steps, evaluate_every=steps, weight_decay=decay,
        **case.recipe, **more,
    )  # fmt: skip
    ours: list[float] = []
    theirs: list[float] = []
    clock = process_time if torch.get_num_threads() == 1 else perf_counter
    turns = Turns(ours, theirs, plain.step, members, clock)
    train_stack(case.network, runs, samples, recipe, Host(tick=turns.tick))
    return median(theirs[2:]), median(ours[2:-1]) / members


@dataclass
class Turns:
    """Runs plain steps after each of the engine's, and times both."""

    ours: list[float]
    theirs: list[float]
    plain: Callable[[], None]
    members: int
    clock: Callable[[], float]
    since: float = 0.0

    def tick(self, _: int) -> None:
        now = self.clock()
        if self.since:
            self.ours.append(now - self.since)
        for _ in range(self.members):
            start = self.clock()
            self.plain()
            self.theirs.append(self.clock() - start)
        self.since = self.clock()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--models", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument(
        "--steps", type=int, default=16, help="of a CNN; 20 times as many of a perceptron"
    )
    parser.add_argument("--members", type=int, nargs="+", default=[1, 12], help="of a perceptron")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--channels-last", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    more = {"precision": given.precision, "channels_last": given.channels_last}
    print(f"torch {torch.__version__}, threads: {given.threads}, engine: {more}\n")
    print("| model | arm | members | plain, ms per step | engine, per member | ratio |")
    print("| --- | --- | --- | --- | --- | --- |")
    for model in given.models:
        for members in given.members if model == "mlp" else [1]:
            steps = 20 * given.steps if model == "mlp" else given.steps
            for arm in given.arms:
                plain, engine = compare(CASES[model], arm, members, steps // members + 4, more)
                print(
                    f"| {model} | {arm} | {members} | {1e3 * plain:.2f} | {1e3 * engine:.2f} | "
                    f"{engine / plain:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
