"""A cache folder and a server of one's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data.server import Server, serving


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder, not there yet; the user's own lies in `tmp_path / "home"`."""
    monkeypatch.setenv("LPREG_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as state:
        yield state
