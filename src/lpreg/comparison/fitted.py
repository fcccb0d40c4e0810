"""The recommended network, trained on all rows: it takes rows as they came, and predicts."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn

from lpreg.data.cells import Cells, of_frame, read
from lpreg.data.columns import TRUE, Column
from lpreg.data.numbers import MISSING, decimal_sign, is_missing, numbers
from lpreg.data.sets import Dataset, moments
from lpreg.data.target import label
from lpreg.study.errors import FolderError, SpecError
from lpreg.study.files import replace as replace_file
from lpreg.study.kept import filled
from lpreg.study.member import Member
from lpreg.study.network import builder, network
from lpreg.study.tables import Split
from lpreg.train import Samples, train_stack

WEIGHTS, ABOUT = "weights.safetensors", "model.toml"


@dataclass(frozen=True)
class Reading:
    """How rows become inputs, and outputs become predictions.

    Attributes:
        task: "classification" or "regression".
        shape: of one row of inputs.
        labels: names of the classes.
        features: names of the inputs of a table.
        columns: of the table that they come from, those that become inputs; without any, rows are
            arrays.
    """

    task: str
    shape: tuple[int, ...]
    labels: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()

    def inputs(self, rows: Any) -> Tensor:
        """Rows as inputs (n, *shape), NaN where a value is missing.

        Args:
            rows: a data frame, the path of a table, or an array (n, *shape).

        Raises:
            ValueError: a column is missing, holds text among numbers, or the shape is another.
        """
        if isinstance(rows, str | Path):
            return self._of_cells(read(Path(rows)))
        if hasattr(rows, "columns") and self.columns:
            return self._of_cells(of_frame(rows, "the data frame"))
        x = rows if isinstance(rows, Tensor) else torch.from_numpy(np.array(rows))
        if tuple(x.shape[1:]) != self.shape:
            raise ValueError(
                f"the rows have the shape {tuple(x.shape)}; needed: (n, "
                f"{', '.join(map(str, self.shape))})"
                + (", or a data frame" if self.columns else "")
            )
        return x

    def _of_cells(self, cells: Cells) -> Tensor:
        if not self.columns:
            raise ValueError("it was trained on arrays: give an array, not a table")
        names = [column.name for column in self.columns]
        for name in names:
            cells.check(name)
        own = {name: cells.columns[cells.names.index(name)] for name in names}
        numeric = {c.name: own[c.name] for c in self.columns if c.kind == "numeric"}
        texts = {name: each for name, each in numeric.items() if each.dtype.kind == "O"}
        sign = decimal_sign(texts, cells.separator, cells.source)
        found, first = [], 0
        for column in self.columns:
            features = self.features[first : first + column.inputs]
            found.append(_encoded(column, features, own[column.name], sign, cells))
            first += column.inputs
        return torch.from_numpy(np.concatenate(found, axis=1).astype(np.float32))


def _encoded(
    column: Column, features: Sequence[str], values: np.ndarray, sign: str, cells: Cells
) -> np.ndarray:
    """The inputs (n, inputs) of a column, as `lpreg.data.table` made them; a category that was not
    there in training counts as none of those that were."""
    if features[1:] and features[-1] == f"{column.name} missing":
        own = _encoded(column, features[:-1], values, sign, cells)
        return np.concatenate([own, np.isnan(own[:, :1])], axis=1)
    if column.kind == "numeric":
        return _numbers(column.name, values, sign, cells)[:, None]
    texts = np.array([_text(each) for each in values], dtype=object)
    missing = is_missing(texts, MISSING)
    if column.kind == "boolean":
        true = np.array([text.lower() in TRUE for text in texts], dtype=np.float64)
        return np.where(missing, np.nan, true)[:, None]
    categories = [feature.removeprefix(f"{column.name}=") for feature in features]
    shown = np.stack([texts == each for each in categories], axis=1).astype(np.float64)
    return np.where(missing[:, None], np.nan, shown)


def _text(value: object) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else label(value)
    return str(value)


def _numbers(name: str, values: np.ndarray, sign: str, cells: Cells) -> np.ndarray:
    if values.dtype.kind == "f":
        return values
    read = numbers(values, sign)
    if read.wrong.any():
        row = int(read.wrong.argmax())
        raise ValueError(
            f"{cells.at(row)}: {name!r} is {values[row]!r}, and was numbers in training; write a "
            "number there or nothing"
        )
    return read.values


class Fitted(nn.Module):
    """A network with all that turns rows into its inputs, and its outputs into predictions.

    Called with inputs (n, ...) as a tensor, NaN where a value is missing, it gives what the network
    says (n, outputs): one score per class, whose softmax are probabilities, or the target in its
    own unit. `predict` takes rows as they came.
    """

    fill: Tensor
    shift: Tensor
    scale: Tensor
    mean: Tensor
    unit: Tensor

    def __init__(
        self, network: nn.Module, reading: Reading, constants: Mapping[str, Tensor]
    ) -> None:
        """`constants` are `fill`, what stands for a missing input; `shift` and `scale` of inputs;
        `mean` and `unit` of the target of a regression."""
        super().__init__()
        self.network, self.reading = network, reading
        for name in ("fill", "shift", "scale", "mean", "unit"):
            self.register_buffer(name, constants[name])

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self.shift.dtype)
        seen = (torch.where(x.isnan(), self.fill, x) - self.shift) / self.scale
        return self.network(seen) * self.unit + self.mean

    @torch.no_grad()
    def predict(self, rows: Any) -> np.ndarray:
        """The class, by its name, or the number that it predicts for every row, (n,).

        Args:
            rows: a data frame with the columns of the table that it learned from, the target or
                not among them, the path of such a table, or an array of the inputs.

        Raises:
            ValueError: rows that it cannot read: which, and why.
        """
        outputs = self(self.reading.inputs(rows))
        if self.reading.task == "regression":
            return outputs[:, 0].numpy()
        classes = outputs.argmax(1).numpy()
        return np.array(self.reading.labels)[classes] if self.reading.labels else classes

    @torch.no_grad()
    def predict_proba(self, rows: Any) -> np.ndarray:
        """The probability of every class, (n, classes), in the order of their names.

        Raises:
            ValueError: as `predict`; or it is a regression.
        """
        if self.reading.task == "regression":
            raise ValueError("a regression has no probabilities; use predict")
        return self(self.reading.inputs(rows)).softmax(1).numpy()

    def extra_repr(self) -> str:
        return f"{self.reading.task}, rows of {self.reading.shape}"


def fit(member: Member, dataset: Dataset, columns: Sequence[Column]) -> tuple[Fitted, dict]:
    """A member's network trained on all rows of its data, for as many epochs.

    Args:
        member: with its strength as a number.
        dataset: all rows.
        columns: of the table.

    Returns:
        The network, and what `lpreg.models.build` makes it from.

    Raises:
        SpecError: it diverged.
    """
    n = len(dataset.y)
    whole = member.data.model_copy(update={"split": Split(train=n, val=1, test=1)})
    all_rows = replace(member, data=whole)
    recipe = replace(all_rows.training(), evaluate_every=all_rows.steps, snapshots=())
    parts, constants = _prepared(dataset)
    samples = Samples(parts, constants["shift"], constants["scale"])
    made = network(member, dataset)
    (outcome,) = train_stack(builder(made), [all_rows.run()], samples, recipe)
    if outcome.status != "ok":
        raise SpecError(f"the arm {member.arm.name!r} diverged when it was trained on all rows")
    reading = Reading(
        task=dataset.task,
        shape=tuple(dataset.x.shape[1:]),
        labels=dataset.labels,
        features=dataset.features,
        columns=tuple(column for column in columns if column.inputs),
    )
    return Fitted(filled(made, outcome.state), reading, constants).eval(), made


def _prepared(dataset: Dataset) -> tuple[dict[str, tuple[Tensor, Tensor]], dict[str, Tensor]]:
    """All rows as the training part, and the constants of a `Fitted`."""
    x, y = dataset.x, dataset.y
    fill = torch.zeros(())
    if x.is_floating_point():
        fill = x.double().nanmean(0).nan_to_num().float()
        x = torch.where(x.isnan(), fill, x)
    shift, scale = (each.float() for each in moments(x))
    if x.is_floating_point():
        constant = (x == x[:1]).all(0)
        scale = scale.masked_fill(constant, torch.inf)
    mean, unit = torch.zeros(()), torch.ones(())
    if dataset.task == "regression":
        mean, unit = (each.float() for each in moments(y))
        y = (y - mean) / unit
    constants = {"fill": fill, "shift": shift, "scale": scale, "mean": mean, "unit": unit}
    return {"train": (x, y)}, constants


def save(fitted: Fitted, made: Mapping[str, Any], about: Mapping[str, Any], folder: Path) -> None:
    """Write a network into a folder: tensors, and in words what they are.

    Raises:
        FolderError: it cannot be written.
    """
    state = {k: np.ascontiguousarray(v.numpy()) for k, v in fitted.state_dict().items()}
    reading = {key: value for key, value in asdict(fitted.reading).items() if value}
    says = {**about, "network": json.dumps(made), "reading": _plain(reading)}
    try:
        replace_file(folder / WEIGHTS, lambda part: save_file(state, part))
        replace_file(folder / ABOUT, lambda part: part.write_text(tomli_w.dumps(says), "utf-8"))
    except OSError as error:
        raise FolderError(f"cannot write to {folder}: {error.strerror or error}") from None


def is_of(folder: Path, member: str) -> bool:
    """Whether a folder holds the network of this member."""
    try:
        says = tomllib.loads((folder / ABOUT).read_text("utf-8"))
        return says["member"] == member and (folder / WEIGHTS).exists()
    except (OSError, ValueError, KeyError):
        return False


def load(folder: Path) -> Fitted:
    """The network that `save` wrote.

    Raises:
        FolderError: it is not there, or damaged.
        ValueError: its network is made by a function that is not to be had.
    """
    try:
        says: Any = tomllib.loads((folder / ABOUT).read_text("utf-8"))
        state = {k: torch.from_numpy(v) for k, v in load_file(folder / WEIGHTS).items()}
        reading, made = says["reading"], json.loads(says["network"])
        columns = tuple(Column(**each) for each in reading.get("columns", ()))
        told = {key: tuple(reading.get(key, ())) for key in ("shape", "labels", "features")}
        own = Reading(task=reading["task"], columns=columns, **told)
    except FileNotFoundError:
        raise FolderError(
            f"{folder} holds no model; the comparison has not ended: call it again"
        ) from None
    except Exception as error:  # what is wrong with a file takes many forms
        raise FolderError(f"{folder} is damaged ({error}); delete it and compare again") from None
    network = {k.removeprefix("network."): v for k, v in state.items() if k[:8] == "network."}
    return Fitted(filled(made, network), own, state).eval()


def _plain(value: Any) -> Any:
    """The same with lists in the place of tuples."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return list(map(_plain, value)) if isinstance(value, list | tuple) else value
