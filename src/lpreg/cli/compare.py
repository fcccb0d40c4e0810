"""`lpreg compare`: which penalty, how strong, for a table or a folder of images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lpreg.cli import command, terminal
from lpreg.cli.bar import Bar
from lpreg.comparison import Comparison, Question, answer, ask, subject
from lpreg.comparison.design import training

QUICK_SEEDS, QUICK_SHARE = 2, 4
"""What --quick leaves: seeds, and one in so many epochs."""


@dataclass(frozen=True)
class Asked:
    """What was typed."""

    data: Path
    target: str | None
    model: str
    arms: Sequence[str]
    seeds: int | None
    epochs: int | None
    quick: bool
    out: Path | None
    workers: int | None
    options: dict


def compare(asked: Asked) -> Comparison:
    """Say how the data were understood, compare, and print what comes of it; errors as of
    `lpreg.compare`."""
    options = dict(asked.options)
    learned = subject(asked.data, asked.target, options.pop("task", None), options)
    print(f"{learned.told}\n", flush=True)
    question = ask(asked.model, learned, _listed(asked.arms), asked.seeds or 5)
    if asked.epochs:
        question = replace(question, recipe={"epochs": asked.epochs})
    if asked.quick:
        question = _quick(question, asked)
    out = asked.out or Path("runs") / (question.name + "-quick" * asked.quick)
    with Bar() as bar:
        found = answer(question, out, workers=asked.workers, watch=bar)
    print(f"{found}\n")
    print(f"report: {found.report}")
    print(f'model:  lpreg.Comparison("{out.as_posix()}").model.predict(rows)')
    terminal.print_next(command("show", out))
    return found


def _listed(names: Sequence[str]) -> list[str] | None:
    return [name for each in names for name in each.split(",") if name] or None


def _quick(question: Question, asked: Asked) -> Question:
    epochs = asked.epochs or max(1, training(question.subject)["epochs"] // QUICK_SHARE)
    seeds = asked.seeds or QUICK_SEEDS
    print(f"quick: {seeds} seeds, {epochs} epochs, one round of strengths\n", flush=True)
    return replace(question, seeds=seeds, rounds=1, recipe={"epochs": epochs})
