"""Mistakes of people, said in one or two plain lines."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError


class StudyError(Exception):
    """A mistake that whoever typed the command can put right; its text is for them."""


class SpecError(StudyError, ValueError):
    """A study, or a part of one asked for, that is not valid: file, place, what and why."""


class FolderError(StudyError):
    """A run folder that cannot be used: which, why, and the way out."""


def unknown(what: str, given: object, allowed: Iterable[object]) -> str:
    """What to say of a name that nobody knows: the nearest one, and all that are allowed."""
    names = [str(name) for name in allowed]
    small = {name.lower(): name for name in reversed(names)}
    near = [small[name] for name in get_close_matches(str(given).lower(), small, n=1)]
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {what} {given!r}; {hint}allowed: {', '.join(names)}"


def place(loc: Iterable[int | str]) -> str:
    """A path into a study in words: ("arm", 2, "for", 0) is "arm 3: for 1"."""
    words: list[str] = []
    for step in loc:
        if isinstance(step, int) and words:
            words[-1] += f" {step + 1}"
        else:
            words.append(str(step))
    return ": ".join(words)


PLAIN = {
    "a valid tuple": "a list",
    "a valid dictionary": "a table",
    "a valid integer": "a whole number",
    "an instance of Sequence": "a list",
}
"""Words of pydantic and Python, and those of a TOML file."""


def plain(message: str) -> str:
    """What pydantic says, in words of a TOML file."""
    for theirs, ours in PLAIN.items():
        message = message.replace(theirs, ours)
    return message


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """One of the mistakes that pydantic found in data for `model`, with its place."""
    found = error.errors(include_url=False)
    # a misspelt key is missing under its right name too: the wrong one says more
    first = min(found, key=lambda each: each["type"] != "extra_forbidden")
    loc = [step for step in first["loc"] if not str(step).startswith("<")]  # not tags of unions
    *table, key = loc or ("",)
    message = plain(first["msg"][:1].lower() + first["msg"][1:])
    if first["type"] == "extra_forbidden":
        return _at(table, unknown("key", key, _keys(_descend(model, table))))
    if first["type"] == "missing":
        return _at(table, f"{key!r} is missing")
    if first["type"] == "value_error":
        return _at(loc, message.removeprefix("value error, "))
    return _at(table, f"{place([key])} = {first['input']!r}: {message}")


def _at(loc: Iterable[int | str], message: str) -> str:
    where = place(loc)
    return f"{where}: {message}" if where else message


def _descend(model: type[BaseModel], loc: Iterable[int | str]) -> type[BaseModel]:
    """The class of the table at a place inside `model`."""
    for step in loc:
        fields = {f.alias or name: f.annotation for name, f in model.model_fields.items()}
        if step in fields:  # else a place in a list, or a key that people choose
            model = next(_models(fields[step]))
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if get_origin(annotation) in (Annotated, tuple, dict, Union, UnionType):
        for inner in get_args(annotation):
            yield from _models(inner)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]
