"""What a penalty costs: a training step with `lpreg.Regularized` over the same step without.

    python benchmarks/bench_overhead.py [--cases L1 "p = 1.3" ...] [--rounds 15] [--threads 1]

A perceptron of ten million weights, batches of 128, `torch.optim.Adam(fused=True)`. A step is
forward, backward and the optimizer's step. All sides take turns step by step in one run, so that
whatever else the machine does hits them alike; the ratio is the median over rounds of a side's time
over the bare step's of the same round. With one thread it is the processor's time that counts,
which waiting for other processes does not enter, with more the clock's.

"L1 by hand" is the same L1 added to the loss as people write it; torchao's pruning optimizer
(`pip install torchao`; left out where it is not installed) does L1 as its `ProxLasso`, on a latent
copy of the weights and with the learning rate as the step instead of Adam's metric.
"""

import argparse
import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from statistics import median
from time import perf_counter, process_time

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

import lpreg
from lpreg import views
from lpreg.penalties import Penalty

WIDTHS, BATCH, LR = (784, 2048, 2048, 2048, 10), 128, 1e-3
TOGETHER, WARM = 3, 3
"""Sides that take turns with the bare step at a time (each holds 160 MB), and untimed rounds."""

Make = Callable[[nn.Module, Optimizer], Optimizer]
"""What a side makes of a bare optimizer."""


def bare(model: nn.Module, base: Optimizer) -> Optimizer:
    return base


def with_penalty(
    penalty: Penalty, coupling: str, model: nn.Module, base: Optimizer
) -> lpreg.Regularized:
    return lpreg.Regularized(base, model, penalty, coupling=coupling)


def with_torchao(model: nn.Module, base: Optimizer) -> Optimizer:
    from torchao.prototype.pat.optim import PruneOptimizer  # pyright: ignore

    weights = [w for w in model.parameters() if w.dim() > 1]
    others = [w for w in model.parameters() if w.dim() <= 1]
    lasso = {"prox_type": "ProxLasso", "group_type": "ElemGrouper", "reg_lambda": 1e-5}
    groups = [{"params": weights, **lasso}, {"params": others}]
    return PruneOptimizer(torch.optim.Adam(groups, lr=LR, fused=True))


@dataclass(frozen=True)
class Case:
    """How a side differs from the bare step, and the ratio that it must not exceed."""

    make: Make
    by_hand: float = 0.0
    """Strength of an L1 that is added to the loss."""
    target: float | None = None


def regularized(penalty: Penalty, coupling: str = "proximal", target: float | None = None) -> Case:
    return Case(partial(with_penalty, penalty, coupling), target=target)


CASES = {
    "L1": regularized(lpreg.L1(1e-5), target=1.3),
    "L1 by hand": Case(bare, by_hand=1e-5),
    "L1, loss": regularized(lpreg.L1(1e-5), "loss"),
    "L1, decoupled": regularized(lpreg.L1(1e-5), "decoupled"),
    "L1, dual_averaging": regularized(lpreg.L1(1e-5), "dual_averaging"),
    "L1, torchao": Case(with_torchao),
    "L0": regularized(lpreg.L0(1e-8)),
    "L2": regularized(lpreg.L2(1e-4)),
    "ElasticNet": regularized(lpreg.ElasticNet(1e-5, 0.5)),
    "p = 1/2": regularized(lpreg.Lp(1e-6, 1 / 2)),
    "p = 2/3": regularized(lpreg.Lp(1e-6, 2 / 3)),
    "p = 4/3": regularized(lpreg.Lp(1e-5, 4 / 3)),
    "p = 3/2": regularized(lpreg.Lp(1e-5, 3 / 2)),
    "L3": regularized(lpreg.Lp(1e-3, 3), target=1.7),
    "L4": regularized(lpreg.Lp(1e-2, 4), target=3.0),
    "p = 0.8": regularized(lpreg.Lp(1e-6, 0.8), target=5.0),
    "p = 1.3": regularized(lpreg.Lp(1e-5, 1.3), target=5.0),
    "p = 2.5": regularized(lpreg.Lp(1e-3, 2.5), target=5.0),
    "LInf": regularized(lpreg.LInf(1e-3)),
    "Group rows": regularized(lpreg.Group(1e-5, views.Rows())),
    "Group columns": regularized(lpreg.Group(1e-5, views.Columns())),
}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(WIDTHS):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


