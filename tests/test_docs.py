"""What the documentation says: its programs run, its links lead somewhere."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
README = PROJECT / "README.md"
PAGES = [README, *sorted({*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")} - {README})]
TEST_IDS = [page.relative_to(PROJECT).as_posix() for page in PAGES]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def programs(page: Path) -> str:
    """The Python of a page, as one program: later blocks use the names of earlier ones."""
    blocks = FENCE.findall(page.read_text("utf-8"))
    return "\n".join(code for language, code in blocks if language == "python")


def links(text: str) -> list[str]:
    """Where a page points inside the project: no addresses, no anchors, no code."""
    prose = FENCE.sub("", text)
    found = (link.partition("#")[0] for link in LINK.findall(prose))
    return [link for link in found if link and "://" not in link]


@pytest.mark.filterwarnings(  # Lightning's own
    r"ignore:`isinstance\(treespec, LeafSpec\)` is deprecated:FutureWarning",
    "ignore:The 'train_dataloader' does not have many workers",
)
@pytest.mark.parametrize("page", PAGES[1:], ids=TEST_IDS[1:])
def test_every_program_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "docs").symlink_to(README.parent / "docs")  # what they read; they write beside it
    monkeypatch.chdir(tmp_path)
    exec(compile(programs(page), page.name, "exec"), {"__name__": page.stem})


def test_the_readme_says_what_it_prints(capsys: pytest.CaptureFixture[str]):
    exec(compile(programs(README), README.name, "exec"), {})
    first, *tables = capsys.readouterr().out.splitlines()
    counts = re.fullmatch(r"(\d+) of 45 noise inputs are cut off, (\d+) of the 5 others", first)
    assert counts is not None
    assert int(counts[1]) > 30
    assert int(counts[2]) == 0
    assert "\n".join(tables[:6]) in README.read_text("utf-8")
    share = re.search(r"weights are zero, (\d+\.\d) %", tables[-1])
    assert share is not None
    assert abs(float(share[1]) - 90) <= 1


@pytest.mark.parametrize("page", PAGES, ids=TEST_IDS)
def test_every_link_leads_somewhere(page: Path):
    missing = [link for link in links(page.read_text("utf-8")) if not (page.parent / link).exists()]
    assert missing == []


def test_a_dead_link_would_be_seen():
    page = "[a](there.md#part) ![b](images/b.png) [c](https://example.org) [d](#here)\n"
    code = "```python\nf[0](not_a_link)\n```\n"
    assert links(page + code) == ["there.md", "images/b.png"]
