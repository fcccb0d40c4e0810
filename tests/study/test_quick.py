"""[quick]: any key of a study by its path, and what it changes is said."""

from collections.abc import Callable
from typing import Any

import pytest

from lpreg.cli import main
from lpreg.study import SpecError, Study, members, parse
from lpreg.study.variant import quicken
from tests.study.tiny import TINY, write

OLD = 'seeds = 1\nstrengths = "middle"\nrecipe.modern.epochs = 2\n'
SECOND = """[[data]]
name = "other"
kind = "digits"
split = { train = 80, val = 40, test = 50 }

[[model]]
name = "small\""""
BASE = TINY.replace('[[model]]\nname = "small"', SECOND).replace(
    'where = "first"', 'where = "first"\n\n[[arm.for]]\nmodel = "deep"\ndropout = 0.1', 1
)


def quick(lines: str) -> Study:
    """The study with other lines in [quick], as they change it."""
    assert OLD in BASE
    return quicken(parse(BASE.replace(OLD, lines + "\n")), "x")


def found(study: Study, value: Callable[[Any], object]) -> dict[tuple[str, str, str], object]:
    """(data, model, recipe) -> a value of its members."""
    return {(m.data.name, m.model.name, m.recipe.name): value(m) for m in members(study)}


CASES: dict[str, tuple[str, Callable[[Any], object], Callable[[str, str, str], object]]] = {
    "in every data set": (
        "data.split.train = 60",
        lambda m: m.data.split.train,
        lambda data, model, recipe: 60,
    ),
    "in one, the rest of its table stays": (
        "data.other.split = { train = 60, val = 30 }",
        lambda m: tuple(m.data.split.model_dump().values()),
        lambda data, model, recipe: (60, 30, 50) if data == "other" else (100, 50, 60),
    ),
    "an option of a model": (
        "model.deep.hidden = [3]",
        lambda m: m.model.options["hidden"],
        lambda data, model, recipe: (3,) if model == "deep" else (6,),
    ),
    "a recipe": (
        "recipe.lr = [0.5]",
        lambda m: m.recipe.lr,
        lambda data, model, recipe: 0.5,
    ),
    "steps instead of epochs": (
        "recipe.modern.steps = 9",
        lambda m: m.steps,
        lambda data, model, recipe: 9 if recipe == "modern" else 6,
    ),
    "a recipe for one model": (
        "recipe.modern.deep = { epochs = 1, lr = 0.2 }",
        lambda m: (m.epochs, m.recipe.lr),
        lambda data, model, recipe: (
            (6, 0.1) if recipe == "document" else (1, 0.2) if model == "deep" else (4, 0.01)
        ),
    ),
}


@pytest.mark.parametrize(("lines", "value", "expected"), CASES.values(), ids=CASES.keys())
def test_a_key_by_its_path(lines: str, value: Callable, expected: Callable):
    study = quick(lines)
    assert found(study, value) == {place: expected(*place) for place in found(study, value)}
    assert len(found(study, value)) == 6
    assert study.recipe_names == ("modern", "document")


def strengths(study: Study, arm: str) -> list[Any]:
    chosen = [m for m in members(study, ["modern"]) if m.arm.name == arm and m.seed == 0]
    return [[t.model_dump(exclude_none=True) for t in m.arm.terms] for m in chosen][:1]


def test_a_strength_of_an_arm():
    assert strengths(quick("arm.L1.penalty.lam = 0.5"), "L1") == [[{"kind": "L1", "lam": 0.5}]]
    other = quick('arm.L1.penalty = { kind = "Lp", p = 3.0, lam = 1.0 }')
    assert strengths(other, "L1") == [[{"kind": "Lp", "p": 3.0, "lam": 1.0}]]
    layers = quick('arm.L1.layers = { "fc1.*" = { kind = "L2", lam = 1.0 } }')
    assert strengths(layers, "L1") == [[{"kind": "L2", "lam": 1.0}]]


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ('models = ["deep"]', {("digits", "deep", "modern"), ("other", "deep", "modern")}),
        ('data = ["other"]\nrecipes = ["document"]', {("other", "small", "document")}),
        (
            'arms = ["dropout"]\nmodels = ["small"]',
            {(d, "small", "modern") for d in ("digits", "other")},
        ),
    ],
)
def test_lists_say_what_stays(lines: str, left: set):
    assert set(found(quick(lines), lambda m: 0)) == left


WRONG = {
    "name": ("recipe.moden.epochs = 2", ["recipe: unknown name or key 'moden'", "'modern'?"]),
    "model of a recipe": ("recipe.modern.dep.epochs = 2", ["unknown name or key 'dep'"]),
    "key": ("recipe.modern.epoch = 2", ["with quick: recipe 1: unknown key 'epoch'"]),
    "option": ("model.deep.hiden = [3]", ["with quick: model 2: unknown key 'hiden'"]),
    "list": ("models = []", ["models = ()", "small, deep"]),
    "no list": ('models = "deep"', ["models = 'deep'", "must list"]),
    "model": ('models = ["dep"]', ["models: unknown model 'dep'", "'deep'?"]),
    "data": ("datas.split.train = 3", ["unknown key 'datas'", "'data'?"]),
}


@pytest.mark.parametrize(("lines", "says"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_in_one_line(lines: str, says: list[str]):
    with pytest.raises(SpecError) as caught:
        quick(lines)
    assert "\n" not in str(caught.value)
    assert [words for words in says if words not in str(caught.value)] == []


def test_a_quick_run_says_what_is_quick(tmp_path, capfd):
    file = write(tmp_path, ("epochs = 2\n", "epochs = 2\ndata.split = { train = 40 }\n"))
    assert main(["run", str(file), "--quick", "--dry-run"]) == 0
    first = capfd.readouterr().out.splitlines()[0]
    assert first == (
        'quick: seeds = 1, strengths = "middle", recipe.modern.epochs = 2, data.split.train = 40'
    )
