"""The engine against the plain loop that a user would write, in one run, as a ratio.

    python benchmarks/bench_stack.py [--members 70] [--models h16 ...] [--mixes l1 study]

Both sides train the networks of the study `shapes` on the same mini-batches of 64 digits, with
Adam, in float32, tensors in memory, and evaluate before the first and after the last epoch. The
plain loop trains one `torch.nn` model after the other with autograd and the penalty in the loss
(or, for a proximal arm, its prox after the step); it is timed on some of the members, since members
of an arm cost the same, and with one thread and with all, the faster of which counts. The engine
trains all the members in stacks of the width, and in the processes, that `lpreg run` would choose;
the start of its processes is not counted. The two sides take turns and the median ratio is printed.

Two mixes of arms: `l1`, L1 in the loss of every member, and `study`, the arms of the study in turn.
The last column is the rate of multiplications and additions in the engine's matrix products, as a
share of what this machine reaches on large matrices, measured in the same run.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from statistics import median
from time import perf_counter, sleep

import torch
from torch import nn

import lpreg
from lpreg.data import load, split
from lpreg.models import build
from lpreg.optim import metric
from lpreg.study.plan import Size, width
from lpreg.train import Recipe, Run, Samples, train_stack

MODELS = {"shallow": [256], "h16": [16] * 6, "h32": [32] * 6, "h256": [256] * 6}
SIZES = {"train": 719, "val": 539, "test": 539}
SAMPLES = Samples(split(load("digits"), SIZES, seed=0), scale=16.0).on("cpu", torch.float32)
PARTS = SAMPLES.parts
BATCH, CORES = 64, os.cpu_count() or 1
STEPS_PER_EPOCH = -(-719 // BATCH)


def arms(mix: str) -> list[dict]:
    """The arms of a mix: keyword arguments of `Run`, and `dropout` where there is one."""
    l1 = {"penalty": lpreg.L1(1e-4)}
    if mix == "l1":
        return [l1]
    penalties = [
        lpreg.L0(1e-6), lpreg.L1(1e-4), lpreg.L2(1e-4), lpreg.Lp(1e-4, 3.0),
        lpreg.LInf(1e-3), lpreg.ElasticNet(1e-4, 0.5),
    ]  # fmt: skip
    loss = [{"penalty": p} for p in penalties]
    loss[4] = {"penalty": lpreg.LInf(1e-3, scope="model")}
    proximal = [{"penalty": p, "coupling": "proximal"} for p in penalties]
    return [{}, {"dropout": 0.33}, *loss, *proximal, l1 | {"coupling": "dual_averaging"}]


def network(hidden: list[int], dropout: float, generator: torch.Generator) -> nn.Module:
    return build(
        "mlp", generator, inputs=64, outputs=10, hidden=hidden,
        activation="arctan", bias=False, dropout=dropout,
    )  # fmt: skip


def plain(hidden: list[int], arm: dict, seed: int, epochs: int) -> None:
    """What a user would write for one member."""
    dropout, penalty = arm.get("dropout", 0.0), arm.get("penalty")
    layers: list[nn.Module] = []
    for a, b in pairwise([64, *hidden, 10]):
        layers += [nn.Linear(a, b, bias=False), _Arctan()]
        layers += [nn.Dropout(dropout)] if dropout else []
    model = nn.Sequential(*layers[: -2 if dropout else -1])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x, y = PARTS["train"]
    generator = torch.Generator().manual_seed(seed)
    in_loss = penalty is not None and arm.get("coupling", "loss") == "loss"
    _evaluate(model)
    for _ in range(epochs):
        model.train()
        for rows in torch.randperm(len(y), generator=generator).split(BATCH):
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            if in_loss and penalty is not None:
                loss = loss + _in_loss(penalty, model)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if penalty is not None and not in_loss:
                _shrink(penalty, optimizer)
    _evaluate(model)


class _Arctan(nn.Module):
    def forward(self, x):
        return torch.atan(x)


def _in_loss(penalty, model):
    if isinstance(penalty, lpreg.L1):
        return penalty.lam * sum(w.abs().sum() for w in model.parameters())
    if penalty.scope == "model":
        return penalty.value(torch.cat([w.flatten() for w in model.parameters()]))
    return sum(penalty.value(w) for w in model.parameters())


@torch.no_grad()
def _shrink(penalty, optimizer) -> None:
    group = optimizer.param_groups[0]
    for w in group["params"]:
        w.copy_(penalty.prox(w, metric(type(optimizer), group, optimizer.state[w])))


@torch.no_grad()
def _evaluate(model) -> None:
    model.eval()
    for x, y in PARTS.values():
        outputs = model(x)
        nn.functional.cross_entropy(outputs, y)
        (outputs.argmax(1) == y).float().mean()


def time_plain(hidden: list[int], mix: list[dict], epochs: int, threads: int) -> float:
    """Seconds per member-epoch, the mean over the arms."""
    torch.set_num_threads(threads)
    start = perf_counter()
    for seed, arm in enumerate(mix):
        plain(hidden, arm, seed, epochs)
    return (perf_counter() - start) / (epochs * len(mix))


def _stack(task: tuple[list[int], list[dict], int]) -> None:
    hidden, members, epochs = task
    steps = epochs * STEPS_PER_EPOCH
    recipe = Recipe(batch_size=BATCH, steps=steps, evaluate_every=steps)
    builds = [partial(network, hidden, m.get("dropout", 0.0)) for m in members]
    runs = [
        Run(seed=m["seed"], lr=1e-3, penalty=m.get("penalty"), coupling=m.get("coupling", "loss"))
        for m in members
    ]
    train_stack(builds, runs, SAMPLES, recipe)


def _warm(_: int) -> None:
    one = {"seed": 0, "penalty": lpreg.L1(1e-4)}
    for coupling in ("loss", "proximal"):
        _stack(([8], [one | {"coupling": coupling}] * 2, 1))
    sleep(1)  # so that every process takes one of these tasks


def engine_tasks(
    hidden: list[int], mix: list[dict], members: int, epochs: int
) -> list[tuple[list[int], list[dict], int]]:
    """The members of all arms, stacked as the plan does it for a worker on each core."""
    everyone = [mix[i * len(mix) // members] | {"seed": i % 10} for i in range(members)]
    sizes = [64, *hidden, 10]
    weights = sum(a * b for a, b in pairwise(sizes))
    size = Size(weights, weights, sum(sizes[1:]), weights, inputs=64, samples=1797)
    pieces = max(-(-members // width(size, BATCH, "cpu")), CORES)
    cuts = [members * k // pieces for k in range(pieces + 1)]
    return [(hidden, everyone[a:b], epochs) for a, b in pairwise(cuts)]


def time_engine(pool: ProcessPoolExecutor, tasks: list, members: int, epochs: int) -> float:
    """Seconds per member-epoch."""
    start = perf_counter()
    list(pool.map(_stack, tasks))
    return (perf_counter() - start) / (members * epochs)


def peak() -> float:
    """Multiplications and additions per second in a product of large float32 matrices."""
    torch.set_num_threads(CORES)
    a = torch.randn(2048, 2048)
    best = min(_timed(lambda: a @ a) for _ in range(5))
    return 2 * 2048**3 / best


def _timed(call) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


def compare(name: str, mix: str, members: int, rounds: int, pool: ProcessPoolExecutor) -> str:
    hidden, plan = MODELS[name], arms(mix)
    epochs = 2 if name == "h256" else 10
    sample = plan * (3 if len(plan) == 1 else 1)
    tasks = engine_tasks(hidden, plan, members, epochs)
    pairs = []
    for _ in range(rounds):
        engine = time_engine(pool, tasks, members, epochs)
        user = min(time_plain(hidden, sample, min(epochs, 4), t) for t in {1, CORES})
        pairs.append((user, engine))
    weights = sum(a * b for a, b in pairwise([64, *hidden, 10]))
    user, engine = (median(column) for column in zip(*pairs, strict=True))
    ratio = median(u / e for u, e in pairs)
    share = 6 * 719 * weights / engine / peak()
    return (
        f"| {name} | {mix} | {1 / user:,.1f} | {1 / engine:,.1f} | {ratio:.1f} | "
        f"{min(u / e for u, e in pairs):.1f} to {max(u / e for u, e in pairs):.1f} | {share:.0%} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--members", type=int, default=70)
    parser.add_argument(
        "--models", nargs="+", choices=MODELS, default=["h16", "h32", "shallow", "h256"]
    )
    parser.add_argument("--mixes", nargs="+", choices=["l1", "study"], default=["l1", "study"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=CORES)
    given = parser.parse_args()
    print(f"{given.members} members, batch {BATCH}, {CORES} cores, torch {torch.__version__}")
    threads = CORES // given.processes
    print(f"engine: {given.processes} processes with {threads} threads\n")
    print("| model | arms | plain, member-epochs/s | engine | ratio | range | share of peak |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    pool = ProcessPoolExecutor(
        given.processes, get_context("spawn"), torch.set_num_threads, (threads,)
    )
    with pool:
        list(pool.map(_warm, range(given.processes)))
        for mix in given.mixes:
            for name in given.models:
                print(compare(name, mix, given.members, given.rounds, pool), flush=True)


if __name__ == "__main__":
    main()
