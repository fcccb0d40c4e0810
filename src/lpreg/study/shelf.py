"""What is left of trained members, in a run folder or straight from training."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from lpreg import models
from lpreg.data import Dataset
from lpreg.study import kept
from lpreg.study.maps import Inputs, inputs_in
from lpreg.study.member import Member, members
from lpreg.study.network import builder, dataset, samples
from lpreg.study.store import Folder
from lpreg.train import DTYPES, Build, Recipe, Samples


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
    network: dict[str, Any]

    @property
    def build(self) -> Build:
        """Makes the network."""
        return builder(self.network)

    @cached_property
    def inputs(self) -> Inputs:
        """What a first layer reads."""
        return inputs_in(self.dataset, self.samples.parts["train"][0])

    def on(self, device: str, recipe: Recipe, parts: Iterable[str]) -> Samples:
        """Some parts there, as a network sees them."""
        few = replace(self.samples, parts={part: self.samples.parts[part] for part in parts})
        return few.on(device, DTYPES[recipe.dtype])


class Shelf:
    """What a run folder keeps of its stacks, every data set read once.

    Attributes:
        folder: the run folder.
        resampled: whether every seed has a split of its own.
    """

    def __init__(self, folder: str | Path, allow_code: bool = False) -> None:
        self.folder = Folder(folder)
        study = self.folder.study()
        self._planned = {} if study is None else {m.id: m for m in members(study)}
        self.resampled = study is not None and bool(study.head.resample)
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

    def _lesson(self, member: Member, network: dict[str, Any]) -> Lesson:
        key = (member.data, member.recipe.inputs, member.split_seed)
        if key not in self._data:
            own = dataset(member.data)
            self._data[key] = own, samples(member, own)
        return Lesson(*self._data[key], network)
