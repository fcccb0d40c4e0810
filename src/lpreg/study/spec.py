"""A study as data: it round-trips to TOML and refuses, with the place, what cannot be trained."""

import json
import tomllib
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any, Self

import tomli_w
from pydantic import Field, PositiveInt, ValidationError, model_validator

from lpreg.study.arms import Arm
from lpreg.study.claims import ClaimTable, check
from lpreg.study.errors import SpecError, explain, unknown
from lpreg.study.tables import Data, Head, Model, Recipe, Table, among, values


class Plan(Table):
    """[plan]: how to spread the work; changes no result but the last digits in float32.

    `checkpoint` is the least time, in seconds, between two saves of a stack in training.
    """

    width: PositiveInt | None = None
    workers: PositiveInt | None = None
    threads: PositiveInt = 1
    checkpoint: float = Field(default=60.0, ge=0, allow_inf_nan=False)


class Study(Table):
    """A grid of data x model x recipe x arm x strength x seed."""

    head: Head = Field(alias="study")
    data: tuple[Data, ...] = Field(min_length=1)
    models: tuple[Model, ...] = Field(alias="model", min_length=1)
    recipes: tuple[Recipe, ...] = Field(alias="recipe", min_length=1)
    arms: tuple[Arm, ...] = Field(alias="arm", min_length=1)
    claims: tuple[ClaimTable, ...] = Field((), alias="claim")
    quick: dict[str, Any] = Field(default_factory=dict)
    plan: Plan = Field(default_factory=Plan)

    @property
    def name(self) -> str:
        """Its name."""
        return self.head.name

    @property
    def recipe_names(self) -> tuple[str, ...]:
        """The names of its recipes, each once."""
        return tuple(dict.fromkeys(recipe.name for recipe in self.recipes))

    @property
    def test_share(self) -> dict[str, float] | None:
        """By data set, test samples over training samples, for tests over seeds that are split
        anew; None if all seeds have the same split."""
        if not self.head.resample:
            return None
        return {each.name: each.split.test / each.split.train for each in self.data}

    def settings(self) -> Iterator[tuple[Recipe, Data, Model, Arm]]:
        """Everything that is trained, arms as they are there (`Arm.at`)."""
        for recipe, data, model, arm in self._settings():
            yield recipe, data, model, arm.at(recipe.name, data.name, model.name)

    def _settings(self) -> Iterator[tuple[Recipe, Data, Model, Arm]]:
        for recipe, data, model, arm in product(self.recipes, self.data, self.models, self.arms):
            if recipe.applies(data.name, model.name) and among(arm.name, recipe.arms):
                yield recipe, data, model, arm

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        names = {
            "data": [each.name for each in self.data],
            "model": [each.name for each in self.models],
            "arm": [each.name for each in self.arms],
            "recipe": self.recipe_names,
        }
        for table in ("data", "model", "arm"):
            for i, name in enumerate(names[table]):
                if name in names[table][:i]:
                    raise ValueError(f"{table} {i + 1}: the name {name!r} is taken by "
                                     f"{table} {names[table].index(name) + 1}")  # fmt: skip
        for i, recipe in enumerate(self.recipes, 1):
            for key, table in (("data", "data"), ("models", "model"), ("arms", "arm")):
                _all_known(f"recipe {i}: {key}", table, getattr(recipe, key), names[table])
        for i, arm in enumerate(self.arms, 1):
            for k, each in enumerate(arm.overrides, 1):
                for key in ("recipe", "model", "data"):
                    _all_known(f"arm {i}: for {k}: {key}", key, getattr(each, key), names[key])
        return self

    @model_validator(mode="after")
    def _recipes_do_not_overlap(self) -> Self:
        taken: dict[tuple[str, str, str], int] = {}
        everything = product(enumerate(self.recipes, 1), self.data, self.models)
        for (i, recipe), data, model in everything:
            if not recipe.applies(data.name, model.name):
                continue
            first = taken.setdefault((recipe.name, data.name, model.name), i)
            if first != i:
                raise ValueError(
                    f"recipe {i}: recipe {first}, of the same name {recipe.name!r}, "
                    f"trains model {model.name!r} already"
                )
        return self

    @model_validator(mode="after")
    def _couplings_take_their_penalties(self) -> Self:
        for recipe, data, model, arm in self._settings():
            try:
                arm.at(recipe.name, data.name, model.name)
            except ValueError as error:
                number = self.arms.index(arm) + 1
                raise ValueError(f"arm {number} ({arm.name}): {error}") from None
        return self

    @model_validator(mode="after")
    def _claims_can_be_answered(self) -> Self:
        check(self.claims, self)
        return self


def parse(text: str, file: str = "study.toml") -> Study:
    """The study that a TOML text describes.

    Raises:
        SpecError: it is no TOML, or no study; `file` is named, the place in it and what is allowed.
    """
    try:
        return build(tomllib.loads(text), file)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{file}: not valid TOML: {error}") from None


def build(document: dict[str, Any], file: str) -> Study:
    """The study that a parsed document describes; errors as in `parse`."""
    try:
        return Study.model_validate(_frozen(document))
    except ValidationError as error:
        raise SpecError(f"{file}: {explain(error, Study)}") from None


def document(study: Study) -> dict[str, Any]:
    """The study as plain tables and lists, every default written out."""
    return study.model_dump(by_alias=True, exclude_none=True)


def dump(study: Study) -> str:
    """The study as TOML; `parse` gives it back."""
    layers: list[str] = []
    text = tomli_w.dumps(_set_aside(document(study), layers))
    for i, each in enumerate(layers):
        text = text.replace(f'"<layers {i}>"', each)
    return text


def _set_aside(value: Any, layers: list[str]) -> Any:
    """The same with a mark in the place of layers: their order counts, and tomli_w may change the
    order of a table that it does not write in one line."""
    if isinstance(value, list | tuple):
        return [_set_aside(inner, layers) for inner in value]
    if not isinstance(value, dict):
        return value
    changed = {key: _set_aside(inner, layers) for key, inner in value.items()}
    if isinstance(value.get("layers"), dict):
        changed["layers"] = f"<layers {len(layers)}>"
        layers.append(in_one_line(value["layers"]))
    return changed


def in_one_line(value: Any) -> str:
    """A value as TOML writes it in one line, the keys of tables in their order."""
    if isinstance(value, dict):
        pairs = (f"{in_one_line(key)} = {in_one_line(inner)}" for key, inner in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(in_one_line, value))}]"
    return json.dumps(value, ensure_ascii=False)  # texts and numbers look alike in JSON and TOML


def _frozen(value: Any) -> Any:
    """The same with tuples in the place of lists."""
    if isinstance(value, dict):
        return {key: _frozen(inner) for key, inner in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _all_known(place: str, what: str, given: Any, names: Iterable[str]) -> None:
    for name in () if given is None else values(given):
        if name not in names:
            raise ValueError(f"{place}: {unknown(what, name, names)}")
