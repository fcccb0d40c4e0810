"""Claims in a study: what is refused, what a quick run leaves out, and verdicts of run folders."""

import json
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lpreg.analysis.evidence import METRICS
from lpreg.cli import main
from lpreg.study import SpecError, dump, members, parse, sources
from lpreg.study import claims as study_claims
from lpreg.study.claims import COLUMNS, KINDS, ClaimTable, asked, keep, verdicts
from lpreg.study.store import Folder
from lpreg.study.variant import quicken
from tests.study.tiny import TINY, contents

CLAIM = """
[[claim]]
name = "more-zeros"
text = "L1-proximal makes more zeros than no penalty"
source = "TINY, page 1"
published = "3 against 0"
kind = "higher"
metric = "zeros"
left = { arm = "L1-proximal", lam = 1e-2, model = "small" }
right = { arm = "none", model = "small" }
"""
SECOND = """
[[claim]]
name = "weights"
text = "L1 makes weights smaller, in both models and under both recipes"
kind = "lower"
metric = "mean_abs_weight"
left = { arm = "L1", model = "small" }
right = [{ arm = "none" }]
margin = 1e-4
"""
SEVERAL = TINY + CLAIM + SECOND
REFERENCE = (Path(__file__).parents[2] / "docs" / "studies.md").read_text("utf-8")


def test_claims_round_trip_and_are_no_part_of_a_member():
    study = parse(SEVERAL)
    assert parse(dump(study)) == study
    assert [claim.name for claim in study.claims] == ["more-zeros", "weights"]
    assert [m.id for m in members(study)] == [m.id for m in members(parse(TINY))]


WRONG = {
    "kind": ('"higher"', '"hihger"', ["claim 1: kind", "did you mean 'higher'?", "order"]),
    "metric": ('"zeros"', '"zeroes"', ["claim 1: metric", "did you mean 'zeros'?", "rise"]),
    "key": ("published =", "publishd =", ["claim 1", "did you mean 'published'?"]),
    "no text": ("text =", "note =", ["claim 1", "'text' is missing"]),
    "column": ("lam = 1e-2", "lem = 1e-2", ["claim 1: left 1", "unknown column 'lem'", "'lam'"]),
    "arm": (
        '"L1-proximal", lam',
        '"L1-proximl", lam',
        ["claim 1 (more-zeros): left 1", "unknown arm 'L1-proximl'", "mean 'L1-proximal'?"],
    ),
    "model": (
        '"none", model = "small"',
        '"none", model = "smal"',
        ["claim 1 (more-zeros): right 1", "unknown model 'smal'", "allowed: small, deep"],
    ),
    "data": ('lam = 1e-2, model = "small"', 'data = "digit"', ["left 1", "did you mean 'digits'?"]),
    "recipe": (
        'lam = 1e-2, model = "small" }\nright = { arm',
        'recipe = "moderm" }\nright = { recipe = "modern", arm',
        ["left 1", "unknown recipe 'moderm'", "'modern'"],
    ),
    "recipe of one side": (
        'lam = 1e-2, model = "small"',
        'recipe = "modern"',
        ["claim 1", "all sides name a recipe, or none"],
    ),
    "coupling": ("lam = 1e-2", 'coupling = "prox"', ["left 1", "did you mean 'proximal'?"]),
    "strength": ("lam = 1e-2", "lam = 0.5", ["left 1", "trains nothing with", "lam = 0.5"]),
    "text as strength": ("lam = 1e-2", "lam = 'big'", ["left 1", "lam = 'big' is not a number"]),
    "number as arm": ('arm = "none", ', "arm = 3, ", ["right 1", "arm = 3 is not a text"]),
    "empty side": ('{ arm = "none", model = "small" }', "{}", ["right 1", "a side is a table"]),
    "no table": ('{ arm = "none", model = "small" }', "'none'", ["claim 1", "right"]),
    "no right": ("right =", "# right =", ["claim 1", "'higher' compares left and right"]),
    "sides of higher": ("right =", "sides =", ["claim 1", "'higher' compares left and right"]),
    "equal": ('"higher"', '"equal"', ["claim 1", "needs a margin"]),
    "ratio": ('"higher"', '"ratio"', ["claim 1", "needs above or below"]),
    "ratio of 0": ('"higher"', '"ratio"\nabove = 0.0', ["claim 1", "above 0"]),
    "difference": ('"higher"', '"difference"', ["claim 1", "lists of two tables"]),
    "bounds": ('"higher"', '"higher"\nabove = 2.0\nbelow = 1.0', ["above 2.0 and below 1.0"]),
    "both": ('"higher"', '"higher"\nabove = 2.0\nmargin = 1.0', ["either above and below, or a"]),
    "margin": ('"higher"', '"higher"\nmargin = -1.0', ["claim 1: margin = -1.0", "greater than 0"]),
    "nan": ('"higher"', '"higher"\nabove = nan', ["claim 1: above"]),
    "at": ('"higher"', '"higher"\nat = "choosen"', ["claim 1: at = 'choosen'", "'chosen'"]),
    "nothing matched": ('"higher"', '"higher"\nat = "matched"', ["no recipe", "'matched'"]),
    "not the document's": ('"higher"', '"higher"\nat = "document"', ["no recipe", "'document'"]),
    "chosen by it": (
        'metric = "zeros"\nleft = { arm = "L1-proximal", lam = 1e-2,',
        'metric = "val_accuracy"\nleft = { arm = "L1-proximal",',
        ["claim 1 (more-zeros): left 1", "recipe 'modern'", "validation chooses", "test part"],
    ),
    "name": ('"more-zeros"', '"more zeros"', ["claim 1: name = 'more zeros'"]),
    "name twice": ('"weights"', '"more-zeros"', ["claim 2: the name 'more-zeros'", "claim 1"]),
}


