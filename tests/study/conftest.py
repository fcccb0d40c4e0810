"""Runs of these tests leave no page behind: it takes seconds, and tests/report has its own."""

from collections.abc import Iterator

import pytest

from lpreg.cli import commands


@pytest.fixture(scope="module", autouse=True)
def _no_report() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "_report", lambda folder: None)
        yield
