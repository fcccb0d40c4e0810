"""The members of a study: pure functions of its text, so that a member is the same for ever."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import product
from math import ceil
from typing import Any

from lpreg import train
from lpreg.models import is_code
from lpreg.study.arms import Arm
from lpreg.study.errors import SpecError, unknown
from lpreg.study.spec import Study, document
from lpreg.study.tables import Data, Model, Recipe, values


@dataclass(frozen=True)
class Member:
    """One network in training: a study with one of everything, axes and overrides resolved.

    Attributes:
        split_seed: of its parts of the data.
        first_split: that of the member with seed 0, on which matched strengths are measured. No
            part of its identity.
        measured: its strength, where the study asks for a share of the gradient and that has been
            measured. No part of its identity.
    """

    data: Data
    model: Model
    recipe: Recipe
    arm: Arm
    seed: int
    split_seed: int
    first_split: int
    measured: float | None = None

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits of a hash of all that the study says of it."""
        tables = {key: getattr(self, key) for key in ("model", "recipe", "arm")}
        fields = {key: each.model_dump(exclude_none=True) for key, each in tables.items()}
        fields["data"] = self.data.identity
        seeds = {"seed": self.seed, "split_seed": self.split_seed}
        if self.arm.layers:  # their order counts: the first match wins
            fields["arm"]["layers"] = list(fields["arm"]["layers"].items())
        return sha256(json.dumps(fields | seeds, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def asks_share(self) -> bool:
        """Whether its strength is to be measured."""
        return any(term.is_matched for term in self.arm.terms)

    @property
    def share(self) -> float | None:
        """The share of the gradient that its strength stands for, None where it is a number."""
        return next((term.share for term in self.arm.terms), None)

    @property
    def lam(self) -> float | None:
        """Its strength, of several the first; None without a penalty, or not measured yet."""
        if self.asks_share:
            return self.measured
        return next((term.lam for term in self.arm.terms), None)  # pyright: ignore

    @property
    def place(self) -> str:
        """Its data set, model and recipe, for messages."""
        return f"data {self.data.name!r}, model {self.model.name!r}, recipe {self.recipe.name!r}"

    @property
    def batch_size(self) -> int:
        """Samples per step, those of the training part when the recipe says "all"."""
        size = self.recipe.batch_size
        return self.data.split.train if size == "all" else int(size)  # pyright: ignore

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in which every training sample is seen once."""
        return ceil(self.data.split.train / self.batch_size)

    @property
    def steps(self) -> int:
        """Optimizer steps in all."""
        return self.recipe.steps or (self.recipe.epochs or 0) * self.steps_per_epoch

    @property
    def epochs(self) -> int:
        """Epochs in all, the last perhaps not whole."""
        return ceil(self.steps / self.steps_per_epoch)

    def run(self) -> train.Run:
        """What it is to the engine."""
        says: Any = {"lr": self.recipe.lr, "coupling": self.arm.coupling, "where": self.arm.where}
        given = {key: value for key, value in says.items() if value is not None}
        return train.Run(seed=self.seed, penalty=self.arm.build(self.measured), **given)

    def training(self) -> train.Recipe:
        """What the engine needs of its recipe."""
        recipe: Any = self.recipe
        return train.Recipe(
            optimizer=recipe.optimizer,
            momentum=recipe.momentum,
            nesterov=recipe.nesterov,
            weight_decay=recipe.weight_decay,
            batch_size=None if recipe.batch_size == "all" else recipe.batch_size,
            steps=self.steps,
            schedule=recipe.schedule,
            warmup=recipe.warmup * self.steps_per_epoch,
            loss=recipe.loss,
            evaluate_every=recipe.evaluate_every * self.steps_per_epoch,
            dtype=recipe.dtype,
            precision=recipe.precision or "float32",
            channels_last=bool(recipe.channels_last),
            snapshots=recipe.snapshots or (),
            snapshot_every=(recipe.snapshot_every or 0) * self.steps_per_epoch,
        )

    def options(self) -> dict[str, Any]:
        """What the network is built with, besides its inputs and outputs."""
        says = {"init": self.recipe.init, "dropout_at": self.recipe.dropout_at}
        given = {key: value for key, value in says.items() if value is not None}
        return self.model.options | given | {"dropout": self.arm.dropout}

    def stackable(self) -> tuple:
        """Equal for members of one architecture and recipe: those that can train as one stack.

        Dropout changes nothing else in the networks of `lpreg.models`; in others it may.
        """
        recipe = self.recipe.model_copy(update={"lr": 0.0})
        dropout = self.arm.dropout if is_code(self.model.kind) else 0.0
        return (self.data, self.model, recipe, dropout, self.split_seed)


def members(study: Study, recipes: Iterable[str] | None = None) -> list[Member]:
    """All members of a study under some of its recipes (None: all), in the study's order."""
    names = study.recipe_names if recipes is None else tuple(recipes)
    first = study.head.split_seed
    return [
        Member(data, model, each, treatment, seed, first + seed * bool(study.head.resample), first)
        for recipe, data, model, arm in study.settings()
        if recipe.name in names
        for each in _recipes(recipe)
        for treatment in arm.points()
        for seed in range(study.head.seeds)
    ]


def _recipes(recipe: Recipe) -> Iterator[Recipe]:
    """The recipe at every point of its axes."""
    everywhere = {"models": None, "data": None, "arms": None}
    axes = (values(recipe.lr), values(recipe.momentum), values(recipe.batch_size))
    for lr, momentum, batch_size in product(*axes):
        point = {"lr": float(lr), "momentum": float(momentum), "batch_size": batch_size}
        yield recipe.model_copy(update=everywhere | point)


SELECTORS = {
    "data": lambda m: m.data.name,
    "model": lambda m: m.model.name,
    "arm": lambda m: m.arm.name,
    "coupling": lambda m: m.arm.coupling,
    "lam": lambda m: m.lam,
    "share": lambda m: m.share,
    "recipe": lambda m: m.recipe.name,
    "lr": lambda m: m.recipe.lr,
    "momentum": lambda m: m.recipe.momentum,
    "batch_size": lambda m: m.recipe.batch_size,
    "seed": lambda m: m.seed,
}
"""What --only may ask of a member."""


def only(wanted: Sequence[Member], choices: Iterable[str]) -> list[Member]:
    """The members that "key=value,key=value" choices ask for.

    Values of one key are alternatives, different keys must all fit.

    Raises:
        SpecError: an unknown key, or a value that no member has.
    """
    asked: dict[str, set[object]] = {}
    for choice in ",".join(choices).split(",") if choices else ():
        key, equals, text = choice.strip().partition("=")
        if not equals:
            raise SpecError(f"--only {choice}: write key=value; keys: {', '.join(SELECTORS)}")
        if key not in SELECTORS:
            raise SpecError(f"--only {choice}: {unknown('key', key, SELECTORS)}")
        there = list(dict.fromkeys(SELECTORS[key](m) for m in wanted))
        match = next((value for value in there if _same(text, value)), None)
        if match is None:
            raise SpecError(f"--only {choice}: {unknown(key, text, there)}")
        asked.setdefault(key, set()).add(match)
    fitting = [m for m in wanted if all(SELECTORS[k](m) in v for k, v in asked.items())]
    if not fitting:
        raise SpecError(f"--only {','.join(choices)}: no member has all of these at once")
    return fitting


def _same(text: str, value: object) -> bool:
    if isinstance(value, float):
        try:
            return float(text) == value
        except ValueError:
            return False
    return value is not None and text == str(value)


def extend(old: Study, new: Study) -> Study:
    """The study that a folder of the old one holds from now on.

    Raises:
        ValueError: the new one lacks members of the old one, and where they first differ.
    """
    grown = new.head.model_copy(update={"seeds": max(old.head.seeds, new.head.seeds)})
    whole = new.model_copy(update={"head": grown})
    has = {member.id for member in members(whole)}
    if old.name != new.name or any(member.id not in has for member in members(old)):
        raise ValueError(_difference(document(old), document(whole)))
    return whole


FREE = ("title", "source", "note", "seeds", "keep_weights", "claim", "quick", "plan", "path")
"""Keys that change no member."""


def _difference(old: Any, new: Any, place: str = "") -> str:
    """Where two documents first differ, what was only added left aside."""
    if _are_tables(old) and _are_tables(new):
        old, new = _by_name(old), _by_name(new)
    elif not isinstance(old, dict) or not isinstance(new, dict):
        same = old == new or (isinstance(new, list | tuple) and set(values(old)) <= set(new))
        return "" if same else f"{place} = {_short(old)} there and {_short(new)} here"
    elif place and (added := [key for key in new if key not in old]):
        return f"{place}: {added[0]} is here and not there"
    for key, before in old.items():
        if key in FREE:
            continue
        here = f"{place}: {key}" if place else key
        inner = _difference(before, new[key], here) if key in new else f"{here} is missing here"
        if inner:
            return inner
    return ""


def _are_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], dict)


def _by_name(tables: Sequence[dict[str, Any]]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for table in tables:
        name = table.get("name", table.get("kind", "for"))
        while name in named:
            name += "'"
        named[name] = table
    return named


def _short(value: object) -> str:
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) < 60 else text[:57] + "..."
