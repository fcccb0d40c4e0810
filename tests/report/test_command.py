"""`lpreg report`, and the page that `lpreg run` leaves behind."""

import shutil
from pathlib import Path

import pytest

from lpreg import pages
from lpreg.cli import main
from lpreg.study import sources
from lpreg.study.spec import dump
from lpreg.study.store import Folder
from tests.report.hostile import STUDY


@pytest.fixture
def home(tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the study in runs/."""
    shutil.copytree(run, tmp_path / "runs" / "hostile")
    (tmp_path / "runs" / "hostile" / "report.html").unlink()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_latest_folder_by_default(home: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["report"]) == 0
    said, complaints = capsys.readouterr()
    assert said.splitlines()[0] == "report: runs/hostile/report.html"
    assert said.splitlines()[-1].startswith("next: ")
    assert complaints == ""
    assert (home / "runs" / "hostile" / "report.html").stat().st_size < 6e6


def test_the_same_folder_gives_the_same_page(home: Path):
    assert main(["report", "--out", "a.html"]) == 0
    assert main(["report", "runs/hostile", "--out", "b.html"]) == 0
    assert (home / "a.html").read_bytes() == (home / "b.html").read_bytes()


def test_figures_for_paper(home: Path, monkeypatch: pytest.MonkeyPatch):
    asked = []
    monkeypatch.setattr(pages, "save_all", lambda *given: asked.append(given) or [Path("a/b.png")])
    assert main(["report", "--figures"]) == 0
    ((evidence, folder, endings),) = asked
    assert len(evidence.results) == 24
    assert folder == Path("runs/hostile/figures")
    assert set(endings) == {"png", "svg", "pdf"}


def test_a_page_that_cannot_be_written(home: Path, capsys: pytest.CaptureFixture[str]):
    (home / "taken").mkdir()
    assert main(["report", "--out", "taken"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("lpreg: cannot write taken: ")


def test_no_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["report", str(tmp_path)]) == 2
    assert "holds no study" in capsys.readouterr().err


def test_a_run_without_a_page_has_not_failed(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def fails(*_: object) -> str:
        raise RuntimeError("no ink\nnor paper")

    monkeypatch.setattr(pages, "build", fails)
    (home / "study.toml").write_text(STUDY, "utf-8")
    capsys.readouterr()
    assert main(["run", "study.toml", "--recipe", "modern"]) == 0
    said, complaints = capsys.readouterr()
    (line,) = complaints.splitlines()
    assert line == "lpreg: the results are stored, but there is no report: RuntimeError: no ink"
    assert "report:" not in said


def test_the_command_that_reproduces_it(home: Path):
    folder = Folder(home / "runs" / "hostile")
    assert pages.about(folder).command == f"lpreg run {folder}/study.toml"
    for name in sources.gallery():
        study = sources.find(name)[0]
        (folder.path / "study.toml").write_text(dump(study), "utf-8")
        assert pages.about(folder).command == f"lpreg run {name}"
