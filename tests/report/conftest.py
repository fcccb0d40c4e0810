"""A study with hostile texts, trained once, and its pages."""

from pathlib import Path

import pytest

from lpreg import pages
from lpreg.cli import main
from lpreg.report.build import build
from lpreg.study.store import Folder
from tests.report.hostile import STUDY, TITLE, renamed


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the study, one recipe of two trained."""
    home = tmp_path_factory.mktemp("hostile")
    (home / "study.toml").write_text(STUDY, "utf-8")
    done = main(["run", str(home / "study.toml"), "--out", str(home / "run"), "--recipe", "modern"])
    assert done == 0
    return home / "run"


@pytest.fixture(scope="session")
def own(run: Path) -> Path:
    """The page that the run has written."""
    return run / "report.html"


@pytest.fixture(scope="session")
def hostile(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of the same results under hostile names."""
    folder, file = Folder(run), tmp_path_factory.mktemp("page") / "report.html"
    evidence = renamed(pages.gather(folder))
    file.write_text(build(TITLE, evidence, pages.about(folder)), "utf-8")
    return file
