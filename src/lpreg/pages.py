"""The page of a study, from all that its run folder holds."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lpreg.analysis import chosen
from lpreg.analysis import evidence as numbers
from lpreg.data import DataError
from lpreg.figures import Evidence, save_all
from lpreg.models import is_code
from lpreg.report.build import build
from lpreg.report.study import About
from lpreg.study import claims, kept, measures, sources
from lpreg.study.errors import FolderError, StudyError
from lpreg.study.files import replace
from lpreg.study.maps import Inputs, inputs_of, long, map_of
from lpreg.study.member import Member, members
from lpreg.study.spec import Study, dump
from lpreg.study.store import Folder, Frames
from lpreg.study.variant import override, quicken

FILE = "report.html"


def write(folder: Folder, evidence: Evidence, out: Path | None = None) -> Path:
    """Write the page of a run folder, DIR/report.html where `out` does not say otherwise.

    Raises:
        FolderError: the folder holds no study, is damaged, or the page cannot be written.
    """
    study = _study(folder)
    page = build(study.head.title or study.name, evidence, about(folder))
    file = out or folder.path / FILE
    try:
        replace(file, lambda part: part.write_text(page, "utf-8"))
    except OSError as error:
        raise FolderError(f"cannot write {file}: {error.strerror or error}") from None
    return file


def draw(folder: Folder, evidence: Evidence) -> list[Path]:
    """Draw the figures of the page for paper, into DIR/figures as PNG, SVG and PDF."""
    try:
        return save_all(evidence, folder.path / "figures", ("png", "svg", "pdf"))
    except OSError as error:
        raise FolderError(f"cannot draw in {folder}: {error.strerror or error}") from None


def attempt(folder: Folder) -> None:
    """Write the page at the end of a run. The results are stored by then, so that no mistake here,
    of whatever kind, may end the run as if it had failed: it is told in one line."""
    try:
        print(f"report: {write(folder, gather(folder))}")
    except BrokenPipeError:  # whoever reads has read enough
        raise
    except Exception as error:
        said = str(error).partition("\n")[0]
        why = said if isinstance(error, StudyError) else f"{type(error).__name__}: {said}"
        print(f"lpreg: the results are stored, but there is no report: {why}", file=sys.stderr)


def gather(folder: Folder) -> Evidence:
    """All that is known of a study; what older folders lack is measured now where it can be."""
    study, frames = _study(folder), _frames(folder)
    results, curves, sparsity, measured = frames
    maps, shapes = _maps(folder, study, results)
    told = numbers.evidence(results, curves, measured, sparsity) if len(results) else results
    return Evidence(
        results=results,
        curves=curves,
        sparsity=sparsity,
        measures=measured,
        evidence=told,
        verdicts=claims.verdicts(study, told),
        maps=maps,
        shapes=shapes,
        ensembles=_ensembles(folder),
    )


def about(folder: Folder) -> About:
    """What the tables of a study do not say."""
    study = _study(folder)
    columns = ("member", "recipe", "data", "model", "arm")
    planned = [(m.id, m.recipe.name, m.data.name, m.model.name, m.arm.name) for m in members(study)]
    return About(
        name=study.name,
        source=study.head.source or "",
        note=study.head.note or "",
        toml=dump(study),
        environment=_environment(folder),
        command=_line(study, folder, _recipes(folder)),
        planned=pd.DataFrame(planned, columns=columns),  # pyright: ignore[reportArgumentType]
        resume=_line(study, folder, "all", "--out", folder),
        test_share=study.test_share,
    )


def _study(folder: Folder) -> Study:
    study = folder.study()
    if study is None:
        raise FolderError(f"{folder} holds no study; train one with: lpreg run shapes --quick")
    return study


def _frames(folder: Folder) -> Frames:
    """All tables; without the measures of stacks that need data that are not to be had."""
    frames = folder.read()
    try:
        return frames._replace(measures=measures.complete(folder.path))
    except DataError as error:
        print(f"lpreg: some measures are missing: {error}", file=sys.stderr)
        return frames


def _ensembles(folder: Folder) -> pd.DataFrame:
    """What the seeds predict together, where the data are to be had."""
    try:
        return measures.ensembles(folder.path)
    except DataError:  # told with the measures, which need the same data
        return pd.DataFrame()


def _environment(folder: Folder) -> dict[str, Any]:
    try:
        return json.loads((folder.path / "environment.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}


# ---- weight maps --------------------------------------------------------------------------------


def _maps(
    folder: Folder, study: Study, results: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, tuple[int, int]]]:
    """The weight maps of the members with chosen settings, and the shapes of their inputs."""
    best = set(results.loc[chosen(results), "member"]) if len(results) else set()
    wanted = {m.id: m for m in members(study) if m.id in best and m.recipe.snapshots}
    tables, shapes = [_empty()], {}
    for name in dict.fromkeys(m.data.name for m in wanted.values()):
        own = {id: m for id, m in wanted.items() if m.data.name == name}
        try:
            inputs = inputs_of(next(iter(own.values())))
        except DataError as error:
            print(f"lpreg: no weight maps: {error}", file=sys.stderr)
            continue
        table = _maps_of(folder, own, inputs)
        if len(table):
            shapes[name] = inputs.shape
            tables.append(table)
    return pd.concat(tables[len(tables) > 1 :], ignore_index=True), shapes


def _maps_of(folder: Folder, wanted: dict[str, Member], inputs: Inputs) -> pd.DataFrame:
    """Maps of members with the same inputs, with the row and column of each input of an image."""
    found = {}
    for id in folder.finished():
        for member, tensors in kept.of_stack(folder, "snapshots", id)[0].items():
            if member in wanted:
                copies = {name: tensor.numpy() for name, tensor in tensors.items()}
                found[member] = map_of(copies.pop("epoch"), copies)
    maps = {id: found[id] for id in wanted if found.get(id) is not None}
    fitting = {id: m for id, m in maps.items() if m.scores.shape[1] == len(inputs.names)}
    table = long(fitting, inputs)
    places = np.arange(len(inputs.names))
    width = inputs.shape[1]
    times = len(table) // max(1, len(places))
    return table.assign(row=np.tile(places // width, times), column=np.tile(places % width, times))


def _empty() -> pd.DataFrame:
    return pd.DataFrame(columns=["member", "epoch", "input", "score", "row", "column"])


# ---- commands -----------------------------------------------------------------------------------


def _line(study: Study, folder: Folder, recipes: str, *more: object) -> str:
    """What trains a study again, as one would type it."""
    words = ["lpreg", "run", *_source(study, folder), *more]
    words += ["--recipe", recipes] if recipes else []
    words += ["--allow-code"] if any(is_code(model.kind) for model in study.models) else []
    return shlex.join(map(str, words))


def _source(study: Study, folder: Folder) -> list[object]:
    """The name of a study of the gallery that has the same members, else its own file."""
    wanted = {member.id for member in members(study)}
    name = study.name.removesuffix("-quick")
    if name in sources.gallery():
        shipped, file = sources.find(name)
        quick = ["--quick"] * (study.name != name)
        same = quicken(shipped, file) if quick else shipped
        for seeds in (None, study.head.seeds):
            each = override(same, seeds, None, file)
            if {member.id for member in members(each)} == wanted:
                return [name, *quick, *([] if seeds is None else ["--seeds", seeds])]
    return [folder.path / "study.toml"]


def _recipes(folder: Folder) -> str:
    """Those that the folder has results of, where they are not the first alone."""
    study, results = _study(folder), folder.read().results
    there = [name for name in study.recipe_names if name in set(results.get("recipe", ()))]
    if there == list(study.recipe_names[:1]):
        return ""
    return "all" if there == list(study.recipe_names) else ",".join(there)
