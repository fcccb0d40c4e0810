"""The explorer: a page on which the loss, the penalty and the data are moved by hand."""

from pathlib import Path

from lpreg.explain.explorer.build import build
from lpreg.explain.topics import Progress, Result

FILE = "explorer.html"


def make(folder: Path, progress: Progress) -> Result:
    """Write the page."""
    progress("the page")
    (folder / FILE).write_text(build(), "utf-8")
    return Result([], links={FILE: "Open the explorer"})
