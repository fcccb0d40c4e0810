"""The tables of the arms: penalties with their strengths, and how they act."""

import inspect
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from lpreg import views
from lpreg.optim import COUPLINGS
from lpreg.penalties import PENALTIES, Penalty, Sum
from lpreg.study.errors import unknown
from lpreg.study.tables import Name, Names, Table, among, axis, is_number, known, values

VIEWS = {
    name: each
    for name, each in vars(views).items()
    if isinstance(each, type) and each.__module__ == views.__name__ and not inspect.isabstract(each)
}


def _is_share(value: Any) -> bool:
    return is_number(value) and 0 < value < float("inf")


class Match(Table):
    """A strength that is measured: the one at which the penalty's gradient norm is this share of
    the task gradient's, with the initial weights of seed 0. A list of shares makes an axis."""

    match: Literal["gradient-share"]
    share: Annotated[float | tuple[float, ...], axis("a number above 0", _is_share)]


def _kind_of_strength(value: Any) -> str:
    return "<share>" if isinstance(value, dict | Match) else "<number>"


Strength = Annotated[
    Annotated[float | tuple[float, ...], axis("a number", is_number), Tag("<number>")]
    | Annotated[Match, Tag("<share>")],
    Discriminator(_kind_of_strength),
]


class Term(Table):
    """A penalty: its kind, and the arguments of that kind. A list of strengths makes an axis."""

    kind: Annotated[str, known("penalty", PENALTIES)]
    lam: Strength
    p: float | None = None
    l1_ratio: float | None = None
    scope: str | None = None
    view: Annotated[str, known("view", VIEWS)] | None = None

    @model_validator(mode="after")
    def _exists(self) -> Self:
        given = self.model_dump(exclude={"kind"}, exclude_none=True)
        takes = inspect.signature(PENALTIES[self.kind]).parameters
        for key in given:
            if key not in takes:
                raise ValueError(unknown(f"key of {self.kind}", key, ["kind", *takes]))
        for key, argument in takes.items():
            if key not in given and argument.default is argument.empty:
                raise ValueError(f"{key!r} is missing, which {self.kind} needs")
        for point in self.points():
            point.build(1.0)
        if self.is_matched and not self.build(1.0).gradient(torch.ones(2, 2, 2, 2)).any():
            raise ValueError(f"{self.kind} has no gradient to match: write lam as a number")
        return self

    @property
    def is_matched(self) -> bool:
        """Whether its strength is to be measured."""
        return isinstance(self.lam, Match)

    @property
    def share(self) -> float | None:
        """The share of the gradient that it asks for, None where its strength is a number."""
        return self.lam.share if isinstance(self.lam, Match) else None  # pyright: ignore

    def points(self) -> Iterator["Term"]:
        """The same at each of its strengths."""
        lam = self.lam
        if isinstance(lam, Match):
            for share in values(lam.share):
                point = lam.model_copy(update={"share": float(share)})
                yield self.model_copy(update={"lam": point})
        else:
            for each in values(lam):
                yield self.model_copy(update={"lam": float(each)})

    def build(self, measured: float | None = None) -> Penalty:
        """The penalty object, for a term with a single strength.

        Args:
            measured: its strength, where that is to be measured.

        Raises:
            ValueError: an argument that the penalty refuses.
        """
        arguments = self.model_dump(exclude={"kind"}, exclude_none=True)
        if self.is_matched:
            arguments["lam"] = measured
        if self.view is not None:
            arguments["view"] = VIEWS[self.view]()
        return PENALTIES[self.kind](**arguments)


def _one_or_sum(value: Any) -> str:
    return "<sum>" if isinstance(value, tuple) else "<one>"


