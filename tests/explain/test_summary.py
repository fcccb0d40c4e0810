"""The summary table and the page of disagreements, and statements among all verdicts."""

import re
from pathlib import Path

import pandas as pd
import pytest

from lpreg.analysis.claims import TYPES
from lpreg.cli import main
from lpreg.cli.verdicts import gather as every
from lpreg.explain.common import Computed, statement, verdicts
from lpreg.explain.disagreements import ALL
from lpreg.explain.page import index
from lpreg.explain.summary import TABLE, answer, frame, gather, make
from lpreg.explain.topics import TOPICS, Result


class Quiet:
    quick = True

    def __call__(self, part: str) -> None:
        pass


CELLS = [cell for cells in TABLE.values() for cell in cells.values()]
NAMES = {(cell.topic, cell.name) for cell in CELLS} | {key for each in ALL for key in each.tried}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder in which every statement that the pages name is supported, but for outliers."""
    folder = tmp_path / "explain"
    for topic in {topic for topic, _ in NAMES}:
        (folder / topic).mkdir(parents=True)
        names = sorted(name for each, name in NAMES if each == topic)
        found = [
            Computed(statement(name, f"{name} <so>", "THEORY"), topic != "outliers", 9, "seen")
            for name in names
        ]
        Result([], verdicts=verdicts(*found)).write(folder / topic)
    return folder


def test_answers_follow_the_verdicts(out: Path):
    rows = gather(out)
    table = frame(rows).set_index(["question", "penalty"])["answer"]
    assert table["Robust to outliers", "L1"] == "no"
    assert table["Robust to outliers", "L2"] == "yes"  # its statement is that it is not
    assert table["Predicts well when all matter alike", "L2"] == "better than L1"
    open_ = {**rows["truth", "truth-dense"], "verdict": "inconclusive"}
    assert answer(TABLE["Predicts well when all matter alike"]["L2"], open_) == "undecided"


def test_every_link_of_the_pages_leads_to_a_statement(out: Path):
    (out / "summary").mkdir()
    result = make(out / "summary", Quiet())
    result.write(out / "summary")
    page = index(out)
    ids = set(re.findall(r' id="([^"]+)"', page))
    for name in result.links:
        assert f'href="summary/{name}"' in page
        text = (out / "summary" / name).read_text("utf-8")
        links = set(re.findall(r'href="\.\./index\.html#([^"]+)"', text))
        assert links and links <= ids
        assert "<so>" not in text


def test_what_is_not_made_says_how_to_make_it(tmp_path: Path):
    (tmp_path / "summary").mkdir()
    make(tmp_path / "summary", Quiet())
    for name in ("summary.html", "disagreements.html"):
        assert "lpreg explain outliers" in (tmp_path / "summary" / name).read_text("utf-8")


def test_the_topics_that_the_pages_name_are_there():
    assert {topic for topic, _ in NAMES} <= set(TOPICS)


def test_statements_are_listed_among_all_verdicts(out: Path, monkeypatch, capsys):
    rows = every([], gallery=False, explained=out)
    assert set(rows["name"]) == {f"{topic}/{name}" for topic, name in NAMES}
    assert set(TYPES) <= set(rows)
    (out / "index.html").write_text(index(out), "utf-8")
    monkeypatch.chdir(out.parent)
    assert main(["verdicts"]) == 0
    assert "Theory, explained (explain)" in capsys.readouterr().out
    page = Path("runs", "verdicts.html").read_text("utf-8")
    links = set(re.findall(r'href="\.\./explain/index\.html#([^"]+)"', page))
    ids = set(re.findall(r' id="([^"]+)"', (out / "index.html").read_text("utf-8")))
    assert len(links) == len(NAMES) and links <= ids


def test_without_a_folder_of_topics_nothing_is_added(tmp_path: Path):
    there = every([], gallery=True)
    beside = every([], gallery=True, explained=tmp_path)
    pd.testing.assert_frame_equal(there, beside)
