"""Why L1 gives zeros: two weights in a picture, many random problems, and overfitting itself."""

from pathlib import Path

from lpreg.explain import contact, overfitting, shares
from lpreg.explain.common import Computed, Sampled, verdicts
from lpreg.explain.topics import Progress, Result


def make(folder: Path, progress: Progress) -> Result:
    """All pictures and statements of the topic."""
    progress("loss, ball and path")
    problem, numbers = contact.PROBLEM, {}
    figures = contact.pictures(problem, folder, numbers)
    said: list[Computed | Sampled] = list(contact.statements(problem))
    progress("random problems")
    found = shares.sample(200 if progress.quick else 600)
    figures += shares.pictures(found, folder, numbers)
    said += shares.statements(found)
    progress("a noisy curve")
    curves = overfitting.sample(3 if progress.quick else 12)
    figures += overfitting.pictures(curves, folder, numbers)
    said += overfitting.statements(curves)
    return Result(figures, numbers, verdicts(*said))
