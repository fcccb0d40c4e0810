"""The page as a text: what stands in it, in which order, and that it needs nothing else."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from lpreg import pages
from lpreg.figures import Evidence
from lpreg.report.build import build
from lpreg.report.html import element
from lpreg.report.page import Entry, asset, page, section
from lpreg.report.study import About, missing
from lpreg.study.store import Folder
from tests.report.hostile import IMAGE, NAMES, NOTE, SCRIPT, TITLE
from tests.report.test_html import Reader


@pytest.fixture(scope="module", params=["own", "hostile"])
def text(request: pytest.FixtureRequest) -> str:
    """The two pages."""
    return request.getfixturevalue(request.param).read_text("utf-8")


@pytest.fixture(scope="module")
def read(text: str) -> Reader:
    """What a browser sees in them."""
    return Reader(text)


def words(read: Reader) -> str:
    """The texts of a page, its scripts left out."""
    return "\n".join(text for text in read.texts if len(text) < 100_000)


def test_nothing_is_loaded(read: Reader):
    for tag, attributes in read.tags:
        for name in ("src", "href", "action", "poster", "data"):
            address = attributes.get(name) or "#"
            assert address.startswith(("#", "data:,")), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")]


def test_no_text_becomes_an_element(read: Reader):
    tags = {tag for tag, _ in read.tags}
    assert not tags & {"img", "iframe", "object", "b", "i"}


def test_texts_are_shown_as_they_are(own: Path, hostile: Path):
    said = words(Reader(own.read_text("utf-8")))
    for text in (TITLE, NOTE, f"Source {IMAGE}", f"L1 makes zeros {SCRIPT}"):
        assert text in said
    said = words(Reader(hostile.read_text("utf-8")))
    for name in NAMES.values():
        assert name in said


def test_only_the_scripts_of_the_package_may_run(text: str, read: Reader):
    (policy,) = (
        attributes["content"] or ""
        for tag, attributes in read.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    scripts = re.findall(r"<script(?: type=.text/plain.[^>]*)?>(.*?)</script>", text, re.DOTALL)
    hashes = {b64encode(sha256(script.encode()).digest()).decode() for script in scripts}
    assert set(re.findall(r"sha256-([^']+)", policy)) == hashes
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    for name in ("page.js", "plots.js", "plotly.min.js"):
        assert asset(name) in scripts


def test_ids_are_unique_and_names_lead_somewhere(read: Reader):
    ids = [a["id"] for _, a in read.tags if "id" in a]
    assert len(ids) == len(set(ids))
    for _, attributes in read.tags:
        for name in ("aria-labelledby", "aria-describedby", "data-from"):
            if attributes.get(name):
                assert attributes[name] in ids
        link = attributes.get("href") or ""
        if link.startswith("#"):
            assert link[1:] in ids


def test_headings_are_in_order(read: Reader):
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_landmarks_and_language(read: Reader):
    tags = [tag for tag, _ in read.tags]
    assert [tags.count(tag) for tag in ("header", "nav", "main")] == [1, 1, 1]
    assert dict(read.tags)["html"]["lang"] == "en"
    links = [a for tag, a in read.tags if tag == "a"]
    assert links[0]["href"] == "#main"


def test_verdicts_come_first(own: Path):
    said = words(Reader(own.read_text("utf-8")))
    titles = ["Verdicts", "What to use", "Tables", "Figures", "What is missing", "Settings"]
    places = [said.rindex(f"\n{title}\n") for title in titles]
    assert places == sorted(places)


def test_a_verdict_is_a_word_a_mark_and_a_colour(own: Path):
    text = own.read_text("utf-8")
    for verdict in re.findall(r'<li class="claim ([a-z-]+)"', text):
        assert re.search(rf'class="badge {verdict}"><span aria-hidden="true">.</span>', text)
    assert "ten times " in text


def test_ensembles_stand_beside_their_members(run: Path):
    evidence = pages.gather(Folder(run))
    text = build("x", evidence, About())
    for row in evidence.ensembles.itertuples():
        assert f'data-values="{row.ensemble:.10g}"' in text
    assert len(evidence.ensembles) and "The seeds together" in text
    without = build("x", replace(evidence, ensembles=evidence.ensembles.head(0)), About())
    assert "The seeds together" not in without


def test_what_is_missing_is_said(own: Path):
    said = words(Reader(own.read_text("utf-8")))
    assert "This study is not finished: 24 of 36 members are stored." in said
    assert "--recipe all" in said


def test_missing_members_are_counted():
    names = {"recipe": "r", "data": "d", "model": "m"}
    planned = pd.DataFrame(
        [{"member": str(i), **names, "arm": "a" if i < 2 else "b"} for i in range(4)]
    )
    table = missing(planned, pd.DataFrame({"member": ["0", "2", "3"]}))
    assert table.to_dict("records") == [{**names, "arm": "a", "planned": 2, "stored": 1}]


def test_members_that_diverged_are_named(run: Path):
    evidence = pages.gather(Folder(run))
    results = evidence.results
    worst = results.index[results["arm"] == "L1"][0]
    results = results.assign(status=results["status"].where(results.index != worst, "diverged"))
    text = build("x", replace(evidence, results=results), About())
    assert "Members that did not finish" in text
    assert ">diverged</td>" in text


def test_a_study_without_results_has_a_page(run: Path):
    nothing = pd.DataFrame({"member": pd.Series(dtype="str")})
    about = pages.about(Folder(run))
    text = build("x", Evidence(nothing, nothing), about)
    assert "0 of 36 members are stored" in text
    assert asset("plotly.min.js") not in text


def test_the_skeleton_alone():
    text = page("A & B", section("one", "One", element("p", "x < y")), contents=[Entry("one", "1")])
    read = Reader(text)
    assert "A & B" in read.texts
    assert "x < y" in read.texts
    assert text.startswith("<!doctype html>")


# ---- colours ------------------------------------------------------------------------------------


def themes() -> dict[str, dict[str, str]]:
    """The colours of both themes, from the style sheet."""
    found = re.findall(r"(:root[^{]*)\{([^}]*)\}", asset("page.css"))
    colours = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", body)) for _, body in found]
    light, dark, preferred = (each for each in colours if len(each) > 10)
    assert dark == preferred  # by the switch and by the system
    return {"light": light, "dark": dark}


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio, WCAG 2.2."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


PAIRS = [
    (ink, ground) for ink in ("ink", "quiet", "link") for ground in ("ground", "raised", "mark")
]
PAIRS += [(tone, f"{tone}-ground") for tone in ("good", "bad", "open", "none")]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_text_has_contrast(theme: str, ink: str, ground: str):
    colours = themes()[theme]
    assert contrast(colours[ink], colours[ground]) >= 4.5  # WCAG AA


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
