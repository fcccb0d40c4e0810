"""Variants of a study: what [quick] and the command line change."""

from typing import Any

from lpreg.study.errors import SpecError, unknown
from lpreg.study.spec import Study, build, document

ENTRIES = ("data", "model", "recipe", "arm")
"""Tables of which a study has several."""


def quicken(study: Study, file: str) -> Study:
    """The study as its [quick] table changes it, under the name NAME-quick.

    [quick] sets keys by their path: those of [study] by their name; `recipe.epochs` in every
    recipe, `recipe.modern.epochs` in those of one name, and so for model, data and arm. `arms`
    lists the arms that stay; `strengths = "middle"` keeps the middle one of every list.

    Raises:
        SpecError: there is no such key, or what comes out is no valid study.
    """
    changed = document(study)
    changed.pop("quick")
    changed["study"]["name"] += "-quick"
    for key, value in study.quick.items():
        _change(changed, key, value, f"{file}: quick")
    return build(changed, f"{file}: with quick")


def override(study: Study, seeds: int | None, epochs: int | None, file: str) -> Study:
    """The study with another number of seeds, or of epochs in every recipe."""
    changed = document(study)
    if seeds is not None:
        changed["study"]["seeds"] = seeds
    if epochs is not None:
        _change(changed, "recipe", {"epochs": epochs}, file)
    return build(changed, file)


def _change(study: dict[str, Any], key: str, value: Any, place: str) -> None:
    if key == "strengths":
        if value != "middle":
            raise SpecError(f"{place}: strengths = {value!r}; allowed: 'middle'")
        study["arm"] = _middle(study["arm"])
    elif key == "arms":
        _keep_arms(study, value, place)
    elif key in ENTRIES and isinstance(value, dict):
        for inner, each in value.items():
            _change_entries(study[key], inner, each)
    elif key == "plan" and isinstance(value, dict):
        study["plan"] |= value
    elif key in study["study"]:
        study["study"][key] = value
    else:
        allowed = ["strengths", "arms", *ENTRIES, "plan", *study["study"]]
        raise SpecError(f"{place}: {unknown('key', key, allowed)}")


def _change_entries(tables: list[dict[str, Any]], key: str, value: Any) -> None:
    named = [table for table in tables if table["name"] == key]
    if named and isinstance(value, dict):
        for inner, each in value.items():
            _change_entries(named, inner, each)
        return
    for table in tables:
        table[key] = value
        if key in ("epochs", "steps"):
            table.pop("steps" if key == "epochs" else "epochs", None)


def _keep_arms(study: dict[str, Any], names: Any, place: str) -> None:
    there = [arm["name"] for arm in study["arm"]]
    for name in names:
        if name not in there:
            raise SpecError(f"{place}: arms: {unknown('arm', name, there)}")
    study["arm"] = [arm for arm in study["arm"] if arm["name"] in names]
    for recipe in study["recipe"]:
        if "arms" in recipe:
            recipe["arms"] = [name for name in recipe["arms"] if name in names]


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
