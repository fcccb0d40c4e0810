"""A study is data: it round-trips, and what cannot be trained is refused with its place."""

import os
import tomllib
from pathlib import Path

import pytest

from lpreg.data import SOURCES
from lpreg.data.cache import find
from lpreg.study import SpecError, Study, dump, members, parse, sources
from lpreg.study.network import check
from lpreg.study.tables import Recipe
from lpreg.study.variant import override, quicken
from tests.study.tiny import TINY

REFERENCE = (Path(__file__).parents[2] / "docs" / "studies.md").read_text("utf-8")
EXAMPLE = REFERENCE.partition("```toml\n")[2].partition("```")[0]
STUDIES = {"tiny": TINY, "reference": EXAMPLE} | {
    name: sources.text(name) for name in sources.gallery()
}


@pytest.mark.parametrize("text", STUDIES.values(), ids=STUDIES.keys())
def test_a_study_round_trips(text: str):
    study = parse(text)
    assert parse(dump(study)) == study
    assert [m.id for m in members(parse(dump(study)))] == [m.id for m in members(study)]


@pytest.mark.parametrize("text", STUDIES.values(), ids=STUDIES.keys())
def test_a_study_can_be_trained_quickly_too(text: str):
    study, quick = parse(text), quicken(parse(text), "x")
    skip_without(quick)
    if study.name != "generalize":  # it takes the whole of Tiny-ImageNet
        check(study, "x")
    check(quick, "x")


def skip_without(study: Study) -> None:
    """Nothing is downloaded here."""
    files = [file for data in study.data for file in SOURCES[data.source].files]
    if "LPREG_DATA" not in os.environ and files:
        pytest.skip("LPREG_DATA is not set")
    if absent := [file.path for file in files if find(file) is None]:
        pytest.skip(f"not in LPREG_DATA: {', '.join(absent)}")


