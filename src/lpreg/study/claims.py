"""The table of a claim, what makes it one that its study can answer, and verdicts that are kept."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import product
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import pandas as pd
from pydantic import BeforeValidator, Field, PlainValidator, model_validator

from lpreg.optim import COUPLINGS
from lpreg.study.errors import FolderError, unknown
from lpreg.study.files import replace
from lpreg.study.tables import Name, Table, is_number, known, values

if TYPE_CHECKING:
    from lpreg.analysis.claims import Claim
    from lpreg.study.spec import Study

KINDS = {
    "higher": ("left", "right"),
    "lower": ("left", "right"),
    "equal": ("left", "right"),
    "order": ("sides",),
    "ratio": ("left", "right"),
    "difference": ("left", "right"),
    "curve": ("left",),
}
"""Kinds of claims, and the sides that each compares."""

NAMES = ("data", "model", "recipe", "arm")
KNOBS = ("lam", "share", "lr", "momentum", "batch_size")
COLUMNS = (*NAMES, "coupling", *KNOBS)
"""What a side may select by."""

Setting = dict[str, Any]
"""One choice of everything but the seed: a value per column."""


def _is_selector(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict) or not given:
        raise ValueError('a side is a table such as { arm = "L1" }, or a list of such')
    for column, value in given.items():
        if column not in COLUMNS:
            raise ValueError(unknown("column", column, COLUMNS))
        what, fits = ("a number", is_number) if column in KNOBS else ("a text", _is_text)
        if not values(value) or not all(map(fits, values(value))):
            raise ValueError(f"{column} = {value!r} is not {what}, or a list of such")
    return given


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_metric(name: str) -> str:
    from lpreg.analysis.evidence import METRICS  # here: scipy takes a second to import

    if name not in METRICS:
        raise ValueError(unknown("metric", name, METRICS))
    return name


Selector = Annotated[dict[str, Any], PlainValidator(_is_selector)]
Sides = Annotated[
    tuple[Selector, ...],
    BeforeValidator(lambda given: (given,) if isinstance(given, dict) else given),
]
Bound = Annotated[float, Field(allow_inf_nan=False)]


class ClaimTable(Table):
    """[[claim]]: what a document says, so that the results can answer.

    `left` and `right` select members by any of `COLUMNS`; with several sides it must hold for every
    pair. `above` and `below` bound the effect that is claimed, `margin` is the smallest one that
    matters; accuracies and shares go from 0 to 1. `at` says which strength is compared: the one
    that validation chooses, that of the recipe `document`, or equal shares of the gradient.
    """

    name: Name
    text: str = Field(min_length=1)
    source: str = ""
    published: str = ""
    note: str = ""
    kind: Annotated[str, known("kind", KINDS)]
    metric: Annotated[str, PlainValidator(_is_metric)]
    left: Sides = ()
    right: Sides = ()
    sides: Sides = ()
    above: Bound | None = None
    below: Bound | None = None
    margin: Annotated[Bound, Field(gt=0)] | None = None
    at: Literal["document", "chosen", "matched"] = "chosen"

    @property
    def selectors(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """All its sides, with their places in words."""
        for key in ("left", "right", "sides"):
            for number, selector in enumerate(getattr(self, key), 1):
                yield f"{key} {number}", selector

    @model_validator(mode="after")
    def _has_its_sides(self) -> Self:
        for key in ("left", "right", "sides"):
            if bool(getattr(self, key)) != (key in KINDS[self.kind]):
                wants = " and ".join(KINDS[self.kind])
                raise ValueError(f"kind {self.kind!r} compares {wants}, and nothing else")
        if self.kind == "difference" and (len(self.left), len(self.right)) != (2, 2):
            raise ValueError(
                "kind 'difference' is (left 1 - left 2) - (right 1 - right 2): "
                "left and right are lists of two tables"
            )
        if self.kind == "order" and len(self.sides) < 2:
            raise ValueError("kind 'order' needs at least two sides, from highest to lowest")
        return self

    @model_validator(mode="after")
    def _names_recipes_everywhere_or_nowhere(self) -> Self:
        if len({"recipe" in selector for _, selector in self.selectors}) > 1:
            raise ValueError("either all sides name a recipe, or none does")
        return self

    @model_validator(mode="after")
    def _has_a_region(self) -> Self:
        bounds = [bound for bound in (self.above, self.below) if bound is not None]
        bounded = bool(bounds)
        if self.kind == "equal" and self.margin is None:
            raise ValueError("kind 'equal' needs a margin: the difference that no longer matters")
        if self.kind in ("equal", "order") and bounded:
            raise ValueError(f"kind {self.kind!r} takes a margin; above and below are not for it")
        if self.kind == "ratio" and (not bounded or self.margin is not None):
            raise ValueError("kind 'ratio' needs above or below, or both, and takes no margin")
        if self.kind == "ratio" and min(bounds) <= 0:
            raise ValueError("the bounds of a ratio are above 0")
        if bounded and self.margin is not None:
            raise ValueError("either above and below, or a margin")
        if self.above is not None and self.below is not None and self.above >= self.below:
            raise ValueError(f"no effect is above {self.above} and below {self.below}")
        return self


def settings(study: "Study") -> list[Setting]:
    """Everything that a study trains, with any seed. A strength that is measured is None."""
    found = []
    for recipe, data, model, arm in study.settings():
        axes = [values(axis) for axis in (recipe.lr, recipe.momentum, recipe.batch_size)]
        for point, lr, momentum, batch in product(arm.points(), *axes):
            term = next(iter(point.terms), None)
            names = zip(NAMES, (data.name, model.name, recipe.name, arm.name), strict=True)
            found.append({
                **dict(names),
                "coupling": arm.coupling,
                "lam": None if term is None or term.is_matched else term.lam,
                "share": None if term is None else term.share,
                "lr": lr,
                "momentum": momentum,
                "batch_size": data.split.train if batch == "all" else batch,
            })  # fmt: skip
    return found


def check(claims: Sequence[ClaimTable], study: "Study") -> None:
    """Refuse claims that the study cannot answer.

    Raises:
        ValueError: which one, and why.
    """
    trained = settings(study) if claims else []
    for i, claim in enumerate(claims, 1):
        for k, other in enumerate(claims[: i - 1], 1):
            if other.name == claim.name:
                raise ValueError(f"claim {i}: the name {claim.name!r} is taken by claim {k}")
        if why := _misfit(claim, trained):
            raise ValueError(f"claim {i} ({claim.name}): {why}")


def answered(claims: Iterable[ClaimTable], study: "Study") -> tuple[ClaimTable, ...]:
    """Those of the claims that the study can answer."""
    trained = settings(study)
    return tuple(claim for claim in claims if not _misfit(claim, trained))


def recipes(claim: ClaimTable, trained: Sequence[Setting]) -> list[str]:
    """The recipes under which a study that trains these settings can answer a claim: those that
    train every side of it. One whose sides name their recipes is answered once, under them all."""
    named = [values(selector["recipe"]) for _, selector in claim.selectors if "recipe" in selector]
    if named:
        return [" and ".join(dict.fromkeys(name for names in named for name in names))]
    names = list(dict.fromkeys(each["recipe"] for each in trained))
    if claim.at == "document":
        names = [name for name in names if name == "document"]
    return [name for name in names if _is_trained(claim, name, trained)]


def _is_trained(claim: ClaimTable, recipe: str, trained: Sequence[Setting]) -> bool:
    sides = [_selected(trained, {**selector, "recipe": recipe}) for _, selector in claim.selectors]
    if claim.at != "matched":
        return all(sides)
    shares = [{each["share"] for each in side} - {None} for side in sides]
    matched = [each for each in shares if each]
    return all(sides) and bool(matched) and bool(set.intersection(*matched))


def _selected(trained: Sequence[Setting], selector: Mapping[str, Any]) -> list[Setting]:
    return [
        each
        for each in trained
        if all(each[column] in values(asked) for column, asked in selector.items())
    ]


def _misfit(claim: ClaimTable, trained: Sequence[Setting]) -> str | None:
    """Why a study that trains these settings cannot answer a claim; None when it can."""
    for place, selector in claim.selectors:
        for column in (*NAMES, "coupling"):
            there = dict.fromkeys(each[column] for each in trained)
            names = COUPLINGS if column == "coupling" else there
            for name in values(selector.get(column, ())):
                if name not in names:
                    return f"{place}: {unknown(column, name, names)}"
        if not _selected(trained, selector):
            asked = ", ".join(f"{column} = {value!r}" for column, value in selector.items())
            return f"{place}: the study trains nothing with {asked}"
    asked = recipes(claim, trained)
    if not asked:
        return f"there is no recipe under which all its sides are trained (at = {claim.at!r})"
    return _judged_by_what_chose(claim, asked, trained)


def _judged_by_what_chose(
    claim: ClaimTable, asked: Sequence[str], trained: Sequence[Setting]
) -> str | None:
    """Why validation cannot judge: it has chosen what is compared."""
    if not claim.metric.startswith(("val_", "best_val_")):
        return None
    cell = (*NAMES, "share") if claim.at == "matched" else NAMES
    for recipe, (place, selector) in product(asked, claim.selectors):
        fitting = _selected(trained, {"recipe": recipe, **selector})
        cells = {tuple(each[name] for name in cell) for each in fitting}
        if len(cells) < len(fitting):
            return (
                f"{place}: under recipe {recipe!r} validation chooses among several settings and "
                f"cannot judge them by {claim.metric!r} as well: take the test part, or name one"
            )
    return None


# ---- verdicts -----------------------------------------------------------------------------------


def asked(study: "Study") -> tuple["Claim", ...]:
    """The claims of a study as `lpreg.analysis.claims.judge` takes them."""
    from lpreg.analysis.claims import Claim

    trained = settings(study)
    return tuple(
        Claim(**dict(claim), recipes=tuple(recipes(claim, trained))) for claim in study.claims
    )


def verdicts(study: "Study", evidence: pd.DataFrame) -> pd.DataFrame:
    """What the evidence says of the claims of a study.

    Args:
        study: which claims, under which recipes.
        evidence: one row per member, what `lpreg.analysis.evidence.evidence` gives; any frame
            without rows where nothing was run.

    Returns:
        What `judge` gives, with a column `kept`: whether the row was not run here, and is the one
        that is kept with lpreg in the place of that.
    """
    from lpreg.analysis.claims import judge

    rows = judge(asked(study), evidence, study.recipe_names, test_share=study.test_share)
    there = kept(study.name.removesuffix("-quick"))
    key = ["name", "recipe", "kind", "metric"]
    lacking = rows.loc[rows["verdict"] == "not run", key].merge(there[key])
    found = lacking.merge(there).assign(kept=True).set_index(key)
    told = rows.assign(kept=False).set_index(key)
    told.loc[found.index, found.columns] = found
    return told.reset_index()[[*rows.columns, "kept"]]


def kept(name: str) -> pd.DataFrame:
    """The verdicts that are kept with a study of the gallery, as `judge` gives them; without rows
    where there are none."""
    from lpreg.analysis.claims import TYPES

    file = files("lpreg.study") / "gallery" / f"{name}.verdicts.json"
    rows = json.loads(file.read_text("utf-8")) if file.is_file() else []
    return pd.DataFrame(rows, columns=list(TYPES)).astype(TYPES)


def keep(name: str, rows: pd.DataFrame, folder: Path | None = None) -> Path:
    """Keep verdicts with a study of the gallery; those of other recipes that are kept stay.

    Args:
        name: of the study.
        rows: what `verdicts` gives; what was not run is left out.
        folder: where they are kept; the gallery in this installation.

    Returns:
        The file.

    Raises:
        FolderError: it cannot be written.
    """
    new = rows.loc[(rows["verdict"] != "not run") & ~rows["kept"]].drop(columns="kept")
    old = kept(name)
    old = old.loc[~old["recipe"].isin(new["recipe"])]
    both = [*old.to_dict("records"), *new.to_dict("records")]
    lines = ",\n".join(json.dumps(_plain(row), ensure_ascii=False) for row in both)
    file = (folder or Path(str(files("lpreg.study") / "gallery"))) / f"{name}.verdicts.json"
    try:
        replace(file, lambda part: part.write_text(f"[\n{lines}\n]\n", "utf-8"))
    except OSError as error:
        raise FolderError(f"cannot write {file}: {error.strerror or error}") from None
    return file


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row for JSON: numbers to six digits, infinity as a text and NaN as null."""
    from lpreg.analysis.claims import NUMBERS

    told: dict[str, Any] = dict(row)
    for name in NUMBERS:
        value = float(row[name])
        told[name] = float(f"{value:.6g}") if isfinite(value) else str(value)
    return {name: None if value == "nan" else value for name, value in told.items()}