@pytest.mark.parametrize(("old", "new", "says"), WRONG.values(), ids=WRONG.keys())
def test_a_claim_that_cannot_be_answered_is_refused_in_one_line(
    old: str, new: str, says: list[str]
):
    assert old in CLAIM + SECOND
    with pytest.raises(SpecError) as caught:
        parse(TINY + (CLAIM + SECOND).replace(old, new, 1), "some.toml")
    message = str(caught.value)
    assert message.startswith("some.toml: claim ")
    assert "\n" not in message
    assert [words for words in says if words not in message] == []


def test_validation_may_judge_where_it_chose_nothing():
    text = TINY + CLAIM.replace('"zeros"', '"val_accuracy"')  # one strength is named
    assert parse(text).claims
    named = CLAIM.replace('"zeros"', '"val_loss"').replace("L1-proximal", "L1")
    document = named.replace("lam = 1e-2, ", "") + 'at = "document"\n'
    assert parse(TINY + document).claims  # the document's strength is no choice


def test_claims_are_asked_where_their_sides_are_trained():
    asked_of = {claim.name: claim.recipes for claim in asked(parse(SEVERAL))}
    assert asked_of == {"more-zeros": ("modern",), "weights": ("modern", "document")}
    both = SECOND.replace('{ arm = "L1"', '{ recipe = "modern", arm = "L1"').replace(
        '{ arm = "none" }', '{ arm = "none", recipe = "document" }'
    )
    (only,) = asked(parse(TINY + both))
    assert only.recipes == ("modern and document",)


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ('strengths = "middle"', ["weights"]),  # 1e-2 is not the middle one
        ('arms = ["none", "L1-proximal"]', ["more-zeros"]),
        ('arms = ["L1", "dropout"]', []),
        ('models = ["deep"]', []),
        ('recipes = ["document"]', ["weights"]),
        ("seeds = 1", ["more-zeros", "weights"]),
    ],
)
def test_a_quick_run_leaves_out_claims_about_what_it_leaves_out(change: str, left: list[str]):
    plain = SEVERAL.replace("seeds = 1\n", "").replace("recipe.modern.epochs = 2\n", "")
    quick = quicken(parse(plain.replace('strengths = "middle"', change)), "x")
    assert [claim.name for claim in quick.claims] == left
    assert parse(dump(quick)) == quick


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of one's own, without reports, which other tests are about."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lpreg.pages.attempt", lambda folder: None)
    return tmp_path


def run(text: str, *more: str) -> int:
    """`lpreg run` of the small model of a study, into the folder "run"."""
    Path("tiny.toml").write_text(text, "utf-8")
    return main(["run", "tiny.toml", "--only", "model=small", "--out", "run", *more])


def trained() -> dict[str, str]:
    """Everything but what is said about the study and the machine."""
    texts = ("study.toml", "plan.json", "environment.json")
    return {file: hash for file, hash in contents(Path("run")).items() if file not in texts}


Rows = dict[tuple[str, str], dict[str, Any]]


def by_name(rows: pd.DataFrame) -> Rows:
    """Verdicts by claim and recipe."""
    records: list[dict[str, Any]] = rows.to_dict("records")  # pyright: ignore
    return {(row["name"], row["recipe"]): row for row in records}


def judged() -> Rows:
    from lpreg.cli.verdicts import judged

    return by_name(judged(Folder("run")))


