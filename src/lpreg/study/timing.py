"""How long stacks take, measured: the first steps of some of them, on a part of the data.

Nothing is stored. The formula of `plan.seconds` is for balancing, which needs only ratios.
"""

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from statistics import mean, median
from time import perf_counter, process_time, time

import torch

from lpreg.data import Dataset
from lpreg.study import workers
from lpreg.study.errors import StudyError
from lpreg.study.member import Member
from lpreg.study.network import builder, dataset, network, samples
from lpreg.study.plan import Resources
from lpreg.train import Host, Samples, train_stack

GROUP_SECONDS = 3.0
"""What the stacks of one data set, model and recipe may take together to be measured."""

STACK_SECONDS = 0.8
"""What one of them takes, unless its first steps take longer or it is soon done."""

EVALUATE_EVERY = 3
PART_BYTES = 2**20
"""Of the inputs of a part that are evaluated, when all of them are more."""


@dataclass(frozen=True)
class Cost:
    """Seconds of one stack: before the first step, per step, and per evaluation of all parts."""

    setup: float
    step: float
    evaluation: float

    def of(self, member: Member) -> float:
        """What the whole training of such a stack takes; `member` is one of it."""
        every = member.recipe.evaluate_every * member.steps_per_epoch
        evaluations = 1 + ceil(member.steps / every)
        return self.setup + member.steps * self.step + evaluations * self.evaluation


@dataclass(frozen=True)
class Estimate:
    """What is about to be done, in seconds.

    Attributes:
        start: from typing the command until the workers train.
        stacks: of each stack, in its worker.
    """

    start: float
    stacks: list[float]

    def whole(self, workers: int) -> float:
        """Until all is done by workers that take one stack after the other, in this order."""
        busy = [0.0] * workers
        for seconds in self.stacks:
            busy[min(range(workers), key=busy.__getitem__)] += seconds
        return self.start + max(busy) if self.stacks else 0.0


@dataclass(frozen=True)
class Group:
    """Stacks of one architecture and recipe, as they travel to a worker to be measured."""

    numbers: tuple[int, ...]
    stacks: tuple[tuple[Member, ...], ...]
    device: str
    threads: int


def estimate(
    stacks: Sequence[Sequence[Member]], resources: Resources, say: Callable[[str], None]
) -> Estimate:
    """What the stacks will take, here and now, with as many workers at work as there will be.

    Args:
        stacks: what is to be trained.
        resources: with what.
        say: is told how far the measurement is.

    Raises:
        StudyError: a stack cannot be trained at all.
    """
    started, so_far = time(), process_time()
    by_kind: dict[tuple, list[int]] = {}
    for i, members in enumerate(stacks):
        any_split = replace(members[0], split_seed=0)
        by_kind.setdefault(any_split.stackable(), []).append(i)
    groups = [
        Group(tuple(of), tuple(tuple(stacks[i]) for i in of), resources.device, resources.threads)
        for of in by_kind.values()
    ]
    busy = min(resources.workers, len(stacks))  # two workers slow each other down
    tasks = groups * max(1, ceil(busy / max(1, len(groups))))
    times: dict[int, list[float]] = {}
    begun = []
    with closing(workers.map(measure, tasks, busy, lambda task, far: None)) as ends:
        for done, end in enumerate(ends, 1):
            if isinstance(end, workers.Failed):
                first = stacks[tasks[end.task].numbers[0]][0]
                why = end.error.strip().splitlines()[-1]
                raise StudyError(f"{first.place}: a stack cannot be trained: {why}")
            begun.append(end.value[0] - started)
            for i, seconds in zip(tasks[end.task].numbers, end.value[1], strict=True):
                times.setdefault(i, []).append(seconds)
            say(f"measuring: {done}/{len(tasks)}")
    return Estimate(so_far + min(begun, default=0.0), [mean(times[i]) for i in range(len(stacks))])


def measure(group: Group, tick: Callable[[int], None]) -> tuple[float, list[float]]:
    """When stacks could be trained here, and the seconds of every stack of the group; the work of a
    worker."""
    torch.set_num_threads(group.threads)
    ready, costs = _costs(group.stacks, group.device)
    pairs = zip(costs, group.stacks, strict=True)
    return ready, [cost.of(members[0]) for cost, members in pairs]