WRONG = {
    "no TOML": ("seeds = 2", "seeds = ", ["not valid TOML", "line 5"]),
    "unknown table": ("[plan]", "[plam]", ["unknown key 'plam'", "did you mean 'plan'", "arm"]),
    "unknown key": (
        "inputs =",
        "optimzer = 'adam'\ninputs =",
        ["recipe 1", "unknown key 'optimzer'", "did you mean 'optimizer'?", "allowed: name"],
    ),
    "key of a study": ("seeds = 2", "seed = 2", ["study:", "unknown key 'seed'", "seeds"]),
    "missing": ("seeds = 2", "", ["study: 'seeds' is missing"]),
    "wrong type": ("seeds = 2", "seeds = 'two'", ["study: seeds = 'two'", "whole number"]),
    "no seeds": ("seeds = 2", "seeds = 0", ["study: seeds = 0", "greater than 0"]),
    "name": ('name = "tiny"', 'name = "../tiny"', ["study: name = '../tiny'"]),
    "data set": ('"digits"', '"digit"', ["data 1: unknown data set", "allowed: digits"]),
    "split": ("train = 100", "train = 1800", ["data 1", "1797 samples"]),
    "empty part": ("val = 50", "val = 0", ["data 1: split: val: 0 is neither a whole number"]),
    "model kind": ('"mlp"\nhidden = [6]', '"mpl"\nhidden = [6]', ["model 1", "did you mean 'mlp'"]),
    "model option": ("hidden = [6]", "hiden = [6]", ["model 1", "did you mean 'hidden'?"]),
    "option type": ("hidden = [6]", "hidden = 6", ["model 1", "hidden = 6", "a list"]),
    "activation": ('"arctan"', '"artan"', ["model 'small'", "artan", "relu"]),
    "optimizer": ('"sgd"', '"sdg"', ["recipe 2: optimizer", "did you mean 'sgd'?"]),
    "loss": ('"bce_softmax"', '"bce"', ["recipe 2: loss", "cross_entropy, bce_softmax, mse"]),
    "loss of another task": ('"bce_softmax"', '"mse"', ["recipe 'document'", "'mse'", "digits"]),
    "init": ('"document_deep"', '"deep"', ["recipe 2: init", "document_deep"]),
    "dropout_at": (
        "inputs =",
        "dropout_at = 'all'\ninputs =",
        ["recipe 1: dropout_at", "products"],
    ),
    "dtype": ("inputs =", "dtype = 'float8'\ninputs =", ["recipe 1: dtype", "float64"]),
    "inputs": (
        '"scaled"',
        '"big"',
        ["recipe 1: inputs = 'big'", "or 'standardized'"],
    ),
    "learning rate": ("lr = 1e-2", "lr = -1.0", ["recipe 1: lr: -1.0", "above 0"]),
    "learning rates": ("lr = 1e-2", "lr = [0.1, 0.1]", ["recipe 1: lr: [0.1, 0.1]", "different"]),
    "batch": ("batch_size = 32", "batch_size = 'al'", ["recipe 1: batch_size: 'al'", '"all"']),
    "large batch": ("batch_size = 32", "batch_size = 320", ["batch_size = 320", "100 training"]),
    "letters": ('"mlp"\nhidden = [6]', '"MLP"\nhidden = [6]', ["model 1", "did you mean 'mlp'"]),
    "epochs": ("epochs = 4\n", "epochs = 4\nsteps = 4\n", ["recipe 1", "both"]),
    "no epochs": ("steps = 6", "", ["recipe 2", "neither"]),
    "momentum": ("epochs = 4\n", "epochs = 4\nmomentum = 0.9\n", ["recipe 1", "momentum", "sgd"]),
    "nesterov": ("steps = 6", "steps = 6\nnesterov = true", ["recipe 2", "momentum above 0"]),
    "recipe's model": ('models = ["small"]', 'models = ["smal"]', ["recipe 2: models", "'small'"]),
    "recipe's arm": ('"none", "L1"]', '"none", "L2"]', ["recipe 2: arms", "unknown arm 'L2'"]),
    "recipe twice": ('"document"', '"modern"', ["recipe 2", "recipe 1", "'small'"]),
    "model twice": ('name = "deep"', 'name = "small"', ["model 2", "'small'", "model 1"]),
    "arm twice": ('name = "L1-proximal"', 'name = "L1"', ["arm 3", "'L1'", "arm 2"]),
    "penalty": ('"L1", lam = [1e-4, 1e-3] }', '"LI", lam = 1 }', ["arm 2: penalty: kind", "L1"]),
    "lam negative": ("5e-2", "-5e-2", ["arm 2: for 1: penalty", "-0.05", "lam"]),
    "lam NaN": ("lam = 5e-2", "lam = nan", ["arm 2: for 1: penalty", "nan", "lam"]),
    "lam text": ("lam = 5e-2", "lam = 'x'", ["arm 2: for 1: penalty: lam", "'x'"]),
    "no lam": (", lam = 5e-2 }", " }", ["arm 2: for 1: penalty", "'lam' is missing"]),
    "p of L1": ("lam = 5e-2", "lam = 5e-2, p = 1.0", ["arm 2: for 1: penalty", "'p'", "lam"]),
    "p = 0": ('"L1", lam = 5e-2', '"Lp", lam = 5e-2, p = 0.0', ["arm 2: for 1: penalty", "p"]),
    "no p": ('"L1", lam = 5e-2', '"Lp", lam = 5e-2', ["arm 2: for 1: penalty", "'p'"]),
    "view": (
        '"L1", lam = 5e-2',
        '"Group", lam = 1.0, view = "rows"',
        ["arm 2: for 1: penalty", "unknown view 'rows'", "Rows"],
    ),
    "coupling": ('"proximal"', '"proximl"', ["arm 3: coupling", "did you mean 'proximal'?"]),
    "refused coupling": (
        'penalty = { kind = "L1", lam = [1e-4, 1e-3, 1e-2] }\ncoupling = "proximal"',
        'penalty = { kind = "L2", lam = 1e-4 }\ncoupling = "dual_averaging"',
        ["arm 3 (L1-proximal)", "dual_averaging", "proximal"],
    ),
    "refused in an override": (
        'where = "first"',
        'where = "first"\ncoupling = "dual_averaging"\n'
        '[[arm.for]]\nmodel = "small"\npenalty = { kind = "L2", lam = 1 }',
        ["arm 2 (L1)", "dual_averaging"],
    ),
    "scope": (
        'kind = "L1", lam = [1e-4, 1e-3, 1e-2]',
        'kind = "LInf", lam = 1.0, scope = "model"',
        ["arm 3 (L1-proximal)", "scope"],
    ),
    "coupling alone": ("dropout = 0.3", 'coupling = "loss"', ["arm 4 (dropout)", "penalty"]),
    "where": ('"first"', '"fist"', ["recipe 'document'", "'L1'", "fist"]),
    "dropout": ("dropout = 0.3", "dropout = 1.0", ["arm 4: dropout: 1.0", "less than 1"]),
    "override's model": ('recipe = "document"', 'model = "dep"', ["arm 2: for 1: model", "'deep'"]),
    "quick key": ("strengths =", "strength =", ["quick", "did you mean 'strengths'?"]),
    "quick strengths": ('"middle"', '"mean"', ["quick: strengths = 'mean'", "'middle'"]),
    "quick arms": ('strengths = "middle"', 'arms = ["L2"]', ["quick: arms", "unknown arm 'L2'"]),
    "quick value": ("modern.epochs = 2", "modern.epochs = 0", ["with quick", "recipe 1", "epochs"]),
}


