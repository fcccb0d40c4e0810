"""All pictures of a study, in the order in which the page shows them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from lpreg.figures import gaps, learning
from lpreg.figures.drawing import Drawing, Evidence
from lpreg.figures.style import save, stem

FIGURES: tuple[Drawing, ...] = (
    Drawing(
        "learning",
        "Learning curves",
        "Means over the seeds, each arm at the strength that validation chose.",
        learning.COLUMNS,
        learning.frame,
        learning.draw,
        learning.plot,
    ),
    Drawing(
        "gaps",
        "Generalization gap",
        "How much better an arm does on the training part than on the test part, each at the "
        "strength that validation chose. Lines are 95 % intervals over the seeds.",
        gaps.COLUMNS,
        gaps.frame,
        gaps.draw,
        gaps.plot,
    ),
)


def pictures(drawing: Drawing, frame: pd.DataFrame) -> Iterator[tuple[tuple, pd.DataFrame]]:
    """The rows of every single picture of a kind, with the values of `drawing.per`."""
    if frame.empty:
        return
    if not drawing.per:
        yield (), frame
        return
    yield from frame.groupby(list(drawing.per), sort=False)  # pyright: ignore[reportReturnType]


def save_all(
    evidence: Evidence, folder: Path, endings: Sequence[str] = ("png", "svg")
) -> list[Path]:
    """Draw all pictures of a study for paper.

    Args:
        evidence: what is known of it.
        folder: for the files, made when it is missing.
        endings: png, svg, pdf.

    Returns:
        The files: `NAME-DATA-MODEL-RECIPE.ENDING`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for drawing in FIGURES:
        for values, rows in pictures(drawing, drawing.frame(evidence)):
            written += save(drawing.draw(rows), folder, stem(drawing.name, *values), endings)
    return written