def _costs(stacks: Sequence[Sequence[Member]], device: str) -> tuple[float, list[Cost]]:
    """When the first one could begin, and the costs of stacks of one architecture and recipe: some
    measured, the others as the nearest of these."""
    start, began = perf_counter(), time()
    first = stacks[0][0]
    own = dataset(first.data)
    data = samples(first, own)
    prepared = perf_counter() - start
    _measure(stacks[0], own, data, device, warming=True)
    warm = perf_counter()
    known: dict[tuple, Cost] = {}
    measured: dict[int, Cost] = {}
    for i in _spread(len(stacks)):
        kind = _kind(stacks[i])
        if known and kind not in known and perf_counter() - warm > GROUP_SECONDS:
            continue
        if kind not in known:
            known[kind] = _measure(stacks[i], own, data, device)
        measured[i] = replace(known[kind], setup=known[kind].setup + prepared)
    costs = [measured[min(measured, key=lambda k: abs(k - i))] for i in range(len(stacks))]
    # what torch does once in every process is not in the others
    usual = costs[0].setup + costs[0].evaluation + 4 * costs[0].step
    return began + max(0.0, warm - start - usual), costs


def _spread(count: int) -> list[int]:
    """The numbers below `count`, each far from those before it: the middle first."""
    order, ranges = [], [(0, count)]
    while ranges:
        low, high = ranges.pop(0)
        if low < high:
            middle = (low + high) // 2
            order.append(middle)
            ranges += [(low, middle), (middle + 1, high)]
    return order


def _kind(members: Sequence[Member]) -> tuple:
    """What the time of a stack depends on, in stacks of one architecture and recipe."""
    acts = {(m.arm.label, m.arm.coupling, m.arm.where, m.arm.dropout) for m in members}
    return (len(members), tuple(sorted(map(str, acts))))


class _Enough(Exception):
    """The measurement may end."""


def _measure(
    members: Sequence[Member], own: Dataset, data: Samples, device: str, *, warming: bool = False
) -> Cost:
    """Train a stack for a moment (`warming`: the shortest), on a part of the data, without a
    trace."""
    recipe = members[0].training()
    part = _cut(data, recipe.batch_size)
    marks: list[float] = []

    def tick(step: int) -> None:
        if device != "cpu":
            torch.cuda.synchronize(device)
        marks.append(perf_counter())
        long = marks[-1] - marks[0] > STACK_SECONDS or step > members[0].steps
        if step > EVALUATE_EVERY and (long or warming):
            raise _Enough

    # long enough to end by the clock, and with a schedule that is not over at once
    endless = replace(recipe, steps=10**7, warmup=0, evaluate_every=EVALUATE_EVERY, snapshots=())
    runs = [replace(member, measured=1e-6).run() for member in members]
    start = perf_counter()
    with suppress(_Enough):
        builds = [builder(network(member, own)) for member in members]
        train_stack(builds, runs, part, endless, Host(device, tick))
    lengths = [b - a for a, b in pairwise(marks)]
    evaluating = [each for i, each in enumerate(lengths, 2) if i % EVALUATE_EVERY == 0]
    step = median(each for i, each in enumerate(lengths, 2) if i % EVALUATE_EVERY)
    evaluation = max(0.0, median(evaluating) - step)
    setup = max(0.0, marks[0] - start - step - evaluation)
    return Cost(setup, step, evaluation * _count(data) / _count(part))


def _cut(data: Samples, batch_size: int | None) -> Samples:
    """A part of the data on which steps cost the same."""
    cut = {}
    for part, (x, y) in data.parts.items():
        least = 2 * batch_size if batch_size else len(y)
        fitting = PART_BYTES // (4 * max(1, x[0].numel()))
        rows = slice(max(1, fitting, least if part == "train" else 0))
        cut[part] = (x[rows], y[rows])
    return replace(data, parts=cut)


def _count(data: Samples) -> int:
    return sum(len(y) for _, y in data.parts.values())
