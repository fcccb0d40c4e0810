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
| `latitude_importance` | importances: 1 when no input is more important than this one | |

Weight maps are those of recipes that keep snapshots of the first layer; importances are measured
where there are maps of at most `FEW` inputs. Of members that diverged nothing is measured.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from torch import Tensor

from lpreg.analysis import chosen, ensemble, sparsity
from lpreg.analysis.convergence import map_convergence
from lpreg.analysis.tables import CELL, KNOBS
from lpreg.analysis.weightmaps import agreement, removals
from lpreg.select import select
from lpreg.structure import chain, dead_units, effective
from lpreg.study import rows
from lpreg.study.errors import FolderError
from lpreg.study.importance import importance_of, stored
from lpreg.study.kept import filled
from lpreg.study.maps import map_of
from lpreg.study.member import Member
from lpreg.study.shelf import Kept, Lesson, Shelf
from lpreg.train import PRECISIONS, score
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


def measure(stack: Sequence[Kept], lesson: Lesson, device: str = "cpu") -> pa.Table:
    """The rows of `measures` of finished members of a stack; `device` runs the pruned networks."""
    model = lesson.build(torch.Generator())
    names = list(select(model, "weights"))
    is_chain = chain(model) == names
    found = []
    for each, pruned in zip(stack, _pruned(stack, lesson, device), strict=True):
        weights = {name: each.state[name] for name in names}
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
    seen = lesson.on(device, recipe, PARTS)
    found: list[list[Number]] = [[] for _ in stack]
    with PRECISIONS[recipe.precision].training(device):
        networks = trained(lesson.build, [each.state for each in stack], recipe, device)
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


def _zeros(weights: Mapping[str, Tensor], is_chain: bool) -> Iterator[Number]:
    """Zeros after casts, and what they cut off."""
    after = {a: weights[b] for a, b in pairwise(weights)} if is_chain else {}
    for name, w in weights.items():
        yield "zeros_bfloat16", name, None, sparsity.zeros(sparsity.bfloat16(w.numpy()))
        yield "zeros_int8", name, None, sparsity.zeros(sparsity.int8(w.numpy()))
        yield "dead_units", name, None, int(dead_units(w, after.get(name)).sum())
    if is_chain:
        cut = [int((~on_path).sum()) for on_path in effective([*weights.values()])]
        yield "effective_zeros", None, None, sum(cut)


def _first_layer(each: Kept, lesson: Lesson) -> Iterator[Number]:
    """What the weight maps of a member say, if its recipe keeps snapshots of its first layer."""
    copies = dict(each.snapshots)
    maps = map_of(copies.pop("epoch"), copies) if copies else None
    if maps is None or maps.scores.shape[1] != len(lesson.inputs.names):
        return
    inputs = lesson.inputs
    epoch, converged = map_convergence(*maps)
    yield "map_epoch", None, None, epoch
    yield "map_converged", None, None, converged
    there = removals(np.zeros(len(inputs.names)), inputs.names, inputs.constant)
    for name, gone in removals(maps.scores[-1], inputs.names, inputs.constant).items():
        yield name, None, None, gone
        yield name.replace("removed", "inputs"), None, None, there[name]
    if "latitude" in inputs.names and maps.scores[-1].any():
        yield "latitude_rank", None, None, _rank("latitude", inputs.names, maps.scores[-1])
    if len(inputs.names) <= FEW:
        yield from _needs(each, lesson, inputs.names, maps.scores[-1])


def _rank(name: str, names: Sequence[str], scores: np.ndarray) -> int:
    """The place of an input among all by its score, the largest first; ties share the best."""
    return 1 + int((scores > scores[names.index(name)]).sum())


