"""Files come whole and checked into the cache, or not at all."""

import io
import os
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from hashlib import md5, sha256
from pathlib import Path

import pytest

from lpreg.data import DataError, File, download
from lpreg.data.cache import find
from lpreg.data.download import check, obtain
from tests.data.server import Answer, Server

CONTENT = bytes(range(256)) * 4000


def described(server: Server, **changes: str) -> File:
    fields = {
        "path": "set/part.gz",
        "url": f"{server.url}/part.gz",
        "checksum": f"md5:{md5(CONTENT).hexdigest()}",
        **changes,
    }
    return File(**fields, size=len(CONTENT))  # pyright: ignore[reportArgumentType]


def files_in(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def assert_says(error: DataError, *words: object) -> None:
    """One plain line with all of these."""
    line = str(error)
    assert "\n" not in line
    assert [word for word in words if str(word) not in line] == []


def test_a_file_is_downloaded_once(cache: Path, server: Server, capsys: pytest.CaptureFixture[str]):
    file = described(server)
    server.answers["/part.gz"] = Answer(CONTENT)
    assert find(file) is None
    path = obtain(file)
    assert path == find(file) == cache / "set" / "part.gz"
    assert path.read_bytes() == CONTENT
    said = capsys.readouterr()
    assert (said.out, len(said.err.splitlines())) == ("", 1)
    assert_says(DataError(said.err.strip()), file.url, path.parent, "1.0 MB")
    assert obtain(file) == path
    assert server.asked == ["/part.gz"]
    assert files_in(cache) == [path]
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_a_bar(
    cache: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setenv("FORCE_COLOR", "1")
    server.answers["/part.gz"] = Answer(CONTENT)
    obtain(described(server))
    assert "1.0/1.0 MB" in capsys.readouterr().err


HALF = CONTENT[: len(CONTENT) // 2]

FAULTS = {
    "truncated": (Answer(HALF, length=len(CONTENT)), "512,000 of 1,024,000 bytes"),
    "truncated, and the length too": (Answer(HALF), "md5"),
    "not there": (Answer(status=404), "404 Not Found"),
    "server broken": (Answer(status=503), "503"),
    "another file": (Answer(CONTENT[::-1]), md5(CONTENT[::-1]).hexdigest()),
    "nothing": (Answer(), "md5"),
    "silent": (Answer(HALF, length=len(CONTENT), hold=True), "timed out"),
}


@pytest.mark.parametrize(("answer", "named"), FAULTS.values(), ids=FAULTS)
def test_a_broken_download_leaves_nothing(
    cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch, answer: Answer, named: str
):
    monkeypatch.setattr(download, "TIMEOUT", 0.1)
    file = described(server)
    server.answers["/part.gz"] = answer
    with pytest.raises(DataError) as error:
        obtain(file)
    assert_says(error.value, file.path, file.url, cache / "set", "by hand", named)
    assert files_in(cache) == []
    assert find(file) is None
    server.answers["/part.gz"] = Answer(CONTENT)
    assert obtain(file).read_bytes() == CONTENT


def test_no_server_is_one_line(cache: Path, server: Server):
    file = described(server, url="http://127.0.0.1:9/part.gz")
    with pytest.raises(DataError) as error:
        obtain(file)
    assert_says(error.value, file.path, file.url, cache / "set", "refused")
    assert files_in(cache) == []


def test_a_killed_download_is_no_entry_and_is_done_again(cache: Path, server: Server):
    file = described(server)
    server.answers["/part.gz"] = Answer(HALF, length=len(CONTENT), hold=True)
    program = f"from lpreg.data.download import *; obtain({file!r})"
    child = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE)
    with child:
        assert server.reached.wait(60), child.stderr and child.stderr.read()
        child.kill()
    assert find(file) is None
    server.answers["/part.gz"] = Answer(CONTENT)
    assert obtain(file).read_bytes() == CONTENT
    assert files_in(cache) == [cache / "set" / "part.gz"]


def test_who_comes_second_waits_for_the_first(cache: Path, server: Server):
    server.answers["/part.gz"] = Answer(CONTENT)
    with ThreadPoolExecutor(4) as threads:
        paths = set(threads.map(obtain, [described(server)] * 4))
    assert paths == {cache / "set" / "part.gz"}
    assert server.asked == ["/part.gz"]


def test_a_damaged_file_of_the_cache_is_named(cache: Path, server: Server):
    file = described(server)
    (cache / "set").mkdir(parents=True)
    path = cache / "set" / "part.gz"
    path.write_bytes(CONTENT)
    check(file, path)
    path.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(DataError) as error:
        check(file, obtain(file))
    assert_says(error.value, path, file.url, "delete it", md5(CONTENT).hexdigest())
    assert server.asked == []


@pytest.fixture
def read_only(cache: Path):
    cache.mkdir()
    cache.chmod(0o555)
    yield cache
    cache.chmod(0o755)


def test_what_does_not_fit_a_read_only_cache_goes_to_the_users_own(
    read_only: Path, server: Server, tmp_path: Path
):
    server.answers["/part.gz"] = Answer(CONTENT)
    path = obtain(described(server))
    assert path.is_relative_to(tmp_path / "home")
    assert find(described(server)) == path
    assert list(read_only.iterdir()) == []


def test_no_folder_to_write_is_one_line(read_only: Path, server: Server, tmp_path: Path):
    (tmp_path / "home").write_text("a file where a folder should be")
    with pytest.raises(DataError) as error:
        obtain(described(server))
    assert_says(error.value, read_only / "set", tmp_path / "home", "LPREG_DATA")
    assert server.asked == []


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def link(name: str, to: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


WANTED = (tarfile.TarInfo("in/table"), b"1,2\n")


def of_archive(server: Server, packed: bytes) -> File:
    server.answers["/part.gz"] = Answer(packed)
    return described(
        server, path="set/table", checksum=f"sha256:{sha256(packed).hexdigest()}", member="in/table"
    )


def test_one_member_is_taken_from_an_archive_and_nothing_else(
    cache: Path, server: Server, tmp_path: Path
):
    evil = [tarfile.TarInfo(name) for name in ("../../evil", str(tmp_path / "evil"), "other")]
    packed = archive(*((each, b"evil") for each in evil), WANTED)
    path = obtain(of_archive(server, packed))
    assert (path, path.read_bytes()) == (cache / "set" / "table", b"1,2\n")
    assert files_in(tmp_path) == [path]


UNFIT = {
    "a link out": archive((link("in/table", "/etc/hostname", tarfile.SYMTYPE), b"")),
    "a hard link": archive(WANTED, (link("in/table", "../secret", tarfile.LNKTYPE), b"")),
    "a link to another member": archive(
        (tarfile.TarInfo("other"), b"1"), (link("in/table", "../other", tarfile.SYMTYPE), b"")
    ),
    "a folder": archive((link("in/table", "", tarfile.DIRTYPE), b"")),
    "another member": archive((tarfile.TarInfo("in/other"), b"1")),
    "no archive": b"<html>Sign in to this network</html>",
    "half an archive": archive((tarfile.TarInfo("in/table"), os.urandom(5000)))[:2500],
}


@pytest.mark.parametrize("packed", UNFIT.values(), ids=UNFIT)
def test_an_archive_without_the_file_leaves_nothing(cache: Path, server: Server, packed: bytes):
    file = of_archive(server, packed)
    with pytest.raises(DataError) as error:
        obtain(file)
    assert_says(error.value, file.path, file.url, cache / "set")
    assert files_in(cache) == []
