"""Topics, the folder that they make, the page of it, the command, and how statements are told."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lpreg.analysis.claims import TYPES, Claim
from lpreg.analysis.stats import paired
from lpreg.cli import main
from lpreg.explain.common import Computed, Sampled, statement, verdicts
from lpreg.explain.page import index
from lpreg.explain.topics import TOPICS, Picture, Progress, Result, Topic, make, read


class Quiet:
    quick = True

    def __call__(self, part: str) -> None:
        pass


ROUND = statement("round", "The ball of p = 2 is <round>", "SHAPES", "a circle")
SQUARE = statement("square", "So is that of p = inf", "SHAPES")
BETTER = Claim("better", "Ridge is better", "higher", "test error", source="THEORY")

SIDES = np.random.default_rng(0).normal([[2.0], [1.0]], 0.3, (2, 12))


def rows() -> pd.DataFrame:
    return verdicts(
        Computed(ROUND, True, 400, "all radii equal"),
        Sampled(BETTER, SIDES),
        Computed(SQUARE, False, 9, "it has corners"),
    )


def draw(folder: Path, progress: Progress) -> Result:
    progress("a part")
    for name in ("ball.png", "ball.svg", "more.html"):
        (folder / name).write_text("")
    picture = Picture("ball", "A ball & its caption.", "A round ball.")
    numbers = {"ball": pd.DataFrame({"x": [1.0]})}
    return Result([picture], numbers, rows(), {"more.html": "More of it"})


@pytest.fixture
def ball(monkeypatch) -> None:
    for name in list(TOPICS):
        monkeypatch.delitem(TOPICS, name)
    monkeypatch.setitem(TOPICS, "ball", Topic("ball", "The ball", "It is round.", draw))


def test_verdicts_have_one_form_and_keep_the_order():
    table = rows()
    assert list(table) == list(TYPES)
    assert list(table["name"]) == ["round", "better", "square"]
    assert list(table["verdict"]) == ["supported", "supported", "contradicted"]
    computed = table.iloc[0]
    assert (computed["n"], computed["reason"]) == (400, "computed, no sample")
    assert np.isnan(computed["low"])


def test_a_sampled_statement_is_judged_by_the_paired_test():
    row = rows().iloc[1]
    expected = paired(SIDES[0] - SIDES[1])
    assert (row["effect"], row["low"], row["high"]) == expected[1:2] + expected[3:5]
    assert row["n"] == 12
    weak = Sampled(BETTER, SIDES[:, :2] * [[0.5], [1.0]])
    assert verdicts(weak)["verdict"].item() != "supported"


def test_several_sampled_statements_share_the_level():
    sides = np.array([[0.0] * 6, [-1.0, 1.5, 1.2, 1.4, 1.3, 0.9]])[::-1]
    claims = [Claim(f"{i}", "", "higher", "error") for i in range(5)]
    alone = verdicts(Sampled(claims[0], sides))
    together = verdicts(*(Sampled(claim, sides) for claim in claims))
    assert np.allclose(together["p_adjusted"], np.minimum(1, 5 * alone["p"].item()))


def test_a_topic_is_written_and_read(ball, tmp_path: Path):
    made = make(TOPICS["ball"], tmp_path, Quiet())
    found = read(tmp_path / "ball")
    assert found is not None and found.verdicts is not None and made.verdicts is not None
    assert list(found.figures) == list(made.figures)
    pd.testing.assert_frame_equal(found.verdicts, made.verdicts)
    assert pd.read_csv(tmp_path / "ball" / "ball.csv")["x"].item() == 1
    assert read(tmp_path) is None


def test_the_index_shows_pictures_statements_and_what_is_lacking(ball, tmp_path: Path):
    empty = index(tmp_path)
    assert "lpreg explain ball" in empty
    make(TOPICS["ball"], tmp_path, Quiet())
    text = index(tmp_path)
    assert "lpreg explain ball" not in text
    for place in re.findall(r'(?:src|href)="(ball/[^"]+)"', text):
        assert (tmp_path / place).exists(), place
    assert 'alt="A round ball."' in text
    assert "is &lt;round&gt;" in text
    assert "400 cases, computed, no sample" in text
    assert "test error" in text
    assert 'href="ball/more.html"' in text
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)


def test_the_command_makes_topics_and_says_what_is_next(ball, tmp_path: Path, capsys):
    assert main(["explain", "--out", str(tmp_path / "here")]) == 0
    assert (tmp_path / "here" / "index.html").exists()
    assert capsys.readouterr().out.splitlines()[-1].startswith("next: ")


def test_a_topic_that_nobody_knows_is_named_with_the_nearest(capsys, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["explain", "nroms"]) == 2
    assert "did you mean 'norms'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_topics_are_listed(capsys):
    assert main(["explain", "--list"]) == 0
    out = capsys.readouterr().out
    for name, topic in TOPICS.items():
        assert name in out and topic.title in out


def test_a_topic_imports_nothing_before_it_is_asked_for():
    from lpreg.explain import norms

    for name, topic in TOPICS.items():
        assert (name, topic.name) == (name, name)
    assert norms.make is not TOPICS["norms"].make