def _needs(
    each: Kept, lesson: Lesson, names: Sequence[str], scores: np.ndarray
) -> Iterator[Number]:
    """Which inputs a member needs, and whether the scores of its weight map say so."""
    model = filled(lesson.network, each.state)
    needs = importance_of(model, lesson.samples, each.member.recipe.loss)
    for i, (mean, sd) in enumerate(zip(*needs, strict=True)):
        yield "importance", None, i, mean
        yield "importance_sd", None, i, sd
    yield "agreement", None, None, agreement(scores, needs.importance)
    if "latitude" in names:
        yield "latitude_importance", None, None, _rank("latitude", names, needs.importance)


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


def ensembles(folder: str | Path, *, allow_code: bool = False) -> pd.DataFrame:
    """What the seeds of a setting predict together on the test part, against what they do alone.

    Args:
        folder, allow_code: as for `complete`.

    Returns:
        One row per setting: the columns of its cell and its own, `diverged` (members), `chosen`
        (on validation), `metric` ("accuracy" or "mse"), `n` (finished members), `member_mean` and
        `ensemble`, that of their mean probabilities or predictions. Left out are settings of one
        member, those of which not all weights are kept, and all of them if every seed has a split
        of its own.

    Raises:
        FolderError, DataError: as `complete`.
    """
    shelf = Shelf(folder, allow_code)
    results = shelf.folder.read().results
    keys = [*CELL, *(knob for knob in KNOBS if knob in results)]
    columns = [*keys, "diverged", "chosen", "metric", *ensemble.Ensemble._fields]
    if results.empty:
        return pd.DataFrame(columns=columns)
    results = results.assign(chosen=chosen(results))
    kept = set() if shelf.resampled else stored(shelf.folder)
    settings = []
    for key, group in results.groupby(keys, sort=False, dropna=False):
        own = group.loc[group["status"] == "ok", "member"].tolist()
        if len(own) > 1 and kept.issuperset(own):
            settings.append(((*key, len(group) - len(own), group["chosen"].iloc[0]), own))
    told = _predictions(shelf, {member for _, own in settings for member in own})
    found = []
    for about, own in settings:
        if told.keys() >= set(own):
            metric, targets = told[own[0]].metric, told[own[0]].targets
            judge = ensemble.mse if metric == "mse" else ensemble.accuracy
            together = judge(np.stack([told[member].outputs for member in own]), targets)
            found.append((*about, metric, *together))
    return pd.DataFrame(found, columns=columns)


@dataclass(frozen=True)
class Predictions:
    """What a member says of the test part.

    Attributes:
        metric: "accuracy" or "mse".
        outputs: class probabilities (n, classes), or values (n,) in the target's unit.
        targets: (n,).
    """

    metric: str
    outputs: np.ndarray
    targets: np.ndarray


def _predictions(shelf: Shelf, wanted: Collection[str]) -> dict[str, Predictions]:
    """Of those wanted whose network may be built, by member."""
    found = {}
    for id in shelf.folder.finished() if wanted else ():
        if shelf.holds(id):
            stack, lesson = shelf.stack(id)
            asked = [each for each in stack if each.member.id in wanted]
            found |= _predicted(asked, lesson) if asked else {}
    return found


@torch.no_grad()
def _predicted(stack: Sequence[Kept], lesson: Lesson) -> dict[str, Predictions]:
    recipe = stack[0].member.training()
    metric, _ = score(recipe.loss)
    seen = lesson.on("cpu", recipe, ["test"])
    with PRECISIONS[recipe.precision].training("cpu"):
        networks = trained(lesson.build, [each.state for each in stack], recipe, "cpu")
        outputs = torch.cat([networks(x, shared=True) for x, _ in seen.pieces("test")], dim=1)
    told = seen.unit * outputs[..., 0] if metric == "mse" else outputs.softmax(-1)
    targets = seen.parts["test"][1] * (seen.unit if metric == "mse" else 1)
    return {
        each.member.id: Predictions(metric, own.numpy(), targets.numpy())
        for each, own in zip(stack, told, strict=True)
    }
