"""The tables that a study is made of: frozen, and refusing what does not exist.

Names of penalties, models and the like are asked of their registries; nothing is listed twice.
"""

import inspect
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from lpreg.data import DATA
from lpreg.models import DROPOUT_PLACES, INITS, MODELS, is_code
from lpreg.study.errors import plain, unknown
from lpreg.train import DTYPES, LOSSES, OPTIMIZERS, SCHEDULES


def known(what: str, names: Iterable[str]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in names:
            raise ValueError(unknown(what, value, names))
        return value

    return AfterValidator(check)


def axis(allowed: str, fits: Any) -> PlainValidator:
    """A value, or several that make an axis of the grid."""

    def check(value: Any) -> Any:
        values = value if isinstance(value, tuple) else (value,)
        if not values or len(set(values)) < len(values) or not all(map(fits, values)):
            shown = list(value) if isinstance(value, tuple) else value
            raise ValueError(f"{shown!r} is not {allowed}, or a list of such, all different")
        return value

    return PlainValidator(check)


def _unset(default: Any) -> AfterValidator:
    """None for a default that is written out: a key that older studies do not have must not change
    the identity of a member."""
    return AfterValidator(lambda value: None if value == default else value)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_rate(value: Any) -> bool:
    return is_number(value) and 0 < value < float("inf")


def _is_momentum(value: Any) -> bool:
    return is_number(value) and 0 <= value < 1


def _is_batch(value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return whole or value == "all"


def values(axis: Any) -> tuple:
    """The values of a key that takes one or a list."""
    return axis if isinstance(axis, tuple) else (axis,)


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
Names = tuple[Name, ...]


class Table(BaseModel):
    """A table of a study: unknown keys and wrong types are refused, nothing changes later."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Head(Table):
    """[study]: its name (also of its folder), and what all its members have in common.

    `note` is printed under its tables. `seeds` is their number: seeds are 0, 1, ... The split is
    drawn from `split_seed`, the same for all of them; with `resample`, from `split_seed` + seed.
    `keep_weights` keeps the last weights of every member of a small model and of the first seed of
    a larger one, or of "all".
    """

    name: Name
    title: str = ""
    source: str = ""
    note: str = ""
    seeds: PositiveInt
    split_seed: int = Field(0, ge=0)
    resample: Annotated[bool, _unset(False)] | None = None
    keep_weights: Literal["small", "all"] = "small"


def _part(value: Any) -> Any:
    is_share = isinstance(value, float) and 0 < value <= 1
    is_count = isinstance(value, int) and not isinstance(value, bool) and value > 0
    if not is_share and not is_count:
        raise ValueError(f"{value!r} is neither a whole number above 0 nor a share such as 0.6")
    return value


Part = Annotated[int, PlainValidator(_part), PlainSerializer(lambda value: value)]


class Split(Table):
    """Samples per part: numbers, or shares of the samples that may go there, until `own.located`
    has counted these."""

    train: Part
    val: Part
    test: Part

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if len({type(each) for each in (self.train, self.val, self.test)}) > 1:
            raise ValueError("numbers and shares together; write all three as numbers, or none")
        return self


def has_shares(split: Split) -> bool:
    """Whether its parts are shares."""
    return isinstance(split.train, float)


class Extras(Table):
    """A table that takes, beside its own keys, the options of the function that it names."""

    model_config = ConfigDict(extra="allow")

    @property
    def options(self) -> dict[str, Any]:
        """The options that it sets."""
        return dict(self.model_extra or {})

    def _check_options(self, function: Any, given: Iterable[str] = ()) -> None:
        """Refuse what the function does not take; `given` are arguments that no option sets."""
        hints = get_type_hints(function)
        allowed = [k for k in inspect.signature(function).parameters if k not in given]
        for key, value in self.options.items():
            if key not in allowed:
                raise ValueError(unknown("key", key, [*type(self).model_fields, *allowed]))
            try:
                TypeAdapter(hints[key]).validate_python(value, strict=True)
            except ValidationError as error:
                said = plain(error.errors()[0]["msg"])
                raise ValueError(f"{key} = {value!r}: {said}") from None


class Data(Extras):
    """[[data]]: a data set, the options of its loader, and how it is cut.

    `kind` is its name in the registry, left out when it is also its name in the study.
    """

    name: Name
    kind: str | None = None
    split: Split

    @property
    def source(self) -> str:
        """Its name in the registry."""
        return self.kind or self.name

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        if self.source not in DATA:
            raise ValueError(unknown("data set", self.source, DATA))
        self._check_options(DATA[self.source])
        for key, argument in inspect.signature(DATA[self.source]).parameters.items():
            if argument.default is argument.empty and key not in self.options:
                raise ValueError(f"{key!r} is missing, which {self.source!r} needs")
        return self

    @property
    def identity(self) -> dict[str, Any]:
        """All that it says but where a file lies: that may move."""
        return self.model_dump(exclude_none=True, exclude={"path"})


GIVEN = ("generator", "inputs", "outputs", "dropout", "dropout_at", "init")
"""What data, recipe and arm say of a network: no option of a model."""


class Model(Extras):
    """[[model]]: a network, its kind and the options of that kind.

    A kind "package.module:callable" is code of one's own, which reading a study never imports.
    """

    name: Name
    kind: str

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        if is_code(self.kind):
            return self
        if self.kind not in MODELS:
            allowed = [*MODELS, "package.module:callable"]
            raise ValueError(unknown("model kind", self.kind, allowed))
        self._check_options(MODELS[self.kind], GIVEN)
        return self


class Recipe(Table):
    """[[recipe]]: how to train. lr, momentum and batch_size take a list, which makes an axis.

    `warmup`, `evaluate_every` and `snapshot_every` count epochs; with batch_size "all" a step is an
    epoch. `snapshots` are name globs of parameters of which copies are kept: at the start, at the
    end, and every so many epochs in between. Several recipes may share a name when they apply to
    different models or data sets: `models`, `data` and `arms` say where a recipe applies,
    everywhere when left out.
    """

    name: Name
    models: Names | None = None
    data: Names | None = None
    arms: Names | None = None
    optimizer: Annotated[str, known("optimizer", OPTIMIZERS)] = "adam"
    lr: Annotated[float | tuple[float, ...], axis("a number above 0", _is_rate)]
    momentum: Annotated[float | tuple[float, ...], axis("in [0, 1)", _is_momentum)] = 0.0
    nesterov: bool = False
    weight_decay: float = Field(0.0, ge=0, allow_inf_nan=False)
    batch_size: Annotated[
        int | str | tuple[int | str, ...], axis('a whole number above 0 or "all"', _is_batch)
    ] = 64
    epochs: PositiveInt | None = None
    steps: PositiveInt | None = None
    schedule: Annotated[str, known("schedule", SCHEDULES)] = "constant"
    warmup: int = Field(0, ge=0)
    loss: Annotated[str, known("loss", LOSSES)] = "cross_entropy"
    evaluate_every: PositiveInt = 1
    inputs: Literal["raw", "scaled", "standardized"] = "raw"
    init: Annotated[str, known("init", INITS)] | None = None
    dropout_at: Annotated[str, known("dropout_at", DROPOUT_PLACES)] | None = None
    dtype: Annotated[str, known("dtype", DTYPES)] = "float32"
    precision: Annotated[Literal["float32", "bf16", "tf32"], _unset("float32")] | None = None
    channels_last: Annotated[bool, _unset(False)] | None = None
    snapshots: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    snapshot_every: PositiveInt | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("a recipe has either epochs or steps, and this one has "
                             + ("neither" if self.epochs is None else "both"))  # fmt: skip
        takes = inspect.signature(OPTIMIZERS[self.optimizer]).parameters
        moves = any(values(self.momentum))
        for key, given in (("momentum", moves), ("nesterov", self.nesterov)):
            if given and key not in takes:
                raise ValueError(f"{key} belongs to sgd; {self.optimizer} does not take it")
        if self.snapshot_every is not None and self.snapshots is None:
            raise ValueError("snapshot_every needs snapshots, the names of parameters")
        if self.nesterov and not all(values(self.momentum)):
            raise ValueError("nesterov needs a momentum above 0")
        return self

    def applies(self, data: str, model: str) -> bool:
        """Whether it trains this model on this data set."""
        return among(data, self.data) and among(model, self.models)


def among(name: str, only: Iterable[str] | None) -> bool:
    """Whether a list, None for all names, has this name."""
    return only is None or name in only
