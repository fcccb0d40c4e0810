"""Which members train together, where, and in which order."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from math import ceil
from os import sysconf

import torch

from lpreg.study.member import Member
from lpreg.study.network import Size
from lpreg.train.samples import PIECE

Sizes = Mapping[str, Size]


@dataclass(frozen=True)
class Resources:
    """What a command may use: device, processes, threads of each, a width it insists on."""

    device: str = "cpu"
    workers: int = 1
    threads: int = 1
    width: int | None = None


@dataclass(frozen=True)
class Stack:
    """Members that train together. Stored, so that a resumed run repeats it to the last bit."""

    members: tuple[str, ...]
    device: str
    threads: int

    @cached_property
    def id(self) -> str:
        """A short hash of what is in it: the name of its files."""
        text = " ".join([*self.members, self.device, str(self.threads)])
        return sha256(text.encode()).hexdigest()[:12]

    def as_json(self) -> dict:
        """Plain values for plan.json."""
        return {"id": self.id, **asdict(self)}


def width(size: Size, batch_size: int, device: str) -> int:
    """How many members of one architecture a stack takes at most.

    Small layers leave a processor waiting for the next call, so that many networks cost hardly
    more than one; wide layers fill it alone, and so do layers whose outputs leave its caches, and
    all convolutions. The numbers are where `benchmarks/bench_stack.py` and `bench_studies.py` turn
    on a CPU; a GPU is filled by far more, which is not measured.
    """
    if size.products > 2 * size.weights:
        return 1
    if device != "cpu":
        return max(1, 40_000_000 // size.weights)
    if size.weights > 400_000:
        return 1
    cached = 16_000_000 // (4 * batch_size * size.units)
    return max(1, min(80, 1_400_000 // size.weights, cached))


def memory(size: Size, batch_size: int, members: int) -> int:
    """Bytes that a stack of so many members takes, about.

    Weights, gradient, two moments and the three tensors of dual averaging; and the outputs of all
    layers, those of a batch with their activations and gradients, or those of a piece on which the
    parts are evaluated, in float32.
    """
    piece = min(size.samples, PIECE // (4 * size.inputs) + 1)
    outputs = size.units * max(4 * batch_size, 2 * piece)
    return 4 * members * (7 * size.parameters + outputs)


def fits(size: Size, batch_size: int, resources: Resources) -> int:
    """How many members half of the memory there is holds, in every worker at once."""
    if resources.device == "cpu":
        there = sysconf("SC_PAGE_SIZE") * sysconf("SC_PHYS_PAGES")
    else:
        there = torch.cuda.get_device_properties(resources.device).total_memory
    return max(1, there // 2 // resources.workers // memory(size, batch_size, 1))


def seconds(members: Sequence[Member], sizes: Sizes) -> float:
    """What a stack costs one CPU thread, roughly.

    Each step costs the stack a fixed 5 ms, or one network alone 1 ms, and each member 6 operations
    per product and sample at 100 thousand million a second, 9 ns per unit and sample, and 16 ns per
    parameter for optimizer and penalty. Fitted to the models of the studies on one core of a
    server, within a factor of two; a sample that is only evaluated counts as a third.
    """
    first = members[0]
    size = sizes[key(first)]
    evaluated = size.samples / (first.recipe.evaluate_every * first.steps_per_epoch)
    samples = first.batch_size + evaluated / 3
    each = samples * (6e-11 * size.products + 9e-9 * size.units) + 16e-9 * size.parameters
    fixed = 5e-3 if len(members) > 1 else 1e-3
    return first.steps * (fixed + len(members) * each)


def key(member: Member) -> str:
    """Where `sizes` has the size of its network."""
    return f"{member.data.name}/{member.model.name}"


def stacks(wanted: Iterable[Member], sizes: Sizes, resources: Resources) -> list[Stack]:
    """Spread members over stacks, the longest first.

    Members of one architecture and recipe share stacks as wide as `width` and memory allow, all of
    one architecture about equally wide. No stack is longer than a worker's share of the whole work,
    so that all workers finish together; a width that was asked for is kept as it is.
    """
    groups: dict[tuple, list[Member]] = {}
    for member in wanted:
        groups.setdefault(member.stackable(), []).append(member)
    share = sum(seconds(group, sizes) for group in groups.values()) / resources.workers
    planned: list[tuple[float, Stack]] = []
    for group in groups.values():
        for part in _parts(group, _pieces(group, sizes, resources, share)):
            ids = tuple(member.id for member in part)
            stack = Stack(ids, resources.device, resources.threads)
            planned.append((seconds(part, sizes), stack))
    planned.sort(key=lambda pair: -pair[0])
    return [stack for _, stack in planned]


def _pieces(group: list[Member], sizes: Sizes, resources: Resources, share: float) -> int:
    if resources.width is not None:
        return ceil(len(group) / resources.width)
    size = sizes[key(group[0])]
    batch_size = group[0].batch_size
    widest = min(width(size, batch_size, resources.device), fits(size, batch_size, resources))
    balanced = ceil(seconds(group, sizes) / share) if resources.workers > 1 else 1
    return min(len(group), max(ceil(len(group) / widest), balanced))


def _parts(group: list[Member], pieces: int) -> list[list[Member]]:
    """Cut a list into so many runs whose lengths differ by one at most."""
    ends = [len(group) * k // pieces for k in range(pieces + 1)]
    return [group[a:b] for a, b in pairwise(ends)]


@dataclass(frozen=True)
class Agenda:
    """What is to be done: the stacks to train now, and the whole plan with all that is kept."""

    todo: list[Stack]
    plan: list[Stack]


def agenda(
    wanted: Iterable[Member],
    planned: Iterable[Stack],
    finished: Mapping[str, Collection[str]],
    sizes: Sizes,
    resources: Resources,
) -> Agenda:
    """Planned minus stored, for the members that are wanted now.

    Args:
        wanted: members.
        planned: the stacks of plan.json.
        finished: the ids of the stacks whose results are stored, with those of their members.
        sizes: see `network.check`.
        resources: for what is planned anew.

    Pending stacks whose members are all wanted are trained as planned; those with none stay for
    later; the others are dissolved.
    """
    planned = list(planned)
    stored = {member for each in finished.values() for member in each}
    missing = {member.id: member for member in wanted if member.id not in stored}
    pending = [stack for stack in planned if stack.id not in finished]
    repeated = [stack for stack in pending if missing.keys() >= set(stack.members)]
    later = [stack for stack in pending if missing.keys().isdisjoint(stack.members)]
    taken = {m for stack in repeated for m in stack.members}
    rest = [member for id, member in missing.items() if id not in taken]
    todo = repeated + (stacks(rest, sizes, resources) if rest else [])
    by_cost = sorted(todo, key=lambda s: -seconds([missing[m] for m in s.members], sizes))
    done = [stack for stack in planned if stack.id in finished]
    return Agenda(by_cost, done + by_cost + later)
