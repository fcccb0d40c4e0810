"""Networks and snapshots from the tensors that a run folder keeps."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from lpreg.models import is_code
from lpreg.study.errors import FolderError, SpecError, unknown
from lpreg.study.network import builder
from lpreg.study.store import Folder


def load(folder: str | Path, *, allow_code: bool = False, **which: object) -> nn.Module:
    """A trained network of a study, in evaluation mode, on the CPU.

    Args:
        folder: the run folder.
        allow_code: import the code that the folder names, if its network is somebody's own.
        which: values of columns of `results` that say which member, such as arm="L1", model="h32",
            lam=1e-4, seed=0; what all members share may be left out.

    Raises:
        SpecError: an unknown column; no member, or more than one, has these values.
        FolderError: the folder holds no study, or not the weights of this member, or its network
            is code that is not allowed.
    """
    place = Folder(folder)
    return rebuild(place, _member(place, which), allow_code)


def snapshots(folder: str | Path, **which: object) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The copies of a member's tensors that its recipe asked for, from training.

    Args:
        folder: the run folder.
        which: as for `load`.

    Returns:
        The epochs, (k,), and by parameter name the values then, (k, *shape).

    Raises:
        SpecError: as `load`.
        FolderError: as `load`, or the recipe asks for no snapshots.
    """
    place = Folder(folder)
    member = _member(place, which)
    found, _ = _tensors(place, "snapshots", member)
    if not found:
        raise FolderError(
            f"{folder} has no snapshots of member {member}: its recipe does not ask for any "
            '(snapshots = ["fc1.weight"])'
        )
    copies = {name: tensor.numpy() for name, tensor in found.items()}
    return copies.pop("epoch"), copies


def _member(folder: Folder, which: Mapping[str, object]) -> str:
    """The id of the member that has these values; raises as `load`."""
    stored = folder.read().results
    for column, value in which.items():
        if column not in stored:
            raise SpecError(unknown("column", column, stored.columns))
        chosen = stored[stored[column] == value]
        if chosen.empty:
            raise SpecError(
                f"no member with {column}={value!r} in {folder}; "
                f"there are {column} = {_few(stored[column].unique())}"
            )
        stored = chosen
    if len(stored) > 1:
        differ = [c for c in KEYS if c in stored and stored[c].nunique(dropna=False) > 1]
        column = next((c for c in differ if c not in which), "member")
        raise SpecError(
            f"{len(stored)} members in {folder} fit; say also which {column}: "
            f"{_few(stored[column].unique())}"
        )
    return stored["member"].item()


KEYS = ("data", "model", "recipe", "arm", "lam", "share", "strengths", "dropout")
KEYS += ("lr", "momentum", "batch_size", "seed")


def _few(values) -> str:
    shown = [str(value) for value in values[:8]]
    return ", ".join(shown) + (", ..." if len(values) > 8 else "")


def rebuild(folder: Folder, member: str, allow_code: bool = False) -> nn.Module:
    """The network of one member, as `load` gives it.

    Raises:
        FolderError: its weights are not kept, or damaged, or its network is code that is not
            allowed.
    """
    state, about = _tensors(folder, "weights", member)
    if not state:
        raise FolderError(
            f"{folder} does not keep the weights of member {member}: of large models only those "
            'of seed 0 are kept, unless the study says keep_weights = "all"'
        )
    network = json.loads(about["network"])
    network |= json.loads(about.get("rates", "{}")).get(member, {})
    if is_code(network["kind"]) and not allow_code:
        raise FolderError(
            f"the networks in {folder} run the code of {network['kind']!r}; "
            "if you trust it, load them with allow_code=True"
        )
    return filled(network, state)


def _tensors(folder: Folder, kind: str, member: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """A member's tensors of this kind by name, none if there are none, and what their file says."""
    files = [_file(folder, kind, id) for id in folder.finished()]
    for file in filter(Path.exists, files):
        with opened(file) as tensors:
            names = [name for name in tensors.keys() if name.startswith(f"{member}/")]  # noqa: SIM118
            if names:
                own = {name.partition("/")[2]: tensors.get_tensor(name) for name in names}
                return own, tensors.metadata()
    return {}, {}


def of_stack(
    folder: Folder, kind: str, id: str
) -> tuple[dict[str, dict[str, Tensor]], dict[str, str]]:
    """The tensors of a stack by member and name, and what their file says; nothing without a file.

    Args:
        folder: the run folder.
        kind: "weights" or "snapshots".
        id: of the stack.

    Raises:
        FolderError: the file is damaged.
    """
    file = _file(folder, kind, id)
    if not file.exists():
        return {}, {}
    found: dict[str, dict[str, Tensor]] = {}
    with opened(file) as tensors:
        for key in tensors.keys():  # noqa: SIM118
            member, _, name = key.partition("/")
            found.setdefault(member, {})[name] = tensors.get_tensor(key)
        return found, tensors.metadata()


def network(folder: Folder, id: str) -> dict[str, Any] | None:
    """What builds the network of a stack; None if none of its weights are kept. Raises as
    `of_stack`."""
    file = _file(folder, "weights", id)
    if not file.exists():
        return None
    with opened(file) as tensors:
        return json.loads(tensors.metadata()["network"])


def _file(folder: Folder, kind: str, id: str) -> Path:
    return folder.path / kind / f"{id}.safetensors"


@contextmanager
def opened(file: Path) -> Iterator[Any]:
    """A file of tensors to read from; raises as `of_stack`."""
    try:
        with safe_open(file, "pt") as tensors:
            yield tensors
    except (SafetensorError, OSError) as error:
        raise FolderError(f"{file} is damaged ({error})") from None


def filled(network: dict[str, Any], state: Mapping[str, Tensor]) -> nn.Module:
    """A network with its last weights and buffers, in evaluation mode."""
    model = builder(network)(torch.Generator())
    dtype = next(value.dtype for value in state.values() if value.is_floating_point())
    model.to(dtype).load_state_dict(state)
    return model.eval()
