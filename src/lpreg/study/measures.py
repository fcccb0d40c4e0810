"""What is measured of trained networks beside their curves: pruned, cast, cut off, and by input.

A measure is a number of one member, in some of its tensors and at some value where that applies:

| measure | of | at |
| --- | --- | --- |
| `pruned_{val,test}_{accuracy,mse}` | predictions with the largest weights alone | density |
| `zeros_bfloat16`, `zeros_int8` | each tensor: weights that are zero after the cast | |
| `dead_units` | each tensor: units without an incoming, or in a chain an outgoing, weight | |
| `effective_zeros` | a chain of layers: weights on no path from input to output | |
| `map_epoch`, `map_converged` | weight map: when it stopped changing, and whether it did (0, 1) | |
| `removed`, `removed_shuffled`, `removed_constant` | weight map: inputs that are not read | |
| `inputs`, `inputs_shuffled`, `inputs_constant` | how many there are | |
| `latitude_rank` | weight map: 1 when no input is brighter than this one | |
| `importance`, `importance_sd` | permutation importance of an input | its number |
| `agreement` | rank correlation of weight map and importance | |

Weight maps are those of recipes that keep snapshots of the first layer; importances are measured
where there are maps of at most `FEW` inputs. Of members that diverged nothing is measured.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from torch import Tensor, nn

from lpreg import models
from lpreg.analysis import sparsity
from lpreg.analysis.convergence import map_convergence
from lpreg.analysis.weightmaps import agreement, removals
from lpreg.data import Dataset
from lpreg.select import select
from lpreg.study import kept, rows
from lpreg.study.errors import FolderError
from lpreg.study.importance import importance_of
from lpreg.study.maps import Maps, inputs_in, map_of
from lpreg.study.member import Member, members
from lpreg.study.network import builder, dataset, samples
from lpreg.study.store import Folder
from lpreg.train import DTYPES, PRECISIONS, Samples, score
from lpreg.train.evaluation import Evaluation, trained

FEW = 100
"""Inputs up to which each is permuted: of more, such as pixels, one alone matters to nobody."""

COARSE = (1.0, 0.5, 0.2, 0.1)
"""Densities at which convolutional networks are pruned when more would take too long."""

LONG = 0.02
"""Share of the samples seen in training from which on pruning takes too long."""

PARTS = ("val", "test")

Number = tuple[str, str | None, float | None, float]
"""A measure's name, tensor, place and value: a row without its member."""


@dataclass(frozen=True)
class Kept:
    """What is left of a trained member.

    Attributes:
        member: what was trained.
        state: its last weights and buffers, by name.
        snapshots: copies of its tensors, name -> (k, *shape), and "epoch" -> (k,); may be empty.
    """

    member: Member
    state: Mapping[str, Tensor]
    snapshots: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Lesson:
    """What the members of a stack have in common: the data set, as they see it, their network."""

    dataset: Dataset
    samples: Samples
    network: Mapping[str, Any]


def measure(stack: Sequence[Kept], lesson: Lesson, device: str = "cpu") -> pa.Table:
    """The rows of `measures` of finished members of a stack; `device` runs the pruned networks."""
    model = builder(dict(lesson.network))(torch.Generator())
    names = list(select(model, "weights"))
    is_chain = _is_chain(model, names)
    found = []
    for each, pruned in zip(stack, _pruned(stack, lesson, device), strict=True):
        weights = {name: each.state[name].numpy() for name in names}
        numbers = [*pruned, *_zeros(weights, is_chain), *_first_layer(each, lesson)]
        found += [_row(each.member, *number) for number in numbers]
    return rows.table(found, rows.MEASURES)


def _row(member: Member, name: str, tensor: str | None, at: float | None, value: float) -> rows.Row:
    numbers = (member.id, name, tensor, at, float(value))
    return dict(zip(rows.MEASURES, numbers, strict=True))


