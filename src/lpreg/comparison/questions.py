"""Which penalty, how strong, how sure: asked of one's own network and data."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from lpreg.analysis.tables import KNOBS
from lpreg.comparison import fitted, networks
from lpreg.comparison.arms import arms as arms_of
from lpreg.comparison.design import design, joined, next_round
from lpreg.comparison.result import MODEL, Comparison
from lpreg.comparison.subject import Subject
from lpreg.comparison.subject import subject as subject_of
from lpreg.data import DataError
from lpreg.study.errors import FolderError, SpecError, StudyError
from lpreg.study.execute import Order, Watch, run
from lpreg.study.member import Member, extend, members
from lpreg.study.network import check
from lpreg.study.plan import Resources
from lpreg.study.spec import Study
from lpreg.study.store import Folder


@dataclass(frozen=True)
class Question:
    """What is asked, before anything is trained.

    Attributes:
        subject: what is to be learned.
        network: what [[model]] says.
        arms: what [[arm]] says.
        seeds: number of seeds, each with a split of its own.
        recipe: what [[recipe]] says otherwise.
        rounds: 2, or 1 to leave the strengths as they are at first.
    """

    subject: Subject
    network: Mapping[str, Any]
    arms: Sequence[Mapping[str, Any]]
    seeds: int = 5
    recipe: Mapping[str, Any] | None = None
    rounds: int = 2

    @property
    def name(self) -> str:
        """Of its run folder."""
        return f"compare-{self.subject.name}"


def compare(
    make_model: str | networks.Make,
    data: Any,
    arms: Iterable[str | Mapping[str, Any]] | None = None,
    seeds: int = 5,
    *,
    target: str | None = None,
    task: str | None = None,
    out: str | Path | None = None,
    recipe: Mapping[str, Any] | None = None,
    rounds: int = 2,
    workers: int | None = None,
) -> Comparison:
    """Compare penalties on one's own network and data, and train the recommended one on all rows.

    Every arm is trained with every seed at a few strengths, then at some more around the best; each
    seed draws a split of its own. Arm and strength are chosen by the validation parts; the test
    parts report. Called again it goes on where it was, and gives the same numbers; more seeds and
    arms add to what is there.

    Args:
        make_model: "mlp:64,64", "linear", "cnn:16,32", "package.module:callable", or a callable
            that returns a `torch.nn.Module`. It is handed `inputs` and `outputs`, or nothing, as it
            takes them; `inputs` is a number, for images their shape.
        data: (X, y) as arrays, tensors or a data frame and targets; or the path of a table or
            a data frame, with `target`; or the path of a folder of images, one folder per class.
        arms: names such as "L1", or tables as [[arm]] of a study; None for the usual ones.
        seeds: their number.
        target: the column to predict.
        task: "classification" or "regression"; told from the target when left out.
        out: the run folder; runs/compare-NAME when left out.
        recipe: keys of [[recipe]] of a study, such as {"epochs": 50, "lr": 1e-3}.
        rounds: 1 leaves out the second round of strengths.
        workers: processes; one per core. A function that other processes cannot import (a lambda,
            one of a notebook or of the script itself) is trained in this one.

    Raises:
        SpecError: something that cannot be compared: what, why, the way out.
        FolderError: the folder holds another comparison, is in use, or cannot be written.
    """
    question = ask(
        make_model, subject_of(data, target, task, {}), arms, seeds, recipe=recipe, rounds=rounds
    )
    return answer(question, out, workers=workers)


def ask(
    make_model: str | networks.Make,
    subject: Subject,
    arms: Iterable[str | Mapping[str, Any]] | None = None,
    seeds: int = 5,
    *,
    recipe: Mapping[str, Any] | None = None,
    rounds: int = 2,
) -> Question:
    """What `compare` would train; arguments and errors are those of it."""
    if not isinstance(seeds, int) or seeds < 1:
        raise SpecError(f"seeds = {seeds!r}; allowed: whole numbers from 1")
    if rounds not in (1, 2):
        raise SpecError(f"rounds = {rounds!r}; allowed: 1, 2")
    network = networks.table(make_model, subject.dataset)
    told = arms_of(arms, subject.dataset, networks.takes_dropout(network))
    return Question(subject, network, told, seeds, recipe, rounds)


def answer(
    question: Question,
    out: str | Path | None = None,
    *,
    workers: int | None = None,
    watch: Watch | None = None,
) -> Comparison:
    """Train what a question asks for, as far as the folder does not hold it; errors of `compare`.

    Args:
        question: what is asked.
        out: the run folder.
        workers: processes.
        watch: is told how it goes on.
    """
    folder = Folder(out or Path("runs") / question.name)
    first, study = _begin(question, folder)
    team = 1 if networks.is_here(question.network) else workers or _cores()
    images = question.subject.dataset.x.dim() > 2
    device = "cuda" if images and torch.cuda.is_available() else "cpu"
    resources = Resources(device, 1 if device == "cuda" else team, width=study.plan.width)
    _train(study, folder, resources, watch or Silent())
    if question.rounds == 2:
        study = next_round(first, study, _of(first, folder.read().results))
        _train(study, folder, resources, watch or Silent())
    found = Comparison(folder.path)
    _fit(found, study, question.subject, folder)
    _write_report(folder)
    return found


class Silent:
    """Who is told how the work goes on, and says nothing."""

    def say(self, text: str) -> None: ...

    def begin(
        self, todo: Sequence[Sequence[Member]], costs: Sequence[float], done: Sequence[int]
    ) -> None: ...

    def step(self, stack: int, steps: int) -> None: ...

    def finish(self, stack: int) -> None: ...


def _stored(subject: Subject, folder: Folder) -> Subject:
    """What is in memory alone gets a file in the folder."""
    if subject.says is not None:
        return subject
    return replace(subject, says=dict(folder.keep(subject.dataset)))


def _begin(question: Question, folder: Folder) -> tuple[Study, Study]:
    """What is asked as a study, and that with the strengths that a folder which is begun has."""
    held, there = folder.study(), folder.arrays()
    first = design(_stored(question.subject, folder), question.network, question.arms,
                   question.seeds, question.recipe or {})  # fmt: skip
    if held is None:
        return first, first
    try:
        return first, extend(held, joined(first, held))
    except ValueError as error:
        folder.drop(folder.arrays() - there)
        raise FolderError(
            f"{folder} holds another comparison: {error}; choose another folder with out (--out)"
        ) from None


def _of(first: Study, results: pd.DataFrame) -> pd.DataFrame:
    """The results of the first round."""
    own = {member.id for member in members(first)}
    return results[results["member"].isin(own)]


def _train(study: Study, folder: Folder, resources: Resources, watch: Watch) -> None:
    try:
        sizes = check(study, folder.path.name)
    except DataError as error:
        raise SpecError(str(error)) from None
    order = Order(study, tuple(members(study)), folder, resources, sizes)
    failures = run(order, watch)
    if failures:
        raise StudyError(
            f"training failed, and what is finished is stored in {folder}: {failures[0]}"
        )


def _fit(found: Comparison, study: Study, subject: Subject, folder: Folder) -> None:
    """Train the recommended arm on all rows, unless that is done."""
    advice = found.advice
    if advice.get("arm") is None:
        return
    rows = found.results[found.results["arm"] == advice["arm"]]
    for key in KNOBS:
        if key in rows and pd.notna(advice[key]):
            rows = rows[rows[key] == advice[key]]
    id = rows.loc[rows["seed"] == 0, "member"].item()
    place = folder.path / MODEL
    if fitted.is_of(place, id):
        return
    member = next(each for each in members(study) if each.id == id)
    lam = None if pd.isna(advice["lam"]) else float(advice["lam"])
    model, made = fitted.fit(replace(member, measured=lam), subject.dataset, subject.columns)
    about = {"member": id, "says": advice["sentence"]}
    with folder.locked():
        fitted.save(model, made, about, place)


def _write_report(folder: Folder) -> None:
    from lpreg import pages  # here: matplotlib and plotly take seconds to import

    try:
        pages.write(folder, pages.gather(folder))
    except Exception as error:  # the results are there, and no drawing may lose them
        print(f"lpreg: there is no report: {type(error).__name__}: {error}", file=sys.stderr)


def _cores() -> int:
    """The cores that this process may use, where the operating system says it."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
