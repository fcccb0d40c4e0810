"""What is to be learned, and many networks that learn it together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import ceil
from typing import Any

import torch
from joblib import Parallel, delayed, effective_n_jobs
from torch import Tensor

from lpreg.select import select
from lpreg.study.network import Size, work
from lpreg.study.plan import width
from lpreg.train import Build, Outcome, Recipe, Run, Samples, train_stack


@dataclass(frozen=True)
class Task:
    """Data as tensors, and how networks for them are made.

    Attributes:
        x: (samples, features). y: (samples,) or (samples, outputs), as the loss takes them.
        build: makes a network.
        recipe: how to train on so many samples.
    """

    x: Tensor
    y: Tensor
    build: Build
    recipe: Callable[[int], Recipe]

    def train(self, runs: Sequence[Run], n_jobs: int | None = None) -> list[Outcome]:
        """What becomes of the runs, in their order.

        They train in stacks of those with equally many rows, no larger than the caches like, in
        `n_jobs` processes as scikit-learn counts them.
        """
        count = [len(self.x) if run.rows is None else len(run.rows) for run in runs]
        order = sorted(range(len(runs)), key=count.__getitem__)
        asked: Any = n_jobs
        jobs = effective_n_jobs(asked)
        stacks = [
            stack
            for rows, alike in groupby(order, key=count.__getitem__)
            for stack in _pieces(list(alike), self._width(self.recipe(rows)), jobs)
        ]
        samples = Samples({"train": (self.x, self.y)})
        trained: Any = Parallel(n_jobs=min(jobs, len(stacks)))(
            delayed(train_stack)(
                self.build, [runs[i] for i in stack], samples, self.recipe(count[stack[0]])
            )
            for stack in stacks
        )
        placed = {
            i: outcome
            for stack, outcomes in zip(stacks, trained, strict=True)
            for i, outcome in zip(stack, outcomes, strict=True)
        }
        return [placed[i] for i in range(len(runs))]

    def _width(self, recipe: Recipe) -> int:
        """How many networks a stack takes."""
        model = self.build(torch.Generator())
        units, products = work(model, self.x[:1].float())
        parameters = sum(p.numel() for p in model.parameters())
        weights = sum(w.numel() for w in select(model, "weights").values())
        size = Size(parameters, weights, units, products, self.x.shape[1], len(self.x))
        return width(size, recipe.batch_size or len(self.x), "cpu")


def _pieces(members: list[int], widest: int, jobs: int) -> list[list[int]]:
    """The members in stacks of about equal size, a multiple of the jobs where there are enough."""
    count = min(len(members), jobs * ceil(len(members) / (jobs * widest)))
    cuts = [len(members) * k // count for k in range(count + 1)]
    return [members[a:b] for a, b in pairwise(cuts)]
