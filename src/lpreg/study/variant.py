"""Variants of a study: what [quick] and the command line change."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lpreg.study.arms import Arm
from lpreg.study.claims import answered
from lpreg.study.errors import SpecError, unknown
from lpreg.study.own import located
from lpreg.study.spec import Study, build, document, in_one_line
from lpreg.study.tables import Data, Model, Recipe, Table

ENTRIES: dict[str, type[Table]] = {"data": Data, "model": Model, "recipe": Recipe, "arm": Arm}
"""Tables of which a study has several."""

KEPT = {"data": "data", "models": "model", "recipes": "recipe", "arms": "arm"}
"""Keys that list the entries that stay."""


def quicken(study: Study, file: str) -> Study:
    """The study as its [quick] table changes it, under the name NAME-quick.

    [quick] sets keys by their path: those of [study] by their name; `recipe.epochs` in every
    recipe, `recipe.modern.epochs` in those of one name, `recipe.modern.h32.epochs` where such a one
    trains one model, and so for data, model and arm. What a table does not say stays as it is, but
    a table that says `kind` replaces the whole. `arms`, `models`, `recipes` and `data`, as lists,
    say which stay; `strengths = "middle"` keeps the middle one of every list. Claims about what is
    left out are left out too.

    Raises:
        SpecError: there is no such key, or what comes out is no valid study.
    """
    changed = _thawed(document(study))
    changed.pop("quick")
    claims = changed.pop("claim")
    changed["study"]["name"] += "-quick"
    for key, value in study.quick.items():
        _change(changed, key, value, f"{file}: quick")
    smaller = build(changed, f"{file}: with quick")
    left = {claim.name for claim in answered(study.claims, smaller)}
    changed["claim"] = [claim for claim in claims if claim["name"] in left]
    return located(build(changed, f"{file}: with quick"), Path(), file)


def quick_line(study: Study) -> str:
    """What [quick] changes, in one line."""
    if not study.quick:
        return "quick: the study has no [quick] table; it is trained as it is"
    return "quick: " + ", ".join(_paths(study.quick))


def _paths(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict) and "kind" not in value:
        for key, inner in value.items():
            yield from _paths(inner, f"{path}.{key}" if path else key)
    else:
        yield f"{path} = {in_one_line(value)}"


def override(study: Study, seeds: int | None, epochs: int | None, file: str) -> Study:
    """The study with another number of seeds, or of epochs in every recipe."""
    changed = _thawed(document(study))
    if seeds is not None:
        changed["study"]["seeds"] = seeds
    if epochs is not None:
        for recipe in changed["recipe"]:
            _set(recipe, "epochs", epochs)
    return build(changed, file)


def _change(study: dict[str, Any], key: str, value: Any, place: str) -> None:
    if key == "strengths":
        if value != "middle":
            raise SpecError(f"{place}: strengths = {value!r}; allowed: 'middle'")
        study["arm"] = _middle(study["arm"])
    elif key in KEPT and not isinstance(value, dict):
        _keep(study, key, value, place)
    elif key in ENTRIES and isinstance(value, dict):
        for inner, each in value.items():
            _change_entries(study, key, inner, each, place)
    elif key == "plan" and isinstance(value, dict):
        study["plan"] |= value
    elif key in study["study"]:
        study["study"][key] = value
    else:
        allowed = ["strengths", *KEPT, *ENTRIES, "plan", *study["study"]]
        raise SpecError(f"{place}: {unknown('key', key, dict.fromkeys(allowed))}")


def _change_entries(study: dict[str, Any], table: str, key: str, value: Any, place: str) -> None:
    """Set one key in all entries of a table, or several in those of one name."""
    entries = study[table]
    named = [entry for entry in entries if entry["name"] == key]
    if not named or not isinstance(value, dict):
        _check_key(table, entries, key, value, place)
        for entry in entries:
            _set(entry, key, value)
        return
    for inner, each in value.items():
        models = [model["name"] for model in study["model"]]
        if table == "recipe" and inner in models and isinstance(each, dict):
            for own in _of_one_model(entries, key, inner, models):
                for deep, one in each.items():
                    _set(own, deep, one)
            continue
        _check_key(table, named, inner, each, place)
        for entry in named:
            _set(entry, inner, each)


def _check_key(table: str, entries: list[dict], key: str, value: Any, place: str) -> None:
    """A table in the place of a key is either one that the study has, or of a misspelt name."""
    fields = [field.alias or name for name, field in ENTRIES[table].model_fields.items()]
    if isinstance(value, dict) and key not in fields:
        names = dict.fromkeys(entry["name"] for entry in entries)
        raise SpecError(f"{place}: {table}: {unknown('name or key', key, [*names, *fields])}")


def _of_one_model(
    recipes: list[dict[str, Any]], name: str, model: str, models: list[str]
) -> list[dict[str, Any]]:
    """The recipes of this name that train this model, made to train no other."""
    own, everything = [], []
    for recipe in recipes:
        applies = list(recipe.get("models", models))
        if recipe["name"] != name or model not in applies:
            everything.append(recipe)
            continue
        own.append({**recipe, "models": [model]})
        others = [other for other in applies if other != model]
        everything += [own[-1], *([{**recipe, "models": others}] if others else [])]
    recipes[:] = everything
    return own


def _set(table: dict[str, Any], key: str, value: Any) -> None:
    there = table.get(key)
    if isinstance(value, dict) and isinstance(there, dict) and "kind" not in value:
        for inner, each in value.items():
            _set(there, inner, each)
        return
    table[key] = value
    for one, other in (
        ("epochs", "steps"),
        ("steps", "epochs"),
        ("penalty", "layers"),
        ("layers", "penalty"),
    ):
        if key == one:
            table.pop(other, None)


def _keep(study: dict[str, Any], key: str, names: Any, place: str) -> None:
    table = KEPT[key]
    there = list(dict.fromkeys(entry["name"] for entry in study[table]))
    if not isinstance(names, list | tuple) or not names:
        raise SpecError(f"{place}: {key} = {names!r}; it must list some of {', '.join(there)}")
    for name in names:
        if name not in there:
            raise SpecError(f"{place}: {key}: {unknown(table, name, there)}")
    study[table] = [entry for entry in study[table] if entry["name"] in names]
    _leave_out(study)


def _leave_out(study: dict[str, Any]) -> None:
    """Take what is no longer there out of recipes and overrides."""
    for key in ("data", "models", "arms"):
        names = [entry["name"] for entry in study[KEPT[key]]]
        study["recipe"] = _still_applying(study["recipe"], key, names)
    for key in ("data", "model", "recipe"):
        names = [entry["name"] for entry in study[key]]
        for arm in study["arm"]:
            arm["for"] = _still_applying(arm["for"], key, names)


def _still_applying(entries: Sequence[dict[str, Any]], key: str, names: Sequence[str]) -> list:
    """Those entries that apply to some of these names, or to all, without the other names."""
    left = []
    for entry in entries:
        if key in entry:
            asked = entry[key] if isinstance(entry[key], list) else [entry[key]]
            entry = {**entry, key: [name for name in asked if name in names]}
        if entry.get(key, names):
            left.append(entry)
    return left


def _thawed(value: Any) -> Any:
    """The same with lists in the place of tuples."""
    if isinstance(value, dict):
        return {key: _thawed(inner) for key, inner in value.items()}
    return [_thawed(inner) for inner in value] if isinstance(value, list | tuple) else value


def _middle(value: Any) -> Any:
    """The same with the middle strength of every list of strengths."""
    if isinstance(value, list | tuple):
        return [_middle(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: each[len(each) // 2]
        if key in ("lam", "share") and isinstance(each, list | tuple)
        else _middle(each)
        for key, each in value.items()
    }
