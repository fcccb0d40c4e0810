"""Permutation importance: how much worse a trained network gets when an input says nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from lpreg.data import Dataset
from lpreg.study.errors import FolderError, unknown
from lpreg.study.kept import opened, rebuild
from lpreg.study.member import members
from lpreg.study.network import dataset, samples
from lpreg.study.store import Folder
from lpreg.train import Samples, score

PART = "test"
"""The part whose samples are permuted: importance is about samples that nobody has seen."""


@dataclass(frozen=True)
class Permutations:
    """How inputs are permuted.

    Attributes:
        repeats: permutations per input.
        samples: of the part, at most.
        seed: of the permutations, which are the same for all inputs and members, so that their
            differences are not those of the permutations.
    """

    repeats: int = 5
    samples: int = 1000
    seed: int = 0

    def orders(self, samples: int) -> Tensor:
        """The permutations of so many samples, (repeats, samples)."""
        random = np.random.default_rng(self.seed)
        return torch.from_numpy(random.permuted([range(samples)] * self.repeats, axis=1))


class Importance(NamedTuple):
    """How much worse a network gets without an input, (inputs,): mean over the permutations, sd."""

    importance: np.ndarray
    sd: np.ndarray


@torch.no_grad()
def importance(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    measure: Callable[[Tensor, Tensor], Tensor],
    orders: Tensor,
) -> Tensor:
    """How much a measure of a network rises when one input is permuted over the samples.

    Args:
        model: in evaluation mode.
        x: what it sees, (n, features...).
        y: targets, (n,).
        measure: outputs (n, k), targets -> a number; an error rises, an accuracy falls.
        orders: permutations of the samples, (repeats, n).

    Returns:
        (inputs, repeats); exactly 0 for an input that is constant.

    Source: Breiman, "Random forests", Machine Learning 45, 2001, section 10.
    """
    seen = x.flatten(1).clone()
    base = measure(model(x), y)
    rises = torch.zeros(seen.shape[1], len(orders), dtype=base.dtype)
    for i in (seen != seen[0]).any(0).nonzero()[:, 0].tolist():
        column = seen[:, i].clone()
        for repeat, order in enumerate(orders):
            seen[:, i] = column[order]
            rises[i, repeat] = measure(model(seen.view_as(x)), y) - base
        seen[:, i] = column
    return rises


def importances(
    folder: str | Path, which: Iterable[str], permutations: Permutations | None = None
) -> pd.DataFrame:
    """Permutation importances of the inputs of trained members, on the test part.

    Args:
        folder: the run folder.
        which: ids of members whose weights it keeps.
        permutations: how; the default `Permutations` when left out.

    Returns:
        One row per member and input: `member`, `input` (its name, or its number from 0),
        `importance` (mean over the permutations of the fall of the accuracy, in [-1, 1], or of the
        rise of the squared error, in the target's unit) and `sd` over the permutations.

    Raises:
        FolderError: the folder holds no study, or not the weights of a member.
        DataError: the data set is not to be had.
    """
    place, how = Folder(folder), permutations or Permutations()
    study = place.study()
    planned = {} if study is None else {member.id: member for member in members(study)}
    prepared: dict[Any, tuple[list[str], Samples]] = {}
    tables = []
    for id in which:
        if id not in planned:
            raise FolderError(f"{folder}: {unknown('member', id, planned)}")
        member = planned[id]
        key = (member.data, member.recipe.inputs, member.split_seed)
        if key not in prepared:
            own = dataset(member.data)
            prepared[key] = input_names(own), samples(member, own)
        names, data = prepared[key]
        numbers = importance_of(rebuild(place, id), data, member.recipe.loss, how)
        tables.append(pd.DataFrame({"member": id, "input": names, **numbers._asdict()}))
    empty = pd.DataFrame(columns=["member", "input", "importance", "sd"])
    return pd.concat(tables, ignore_index=True) if tables else empty


def stored(folder: Folder) -> set[str]:
    """The members whose weights a run folder keeps.

    Raises:
        FolderError: a file of weights is damaged.
    """
    found: set[str] = set()
    for file in (folder.path / "weights").glob("*.safetensors"):
        with opened(file) as tensors:
            found |= {name.partition("/")[0] for name in tensors.keys()}  # noqa: SIM118
    return found


def input_names(dataset: Dataset) -> list[str]:
    """Names of the inputs of a data set, or their numbers from 0."""
    return list(dataset.features) or [str(i) for i in range(dataset.x[0].numel())]


def importance_of(
    model: nn.Module, data: Samples, loss: str, permutations: Permutations | None = None
) -> Importance:
    """The importances of all inputs of a trained network, in the measure that goes with its loss.

    Args:
        model: in evaluation mode, on the CPU.
        data: that it was trained on, of which the first samples of `PART` are permuted.
        loss: a name of `lpreg.train.LOSSES`.
        permutations: how; the default `Permutations` when left out.
    """
    how = permutations or Permutations()
    x, y = data.parts[PART]
    few = replace(data, parts={PART: (x[: how.samples], y[: how.samples])})
    there = few.on("cpu", next(model.parameters()).dtype)
    x, y = there.parts[PART]
    name, measure = score(loss)
    rises = importance(model, there.batch(x), y, measure, how.orders(len(y)))
    worse = (there.unit**2 * rises if name == "mse" else -rises).double().numpy()
    return Importance(worse.mean(1), _deviation(worse))


def _deviation(rises: np.ndarray) -> np.ndarray:
    """Over the permutations, with n - 1 in the denominator; NaN of a single one."""
    if rises.shape[1] < 2:
        return np.full(len(rises), np.nan)
    return rises.std(1, ddof=1)