def densities(member: Member, convolutional: bool) -> tuple[float, ...]:
    """At which shares of the weights a network is pruned.

    All of `sparsity.DENSITIES`; for a convolutional one `COARSE` if the validation and test samples
    of all of them are more than `LONG` of the samples that it sees in training, where a sample
    that is trained on counts three times: forward, and backward to outputs and weights.
    """
    split = member.data.split
    evaluations = 1 + member.epochs / member.recipe.evaluate_every
    seen = 3 * member.steps * member.batch_size
    seen += evaluations * (split.train + split.val + split.test)
    costs = len(sparsity.DENSITIES) * (split.val + split.test)
    return COARSE if convolutional and costs > LONG * seen else sparsity.DENSITIES


@torch.no_grad()
def _pruned(stack: Sequence[Kept], lesson: Lesson, device: str) -> list[list[Number]]:
    """How well each member predicts with its largest weights alone."""
    if not stack:
        return []
    first = stack[0].member
    recipe = first.training()
    name, mean = score(recipe.loss)
    parts = {part: lesson.samples.parts[part] for part in PARTS}
    seen = replace(lesson.samples, parts=parts).on(device, DTYPES[recipe.dtype])
    found: list[list[Number]] = [[] for _ in stack]
    with PRECISIONS[recipe.precision].training(device):
        build = builder(dict(lesson.network))
        networks = trained(build, [each.state for each in stack], recipe, device)
        evaluation = Evaluation(networks, seen, {name: mean})
        weights = networks.flat[:, : networks.weights]
        convolutional = any(len(shape) > 2 for shape in networks.shapes.values())
        at = densities(first, convolutional)
        cutoffs = torch.from_numpy(sparsity.cutoffs(weights.abs().cpu().numpy(), at)).to(device)
        for density, cutoff in zip(at, cutoffs.T, strict=True):
            weights.masked_fill_(weights.abs() < cutoff[:, None], 0)
            for part in PARTS:
                values = evaluation.means(part)[name].tolist()
                for numbers, value in zip(found, values, strict=True):
                    numbers.append((f"pruned_{part}_{name}", None, density, value))
    return found


def _zeros(weights: Mapping[str, np.ndarray], is_chain: bool) -> Iterator[Number]:
    """Zeros after casts, and what they cut off."""
    after = {a: weights[b] for a, b in pairwise(weights)} if is_chain else {}
    for name, w in weights.items():
        yield "zeros_bfloat16", name, None, sparsity.zeros(sparsity.bfloat16(w))
        yield "zeros_int8", name, None, sparsity.zeros(sparsity.int8(w))
        yield "dead_units", name, None, int(sparsity.dead_units(w, after.get(name)).sum())
    if is_chain:
        cut = [int((~on_path).sum()) for on_path in sparsity.effective([*weights.values()])]
        yield "effective_zeros", None, None, sum(cut)