@pytest.mark.parametrize(("old", "new", "says"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_in_one_line(old: str, new: str, says: list[str]):
    assert TINY.count(old) >= 1
    with pytest.raises(SpecError) as caught:
        study = parse(TINY.replace(old, new), "some.toml")
        quicken(study, "some.toml")
        check(study, "some.toml")
    message = str(caught.value)
    assert message.startswith("some.toml: ")
    assert "\n" not in message
    assert [words for words in says if words not in message] == []


def test_an_arm_is_what_its_overrides_make_of_it():
    arms = {(m.recipe.name, m.model.name, m.arm.name): m.arm for m in members(parse(TINY))}
    document = arms["document", "small", "L1"]
    assert (document.terms[0].lam, document.where, document.coupling) == (5e-2, "first", "loss")
    modern = arms["modern", "small", "L1"]
    assert (modern.where, modern.coupling) == ("weights", "loss")


def test_lists_make_axes():
    text = TINY.replace("lr = 0.1", "lr = [0.1, 0.2]").replace('"all"', '["all", 50]')
    found = {
        (m.recipe.lr, m.batch_size, m.steps, m.epochs) for m in members(parse(text), ["document"])
    }
    assert found == {(0.1, 100, 6, 6), (0.2, 100, 6, 6), (0.1, 50, 6, 3), (0.2, 50, 6, 3)}


def test_members_are_all_different_and_keep_their_identity():
    study = parse(TINY)
    ids = [member.id for member in members(study)]
    assert len(ids) == len(set(ids)) == 2 * (2 * 7 + 2)
    more = parse(TINY.replace("seeds = 2", "seeds = 3").replace("A tiny", "Another"))
    assert set(ids) < {member.id for member in members(more)}
    other = parse(TINY.replace("evaluate_every = 2", "evaluate_every = 1"))
    same = set(ids) & {member.id for member in members(other)}
    assert same == {member.id for member in members(study, ["document"])}


def test_quick_is_another_smaller_study():
    study = quicken(parse(TINY), "x")
    assert study.name == "tiny-quick"
    assert {m.seed for m in members(study)} == {0}
    assert {m.lam for m in members(study, ["modern"]) if m.arm.name == "L1-proximal"} == {1e-3}
    assert {m.epochs for m in members(study, ["modern"])} == {2}
    assert {m.epochs for m in members(study, ["document"])} == {6}


def test_quick_can_keep_some_arms():
    text = TINY.replace('strengths = "middle"', 'arms = ["none", "dropout"]')
    study = quicken(parse(text), "x")
    assert {m.arm.name for m in members(study)} == {"none", "dropout"}


def test_the_command_line_overrides_seeds_and_epochs():
    study = override(parse(TINY), seeds=4, epochs=3, file="x")
    assert {m.seed for m in members(study)} == {0, 1, 2, 3}
    assert {m.epochs for m in members(study)} == {3}


def test_shapes_is_the_documents():
    study = sources.find("shapes")[0]
    sizes = check(study, "shapes")
    weights = {key.removeprefix("digits/"): size.weights for key, size in sizes.items()}
    assert weights == {"shallow": 18_944, "h32": 7_488, "h16": 2_464, "h256": 346_624}
    assert tomllib.loads(sources.text("shapes"))["data"][0]["split"] == {
        "train": 719, "val": 539, "test": 539,
    }  # fmt: skip
    deep = [m for m in members(study, ["document"]) if m.arm.name in ("L0", "L1", "L2", "L3")]
    for m in deep:
        lam = {"L0": 5e-2, "L1": 5e-4, "L2": 5e-2, "L3": 5e-2}[m.arm.name]
        expected = lam if m.model.name == "shallow" else 5e-2 / weights[m.model.name]
        assert m.lam == pytest.approx(expected, rel=1e-12)
        assert m.arm.where == ("first" if m.model.name == "shallow" else "weights")


def test_the_reference_names_every_key_of_a_recipe():
    assert [key for key in Recipe.model_fields if key not in REFERENCE] == []
