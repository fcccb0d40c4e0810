"""First-layer weight maps of trained members, from the snapshots of a run folder."""

from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from torch import Tensor

from lpreg import data
from lpreg.analysis.weightmaps import Score, mean_magnitude, weight_map
from lpreg.data import Dataset
from lpreg.study.importance import input_names
from lpreg.study.kept import snapshots
from lpreg.study.member import Member
from lpreg.study.network import dataset
from lpreg.train.metrics import constant_inputs


class Inputs(NamedTuple):
    """What the first layer of a network reads.

    Attributes:
        names: of the inputs, their numbers from 0 where they have none.
        shape: rows and columns of an image, (1, inputs) for a table.
        constant: which inputs never change in the training part, (inputs,).
    """

    names: list[str]
    shape: tuple[int, int]
    constant: np.ndarray


class Maps(NamedTuple):
    """The weight maps of one member.

    Attributes:
        epochs: (k,).
        scores: of the inputs, in [0, 1], (k, inputs).
    """

    epochs: np.ndarray
    scores: np.ndarray


def inputs_of(member: Member) -> Inputs:
    """The inputs of the data set that a member is trained on; of images of one channel.

    Raises:
        DataError: the data set is not to be had.
    """
    own = dataset(member.data)
    parts = data.split(own, member.data.split.model_dump(), member.split_seed)
    return inputs_in(own, parts["train"][0])


def inputs_in(own: Dataset, x: Tensor) -> Inputs:
    """The inputs of a data set whose training part has the inputs x, (n, features...)."""
    each = own.x.shape[1:]
    shape = (each[-2], each[-1]) if len(each) > 1 and prod(each[:-2]) == 1 else (1, prod(each))
    return Inputs(input_names(own), shape, constant_inputs(x).numpy())


def weight_maps(
    folder: str | Path, which: Iterable[Member], score: Score = mean_magnitude
) -> dict[str, Maps]:
    """The weight maps of members, by their ids: of the first matrix that their snapshots hold.

    Args:
        folder: the run folder.
        which: members; those whose recipe asks for no snapshots of a matrix are left out.
        score: `mean_magnitude` or `euclidean`, of `lpreg.analysis.weightmaps`.

    Raises:
        FolderError: the folder holds no study, or not what these members are said to have.
    """
    maps = {}
    for member in which:
        if not member.recipe.snapshots:
            continue
        found = map_of(*snapshots(folder, member=member.id), score)
        if found is not None:
            maps[member.id] = found
    return maps


def map_of(
    epochs: np.ndarray, copies: Mapping[str, np.ndarray], score: Score = mean_magnitude
) -> Maps | None:
    """The weight maps of the first matrix among copies of tensors (k, *shape), if there is one."""
    first = next((name for name in copies if copies[name].ndim == 3), None)
    return None if first is None else Maps(epochs, weight_map(copies[first], score))


def long(maps: Mapping[str, Maps], inputs: Inputs) -> pd.DataFrame:
    """Maps of networks with the same inputs as one frame.

    Returns:
        One row per member, epoch and input: `member`, `epoch`, `input`, `score`.
    """
    tables = [
        pd.DataFrame({
            "member": member,
            "epoch": np.repeat(epochs, len(inputs.names)),
            "input": inputs.names * len(epochs),
            "score": scores.ravel(),
        })
        for member, (epochs, scores) in maps.items()
    ]  # fmt: skip
    empty = pd.DataFrame(columns=["member", "epoch", "input", "score"])
    return pd.concat(tables, ignore_index=True) if tables else empty