POOLS = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d, nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
POOLS += (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
UNIT_BY_UNIT = (*models.ACTIVATIONS.values(), *POOLS, models.Dropout, nn.Flatten, nn.Identity)
UNIT_BY_UNIT += (nn.LeakyReLU, nn.Sigmoid, nn.GELU, nn.SiLU, nn.ELU, nn.Softplus, nn.Hardtanh)


def _is_chain(model: nn.Module, names: Sequence[str]) -> bool:
    """Whether each layer with weights, by its name, reads the outputs of the one before alone."""
    if not isinstance(model, nn.Sequential):
        return False
    layers = [
        (f"{name}.weight", layer)
        for name, layer in model.named_children()
        if not isinstance(layer, UNIT_BY_UNIT)
    ]
    convolutions = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    return [name for name, _ in layers] == list(names) and all(
        isinstance(layer, nn.Linear) or (isinstance(layer, convolutions) and layer.groups == 1)
        for _, layer in layers
    )


def _first_layer(each: Kept, lesson: Lesson) -> Iterator[Number]:
    """What the weight maps of a member say, if its recipe keeps snapshots of its first layer."""
    copies = dict(each.snapshots)
    maps = map_of(copies.pop("epoch"), copies) if copies else None
    inputs = inputs_in(lesson.dataset, lesson.samples.parts["train"][0]) if maps else None
    if maps is None or inputs is None or maps.scores.shape[1] != len(inputs.names):
        return
    epoch, converged = map_convergence(*maps)
    yield "map_epoch", None, None, epoch
    yield "map_converged", None, None, converged
    there = removals(np.zeros(len(inputs.names)), inputs.names, inputs.constant)
    for name, gone in removals(maps.scores[-1], inputs.names, inputs.constant).items():
        yield name, None, None, gone
        yield name.replace("removed", "inputs"), None, None, there[name]
    if "latitude" in inputs.names and maps.scores[-1].any():
        brighter = maps.scores[-1] > maps.scores[-1][inputs.names.index("latitude")]
        yield "latitude_rank", None, None, 1 + int(brighter.sum())
    if len(inputs.names) <= FEW:
        yield from _needs(each, lesson, maps)


def _needs(each: Kept, lesson: Lesson, maps: Maps) -> Iterator[Number]:
    """Which inputs a member needs, and whether its weight map says so."""
    model = kept.filled(dict(lesson.network), each.state)
    needs = importance_of(model, lesson.samples, each.member.recipe.loss)
    for i, (mean, sd) in enumerate(zip(*needs, strict=True)):
        yield "importance", None, i, mean
        yield "importance_sd", None, i, sd
    yield "agreement", None, None, agreement(maps.scores[-1], needs.importance)


def complete(folder: str | Path, *, allow_code: bool = False) -> pd.DataFrame:
    """All measures of a run folder, where `lpreg.read(folder).measures` has only those stored.

    Finished stacks that have none, because they are from an older lpreg, are measured now, as far
    as their weights are kept, and what is found is stored; not if the folder cannot be written or
    another process is at work in it.

    Args:
        folder: the run folder.
        allow_code: import the code that the folder names, if networks are somebody's own; they are
            left out otherwise.

    Raises:
        FolderError: the folder holds no study, or a file is damaged.
        DataError: a data set is needed and not to be had.
    """
    shelf = Shelf(folder, allow_code)
    place = shelf.folder
    todo = [id for id in place.finished() if not place.is_measured(id)]
    found = {id: measure(*shelf.stack(id)) for id in todo if shelf.holds(id)}
    whole = place.measures(found.values())
    with suppress(FolderError):
        if found:
            with place.locked():
                for id, table in found.items():
                    place.add_measures(id, table)
    return whole


class Shelf:
    """What a run folder keeps of its stacks, every data set read once."""

    def __init__(self, folder: str | Path, allow_code: bool = False) -> None:
        self.folder = Folder(folder)
        study = self.folder.study()
        self._planned = {} if study is None else {m.id: m for m in members(study)}
        self._allow_code = allow_code
        self._data: dict[tuple, tuple[Dataset, Samples]] = {}

    def holds(self, id: str) -> bool:
        """Whether weights of a stack are kept, of a network that may be built."""
        network = kept.network(self.folder, id)
        return network is not None and (self._allow_code or not models.is_code(network["kind"]))

    def stack(self, id: str) -> tuple[list[Kept], Lesson]:
        """The finished members of a stack whose weights are kept, in their order."""
        states, about = kept.of_stack(self.folder, "weights", id)
        copies, _ = kept.of_stack(self.folder, "snapshots", id)
        results = self.folder.table(id, "results").select(["member", "status"]).to_pylist()
        finished = [row["member"] for row in results if row["status"] == "ok"]
        stack = [
            Kept(
                self._planned[member],
                states[member],
                {name: each.numpy() for name, each in copies.get(member, {}).items()},
            )
            for member in finished
            if member in states
        ]
        return stack, self._lesson(self._planned[next(iter(states))], json.loads(about["network"]))

    def _lesson(self, member: Member, network: Mapping[str, Any]) -> Lesson:
        key = (member.data, member.recipe.inputs, member.split_seed)
        if key not in self._data:
            own = dataset(member.data)
            self._data[key] = own, samples(member, own)
        return Lesson(*self._data[key], network)
