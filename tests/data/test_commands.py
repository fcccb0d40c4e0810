"""`lpreg data`, and what a study says whose data are not here."""

from pathlib import Path

import pytest

from lpreg.cli import main
from lpreg.data import DATA, SOURCES, load
from tests.data.fakes import as_zip, tree
from tests.study.tiny import write

OWN = {"table", "images", "arrays"}
"""Data sets of people's own, which nobody has published."""


@pytest.fixture
def offline(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No way to any server: all leads through a port that nobody listens at."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    return cache


def lines(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    said = capsys.readouterr()
    return said.out.splitlines(), said.err.splitlines()


def test_every_data_set_says_what_it_is():
    assert SOURCES.keys() == DATA.keys() - OWN
    assert SOURCES["digits"].samples == len(load("digits").y)


def test_the_list_says_what_is_here(cache: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["data"]) == 0
    out, err = lines(capsys)
    rows = {row.split()[0]: row for row in out[2:-2]}
    assert list(rows) == list(SOURCES)
    assert "comes with scikit-learn" in rows["digits"]
    assert all("not here yet" in row for name, row in rows.items() if name != "digits")
    assert "70,000" in rows["mnist"] and "11.6 MB" in rows["mnist"]
    assert (str(cache) in out[-2], out[-1][-17:], err) == (True, " data fetch mnist", [])
    part = as_zip(cache / "tiny-imagenet-3.zip", tree())
    (cache / "mnist").mkdir()
    (cache / "mnist" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"")
    assert main(["data"]) == 0
    rows = {row.split()[0]: row for row in lines(capsys)[0][2:-2]}
    assert str(part) in rows["tiny_imagenet"]
    assert f"1 of 4 files in {cache / 'mnist'}" in rows["mnist"]


def test_fetch_makes_a_set_ready_and_verify_reads_it(
    offline: Path, capsys: pytest.CaptureFixture[str]
):
    part = as_zip(offline / "tiny-imagenet-3.zip", tree())
    assert main(["data", "fetch", "tiny_imagenet", "digits"]) == 0
    assert list(offline.rglob("images.npy"))
    out, _ = lines(capsys)
    assert out[0] == f"tiny_imagenet: {part}"
    assert out[-1].startswith("next: ")
    assert main(["data", "verify"]) == 0
    out, err = lines(capsys)
    assert [line.split(":")[0] for line in out] == ["digits", "tiny_imagenet", "next"]
    assert err == []
    content = bytearray(part.read_bytes())
    content[2000] ^= 1
    part.write_bytes(content)
    assert main(["data", "verify", "tiny_imagenet"]) == 2
    (line,) = lines(capsys)[1]
    assert f"{part} is damaged" in line


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        (["fetch", "mnst"], "'mnst'; did you mean 'mnist'?"),
        (["verify", "mnst"], "'mnst'; did you mean 'mnist'?"),
        (["verify", "mnist"], "lpreg data fetch mnist"),
        (["fetch"], "NAME"),
        (["fish"], "fish"),
    ],
    ids=" ".join,
)
def test_mistakes_are_one_line(
    offline: Path, capsys: pytest.CaptureFixture[str], typed: list[str], named: str
):
    assert main(["data", *typed]) == 2
    (line,) = lines(capsys)[1]
    assert named in line


@pytest.mark.parametrize("name", [name for name in SOURCES if SOURCES[name].files])
@pytest.mark.parametrize("typed", ["fetch", "run"])
def test_without_a_network_one_line_says_what_to_do(
    offline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, typed: str
):
    study = write(tmp_path, ('name = "digits"', f'name = "{name}"'))
    assert main(["run", str(study)] if typed == "run" else ["data", "fetch", name]) == 2
    tried, failed = lines(capsys)[1]
    file = SOURCES[name].files[0]
    folder = (offline / file.path).parent
    assert file.url in tried and str(folder) in tried
    for part in (file.path, file.url, folder, "Connection refused", "by hand"):
        assert str(part) in failed
    assert [path for path in offline.rglob("*") if path.is_file()] == []


def test_an_option_that_does_not_fit_names_its_place(
    offline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    as_zip(offline / "tiny-imagenet-3.zip", tree())
    study = write(tmp_path, ('name = "digits"', 'name = "tiny_imagenet"\nclasses = 5'))
    assert main(["run", str(study)]) == 2
    assert "data 1: classes = 5; allowed: 1 to 3" in lines(capsys)[1][-1]
