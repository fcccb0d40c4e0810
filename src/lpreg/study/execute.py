"""Training what a study asks for, and storing it."""

import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from lpreg import __version__, select
from lpreg.study import rows, workers
from lpreg.study.checkpoint import StackCheckpoint
from lpreg.study.errors import FolderError
from lpreg.study.matched import measured
from lpreg.study.measures import measure
from lpreg.study.member import Member, extend
from lpreg.study.network import builder, dataset, network, samples
from lpreg.study.own import check_unchanged
from lpreg.study.plan import Agenda, Resources, Sizes, Stack, agenda, seconds
from lpreg.study.shelf import Kept, Lesson
from lpreg.study.spec import Study
from lpreg.study.store import Folder, Trained
from lpreg.train import Host, Outcome, train_stack

KEEP_BELOW = 100_000
"""Weights of a model from which on only the first seed's are kept."""


@dataclass(frozen=True)
class Task:
    """A stack as it travels to a worker."""

    study: str
    members: tuple[Member, ...]
    threads: int
    keep_all: bool
    checkpoint: StackCheckpoint


def train(task: Task, tick: Callable[[int], None]) -> Trained:
    """Train a stack; `tick` is told the steps done."""
    torch.set_num_threads(task.threads)
    first = task.members[0]
    own = dataset(first.data)
    plain = network(first, own)
    data, device = samples(first, own), task.checkpoint.device
    outcomes = train_stack(
        [builder(network(member, own)) for member in task.members],
        [member.run() for member in task.members],
        data,
        first.training(),
        Host(device, tick, task.checkpoint),
    )
    names = list(select.select(builder(plain)(torch.Generator()), "weights"))
    pairs = list(zip(task.members, outcomes, strict=True))
    weights = {m.id: {name: outcome.state[name] for name in names} for m, outcome in pairs}
    results = [
        rows.result(task.study, m, outcome, weights[m.id]) | {"unit": own.unit or None}
        for m, outcome in pairs
    ]
    copies = {m.id: rows.snapshots(m, outcome) for m, outcome in pairs}
    finished = [Kept(m, each.state, copies[m.id]) for m, each in pairs if each.status == "ok"]
    return Trained(
        results=rows.table(results),
        curves=rows.table([row for m, outcome in pairs for row in rows.curve(m, outcome)]),
        sparsity=rows.table([row for m, _ in pairs for row in rows.sparsity(m, weights[m.id])]),
        measures=measure(finished, Lesson(own, data, plain), device),
        weights=_kept(task, pairs, sum(w.numel() for w in weights[first.id].values())),
        snapshots={f"{m}/{name}": v for m, own in copies.items() for name, v in own.items()},
        network=plain,
        rates={m.id: {"dropout": m.arm.dropout} for m in task.members},
    )


def _kept(task: Task, pairs: Sequence[tuple[Member, Outcome]], weights: int) -> dict[str, Any]:
    # safetensors writes the bytes as they lie, and stacks keep matrices transposed
    everyone = task.keep_all or weights < KEEP_BELOW
    return {
        f"{member.id}/{name}": np.ascontiguousarray(value.numpy())
        for member, outcome in pairs
        if everyone or member.seed == 0
        for name, value in outcome.state.items()
    }


class Watch(Protocol):
    """Who is told how the work goes on."""

    def say(self, text: str) -> None:
        """This is done before stacks are trained."""

    def begin(
        self, todo: Sequence[Sequence[Member]], costs: Sequence[float], done: Sequence[int]
    ) -> None:
        """These stacks are about to be trained, at about these costs; so many steps are done."""

    def step(self, stack: int, steps: int) -> None:
        """The stack with this number has done so many steps."""

    def finish(self, stack: int) -> None:
        """The stack with this number has ended."""


@dataclass(frozen=True)
class Order:
    """What a command asks for: members of a study, in a folder, with some resources."""

    study: Study
    wanted: tuple[Member, ...]
    folder: Folder
    resources: Resources
    sizes: Sizes

    def survey(self) -> tuple[Study, Agenda, set[str]]:
        """The study that the folder will hold, what is to be done, and the members stored.

        Raises:
            FolderError: the folder holds something else, another study, or damaged files.
        """
        held = self.folder.study()
        study = self.study if held is None else self._extended(held)
        stored = self.folder.stored()
        finished = {member for each in stored.values() for member in each}
        plan = self.folder.plan()
        return study, agenda(self.wanted, plan, stored, self.sizes, self.resources), finished

    def _extended(self, held: Study) -> Study:
        check_unchanged(held, self.study, self.folder)
        try:
            return extend(held, self.study)
        except ValueError as error:
            raise FolderError(
                f"{self.folder} holds another study: {error}; choose another folder with --out, "
                f"or go on with {self.folder}/study.toml"
            ) from None


def run(order: Order, watch: Watch) -> list[str]:
    """Train what is missing, and store every stack as it ends.

    Returns:
        What went wrong, one text per stack that failed; all the others are stored.

    Raises:
        FolderError: see `Order.survey`; or the folder cannot be written, or is in use.
    """
    order.folder.study()
    with order.folder.locked():
        study, work, _ = order.survey()
        if not work.todo:
            order.folder.restate(study)
            return []
        order.folder.begin(study, work.plan, environment(order.resources))
        return _train_all(order, study, work.todo, watch)


def _train_all(order: Order, study: Study, todo: list[Stack], watch: Watch) -> list[str]:
    chosen = {id for stack in todo for id in stack.members}
    missing = [member for member in order.wanted if member.id in chosen]
    strong = measured(missing, order.folder, order.resources.device, watch.say)
    of = {member.id: member for member in strong}
    keep_all = study.head.keep_weights == "all"
    tasks = [
        Task(
            study.name,
            tuple(of[id] for id in stack.members),
            stack.threads,
            keep_all,
            order.folder.checkpoint(stack, study.plan.checkpoint),
        )
        for stack in todo
    ]
    costs = [seconds(task.members, order.sizes) for task in tasks]
    done = [task.checkpoint.step() for task in tasks]
    watch.begin([task.members for task in tasks], costs, done)
    failures = []
    with closing(workers.map(train, tasks, order.resources.workers, watch.step)) as ends:
        for end in ends:
            watch.finish(end.task)
            if isinstance(end, workers.Done):
                order.folder.add(todo[end.task], end.value)
            else:
                first = tasks[end.task].members[0]
                name = f"{first.model.name}, recipe {first.recipe.name}, stack {todo[end.task].id}"
                failures.append(f"{name}: {end.error}")
    return failures


def environment(resources: Resources) -> dict[str, Any]:
    """Versions, machine, device and the git commit of lpreg itself, if it has one."""
    packages = ("torch", "numpy", "pandas", "pyarrow", "safetensors", "scikit-learn")
    cuda = resources.device != "cpu"
    return {
        "lpreg": __version__,
        "commit": _commit(),
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "workers": resources.workers,
        "threads": resources.threads,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _commit() -> str | None:
    here = Path(__file__).parent
    command = ["git", "-C", str(here), "log", "-1", "--format=%H", "--", str(here)]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip() or None