def _is_no_match(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    if any(term.is_matched for term in terms):
        raise ValueError(
            "a share does not say how to weigh the terms of a sum: write each lam as a number"
        )
    return terms


Terms = Annotated[
    Annotated[Term, Tag("<one>")]
    | Annotated[tuple[Term, ...], Field(min_length=1), AfterValidator(_is_no_match), Tag("<sum>")],
    Discriminator(_one_or_sum),
]
"""A penalty, or several that are added."""

Penalties = Penalty | dict[str, Penalty] | None
"""What acts on a network: one penalty, or one per layer (a name glob, the first that matches)."""


def _points(terms: Term | tuple[Term, ...]) -> Iterator[Term | tuple[Term, ...]]:
    """The same at every combination of strengths."""
    for point in product(*(term.points() for term in values(terms))):
        yield point if isinstance(terms, tuple) else point[0]


def _sum(terms: Term | tuple[Term, ...], measured: float | None = None) -> Penalty:
    built = tuple(term.build(measured) for term in values(terms))
    return built[0] if len(built) == 1 else Sum(built)


def _is_rate(value: Any) -> bool:
    return is_number(value) and 0 <= value < 1


class Treatment(Table):
    """What an arm does to training; what is left out changes nothing.

    `layers` stands in the place of `penalty` and `where`: name glob -> penalty. A list of dropout
    rates makes an axis.
    """

    penalty: Terms | None = None
    layers: dict[str, Terms] | None = Field(None, min_length=1)
    coupling: Annotated[str, known("coupling", COUPLINGS)] | None = None
    where: str | tuple[str, ...] | None = None
    dropout: (
        Annotated[float | tuple[float, ...], axis("a number at least 0 and less than 1", _is_rate)]
        | None
    ) = None

    @model_validator(mode="after")
    def _says_once_where(self) -> Self:
        for key in ("penalty", "where"):
            if self.layers is not None and getattr(self, key) is not None:
                raise ValueError(f"layers say themselves what acts where: leave out {key!r}")
        for glob, terms in (self.layers or {}).items():
            if any(term.is_matched for term in values(terms)):
                raise ValueError(
                    f"layers: {glob}: a share is of all penalised tensors together: "
                    "write lam as a number, or use penalty and where"
                )
        return self


class Override(Treatment):
    """[[arm.for]]: what differs under some recipes, models or data sets."""

    recipe: Name | Names | None = None
    model: Name | Names | None = None
    data: Name | Names | None = None

    def applies(self, recipe: str, data: str, model: str) -> bool:
        """Whether it stands for this recipe, data set and model."""
        pairs = ((recipe, self.recipe), (data, self.data), (model, self.model))
        return all(among(name, None if only is None else values(only)) for name, only in pairs)


class Arm(Treatment):
    """[[arm]]: one treatment of a study."""

    name: Name
    overrides: tuple[Override, ...] = Field((), alias="for")

    def at(self, recipe: str, data: str, model: str) -> "Arm":
        """The arm as it is under this recipe: overrides done, defaults in their place.

        Raises:
            ValueError: a coupling that does not take the penalty, or one without a penalty.
        """
        says = {key: getattr(self, key) for key in Treatment.model_fields}
        for each in self.overrides:
            if each.applies(recipe, data, model):
                says = _overridden(says, each)
        arm = Arm.model_construct(name=self.name, **says)
        if not arm.terms:
            for key in ("coupling", "where"):
                if says[key] is not None:
                    raise ValueError(f"{key} = {says[key]!r} without a penalty")
        else:
            says["coupling"] = says["coupling"] or "loss"
            says["where"] = None if arm.layers else says["where"] or "weights"
            for terms in arm.acts.values():
                _check_coupling(says["coupling"], _sum(next(_points(terms)), 1.0))
        says["dropout"] = says["dropout"] or 0.0
        return Arm.model_construct(name=self.name, **says)

    @property
    def acts(self) -> Mapping[str, Term | tuple[Term, ...]]:
        """What acts on which layers; "" is where `where` says."""
        return self.layers or ({} if self.penalty is None else {"": self.penalty})

    @property
    def terms(self) -> tuple[Term, ...]:
        """All terms of all layers."""
        return tuple(term for terms in self.acts.values() for term in values(terms))

    def points(self) -> Iterator["Arm"]:
        """The same at every combination of strengths and dropout rates."""
        for point in product(*map(_points, self.acts.values())):
            one: dict[str, Any] = {"penalty": point[0] if point else None}
            if self.layers:
                one = {"layers": dict(zip(self.layers, point, strict=True))}
            for rate in values(self.dropout):
                dropout = None if rate is None else float(rate)
                yield self.model_copy(update={**one, "dropout": dropout})

    def build(self, measured: float | None = None) -> Penalties:
        """What acts on a network, for an arm with single strengths; `measured` as in `Term`."""
        if self.layers:
            return {glob: _sum(terms) for glob, terms in self.layers.items()}
        return None if self.penalty is None else _sum(self.penalty, measured)

    @property
    def label(self) -> str | None:
        """The names of its penalties: "L1", "L1+L2", "fc1.weight: L1, fc2.weight: L2"."""
        named = [
            (f"{glob}: " if glob else "") + "+".join(term.kind for term in values(terms))
            for glob, terms in self.acts.items()
        ]
        return ", ".join(named) or None


def _overridden(says: dict[str, Any], by: Override) -> dict[str, Any]:
    own = {key: getattr(by, key) for key in Treatment.model_fields}
    own = {key: value for key, value in own.items() if value is not None}
    replaced = {"layers": ("penalty", "where"), "penalty": ("layers",), "where": ("layers",)}
    return says | {other: None for key in own for other in replaced.get(key, ())} | own


def _check_coupling(name: str, penalty: Penalty) -> None:
    coupling = COUPLINGS[name]
    coupling.check(penalty)
    if coupling.step(1.0, lambda: 1.0) is not None:
        some = torch.zeros(1, 1, 1, 1)  # enough dimensions for every view
        coupling.update(penalty, some, 1.0, coupling.init(penalty, some))  # has it a prox?
