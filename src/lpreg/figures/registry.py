"""All pictures of a study, in the order in which the page shows them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from lpreg.figures import (
    armcurves,
    curves,
    forest,
    front,
    gaps,
    histograms,
    learning,
    maps,
    paths,
    pruning,
    survival,
    thresholds,
)
from lpreg.figures.drawing import Drawing, Evidence
from lpreg.figures.style import save, stem

FIGURES: tuple[Drawing, ...] = (
    Drawing(
        "forest",
        "Effects of the claims",
        "What every claim is about, as an effect with its 95 % interval over the seeds; the line "
        "is where there would be none. Mark and colour are the verdict.",
        forest.COLUMNS,
        forest.frame,
        forest.draw,
        forest.plot,
        per=("recipe",),
    ),
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
        "curves",
        "Learning curves of every arm",
        "Means over the seeds, each arm at the strength that validation chose; bands reach from "
        "the lowest to the highest seed. The green line is the median epoch in which the task loss "
        "on the training part converged, where more than half of the seeds did.",
        armcurves.COLUMNS,
        armcurves.frame,
        curves.draw,
        armcurves.plot,
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
    Drawing(
        "front",
        "Accuracy against exact zeros",
        "One mark per strength that was tried, the large one chosen; the strengths of an arm are "
        "joined. Nothing that was tried is better than the front in both. Accuracies are those of "
        "the validation part, with 95 % intervals over the seeds.",
        front.COLUMNS,
        front.frame,
        front.draw,
        front.plot,
    ),
    Drawing(
        "paths",
        "Strength",
        "Validation accuracy and exact zeros over the strength, with 95 % intervals over the "
        "seeds. Arms without a strength are level lines.",
        paths.COLUMNS,
        paths.frame,
        paths.draw,
        paths.plot,
    ),
    Drawing(
        "thresholds",
        "Small weights",
        "The share of weights that are at most t in magnitude; exact zeros stand at t = 0. Means "
        "over the seeds, each arm at the strength that validation chose.",
        thresholds.COLUMNS,
        thresholds.frame,
        thresholds.draw,
        thresholds.plot,
    ),
    Drawing(
        "histograms",
        "Weights of every layer",
        "How large the weights are; exact zeros stand apart on the left. Means over the seeds, "
        "each arm at the strength that validation chose.",
        histograms.COLUMNS,
        histograms.frame,
        histograms.draw,
        histograms.plot,
    ),
    Drawing(
        "pruning",
        "Pruning",
        "Test accuracy when only the largest weights of a trained network are kept, without "
        "training again. Each arm is at the strength that validation chose; 95 % intervals over "
        "the seeds.",
        pruning.COLUMNS,
        pruning.frame,
        pruning.draw,
        pruning.plot,
    ),
    Drawing(
        "survival",
        "Convergence",
        "The share of seeds whose task loss on the training part has not converged yet "
        "(Kaplan-Meier), each arm at the strength that validation chose.",
        survival.COLUMNS,
        survival.frame,
        survival.draw,
        survival.plot,
    ),
    Drawing(
        "maps",
        "First-layer weights",
        "The mean |w| of every input, black where it is small and white where it is largest; blue "
        "inputs are removed: all their weights are exactly 0. One seed of each arm, at the "
        "strength that validation chose.",
        maps.COLUMNS,
        maps.frame,
        maps.draw,
        maps.plot,
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