@dataclass
class Side:
    """One network in training, and how long its steps take."""

    case: Case
    clock: Callable[[], float]
    whole: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.model = network()
        base = torch.optim.Adam(self.model.parameters(), lr=LR, fused=True)
        self.optimizer = self.case.make(self.model, base)

    def step(self, x: Tensor, y: Tensor) -> None:
        start = self.clock()
        loss = nn.functional.cross_entropy(self.model(x), y)
        if self.case.by_hand:
            weights = (w for w in self.model.parameters() if w.dim() > 1)
            loss = loss + self.case.by_hand * sum(w.abs().sum() for w in weights)
        self.optimizer.zero_grad()
        loss.backward()
        middle = self.clock()
        self.optimizer.step()
        end = self.clock()
        self.whole.append(end - start)
        self.alone.append(end - middle)


def batches(count: int) -> Iterator[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        x = torch.randn(BATCH, WIDTHS[0], generator=generator)
        yield x, torch.randint(0, WIDTHS[-1], (BATCH,), generator=generator)


def measure(cases: list[Case], rounds: int, clock: Callable[[], float]) -> list[Side]:
    """The bare side and one per case, after `rounds` rounds in which each took a step."""
    sides = [Side(case, clock) for case in (Case(bare), *cases)]
    for x, y in batches(WARM + rounds):
        for side in sides:
            side.step(x, y)
    for side in sides:
        side.whole, side.alone = side.whole[WARM:], side.alone[WARM:]
    return sides


def ratio(ours: list[float], theirs: list[float]) -> float:
    return median(a / b for a, b in zip(ours, theirs, strict=True))


def line(name: str, side: Side, plain: Side) -> str:
    whole, target = ratio(side.whole, plain.whole), side.case.target
    asked = "" if target is None else f"{target} {'met' if whole <= target else 'MISSED'}"
    return (
        f"| {name} | {1e3 * median(side.whole):.0f} | {whole:.2f} | {asked} | "
        f"{1e3 * median(side.alone):.1f} | {ratio(side.alone, plain.alone):.1f} |"
    )


def installed(name: str) -> bool:
    """torchao may be missing, or have moved its prototype."""
    if "torchao" not in name:
        return True
    try:
        CASES[name].make(network(), torch.optim.Adam(network().parameters()))
    except ImportError as error:
        print(f"{name} is left out: {error}")
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    clock = process_time if given.threads == 1 else perf_counter
    names = [name for name in given.cases if installed(name)]
    weights = sum(w.numel() for w in network().parameters())
    print(f"torch {torch.__version__}, threads: {given.threads}, {weights:,} parameters\n")
    print("| side | step, ms | over bare | target | optimizer's step alone, ms | over bare |")
    print("| --- | --- | --- | --- | --- | --- |")
    for i in range(0, len(names), TOGETHER):
        some = names[i : i + TOGETHER]
        plain, *sides = measure([CASES[name] for name in some], given.rounds, clock)
        if i == 0:
            print(line("bare", plain, plain))
        for name, side in zip(some, sides, strict=True):
            print(line(name, side, plain), flush=True)
        if "L1" in some and "L1 by hand" in some:
            ours, hand = (sides[some.index(name)].whole for name in ("L1", "L1 by hand"))
            print(f"| L1 over L1 by hand | | {ratio(ours, hand):.2f} | 1 | | |")
        del plain, sides
        gc.collect()


if __name__ == "__main__":
    main()