def test_claims_are_added_and_seeds_too_without_training_anything_again(
    home: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(TINY) == 0
    before = trained()
    assert "claims" not in capsys.readouterr().out
    assert run(SEVERAL) == 0
    assert trained() == before
    said = capsys.readouterr().out
    assert "L1-proximal makes more zeros than no penalty" in said
    assert "1 of 3 were not run" in said
    first = judged()
    assert first["more-zeros", "modern"]["n"] == 2
    assert first["weights", "document"]["verdict"] == "not run"
    changed = SEVERAL.replace("3 against 0", "none at all")
    assert run(changed, "--seeds", "4") == 0
    later = judged()["more-zeros", "modern"]
    assert (later["n"], later["published"]) == (4, "none at all")
    after = trained()
    assert {file: after[file] for file in before} == before
    zeros = Folder("run").read().results.query("model == 'small' and recipe == 'modern'")
    means = zeros.query("arm == 'L1-proximal' and lam == 1e-2")["zeros"].mean()
    assert later["left_mean"] == means


def test_verdicts_of_what_was_never_run(home: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["verdicts"]) == 0
    said = capsys.readouterr().out
    page = Path("runs/verdicts.html").read_text("utf-8")
    for name in sources.gallery():
        study = sources.find(name)[0]
        assert study.head.title in said
        for claim in study.claims:
            assert " ".join(claim.text.split()[:2]) in said
            assert escape(claim.text) in page
    assert said.splitlines()[-1].startswith("next: ")


def test_verdicts_of_a_folder_are_a_page(home: Path, capsys: pytest.CaptureFixture[str]):
    sly = SEVERAL.replace("TINY, page 1", "<b>TINY</b> & page 1")
    assert run(sly) == 0
    capsys.readouterr()
    Path("run/report.html").write_text("", "utf-8")
    assert main(["verdicts", "run", "--out", "all.html"]) == 0
    said = capsys.readouterr().out
    assert "A tiny study (run)" in said
    assert "recipe document was not run" in said
    page = Path("all.html").read_text("utf-8")
    assert "<b>TINY" not in page
    assert "&lt;b&gt;TINY&lt;/b&gt; &amp; page 1" in page
    assert 'href="run/report.html#claim-0-more-zeros"' in page
    assert 'href="run/report.html"' in page
    assert main(["verdicts", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err


def told(**changes: Any) -> pd.DataFrame:
    """Evidence of the tiny study with two seeds of its small model under the recipe `document`."""
    rows = [
        {
            **{"data": "digits", "model": "small", "recipe": "document", "arm": arm},
            **{"lam": lam, "lr": 0.1, "momentum": 0.0, "batch_size": 100, "penalty": None},
            **{"seed": seed, "status": "ok", "val_accuracy": 0.5, "val_loss": 1.0},
            **{"mean_abs_weight": 1.0 - (arm == "L1") * (0.1 + seed / 100)},
        }
        for arm, lam in (("none", float("nan")), ("L1", 5e-2))
        for seed in range(5)
    ]
    return pd.DataFrame(rows).assign(**changes)


def test_kept_verdicts_stand_in_for_what_was_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    study = parse(SEVERAL)
    rows = verdicts(study, told())
    assert not rows["kept"].any()
    (tmp_path / "gallery").mkdir()
    file = keep("tiny", rows, tmp_path / "gallery")
    (row,) = json.loads(file.read_text("utf-8"))
    assert (row["name"], row["recipe"], row["verdict"]) == ("weights", "document", "supported")
    assert row["needed"] is None
    monkeypatch.setattr(study_claims, "files", lambda _: tmp_path)
    for name in ("tiny", "tiny-quick"):
        there = parse(SEVERAL.replace('"tiny"', f'"{name}"'))
        found = by_name(verdicts(there, pd.DataFrame()))
        assert {key: row["kept"] for key, row in found.items()} == {
            ("more-zeros", "modern"): False,
            ("weights", "document"): True,
            ("weights", "modern"): False,
        }
        one, expected = (each["weights", "document"] for each in (found, by_name(rows)))
        assert (one["n"], one["verdict"], one["ours"]) == (5, "supported", expected["ours"])
        assert one["effect"] == pytest.approx(expected["effect"], rel=1e-5)
    other = told(mean_abs_weight=[*(1.0, 1.1, 1.2, 1.3, 1.4), *(1.5, 1.7, 1.6, 1.8, 2.0)])
    fresh = by_name(verdicts(study, other))["weights", "document"]
    assert (fresh["verdict"], fresh["kept"]) == ("contradicted", False)
    changed = parse(SEVERAL.replace('"mean_abs_weight"', '"train_loss"'))
    assert not verdicts(changed, pd.DataFrame())["kept"].any()  # it is another claim by now


def test_keeping_one_recipe_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(study_claims, "files", lambda _: tmp_path)
    (tmp_path / "gallery").mkdir()
    study = parse(SEVERAL)
    keep("tiny", verdicts(study, told()))
    keep("tiny", verdicts(study, told(recipe="modern")))
    assert list(verdicts(study, pd.DataFrame())["kept"]) == [False, True, True]


def test_studies_of_others_are_not_kept(home: Path, capsys: pytest.CaptureFixture[str]):
    assert run(SEVERAL) == 0
    assert main(["verdicts", "run", "--keep"]) == 2
    assert "no study of the gallery" in capsys.readouterr().err


def test_the_reference_names_every_key_kind_and_column_of_a_claim():
    section = REFERENCE.partition("## Claims")[2].partition("\n## ")[0]
    names = [*ClaimTable.model_fields, *KINDS, *COLUMNS]
    assert [name for name in names if f"`{name}`" not in section] == []


def test_every_metric_of_the_gallery_is_known_and_says_what_it_is():
    for name in sources.gallery():
        for claim in sources.find(name)[0].claims:
            assert METRICS[claim.metric].label
