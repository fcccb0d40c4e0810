"""`lpreg verdicts`: every claim of every study at hand, what was published, and what we find."""

import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from lpreg.analysis.evidence import evidence
from lpreg.data import DataError
from lpreg.explain.page import verdict_id
from lpreg.explain.topics import TOPICS, read
from lpreg.report.html import Html, element, join
from lpreg.report.page import Entry, page, section
from lpreg.report.tables import Cell, Column, Row, table, words
from lpreg.report.verdicts import SYMBOLS, badge, claim_id
from lpreg.study import claims, measures, sources
from lpreg.study.errors import FolderError
from lpreg.study.files import replace
from lpreg.study.spec import Study
from lpreg.study.store import Folder

FILE = "verdicts.html"


def judged(folder: Folder) -> pd.DataFrame:
    """What a run folder says of the claims of its study: what `claims.verdicts` gives.

    Raises:
        FolderError: the folder holds no study, or is damaged.
    """
    study, frames = folder.study(), folder.read()
    assert study is not None
    if frames.results.empty or not study.claims:
        return claims.verdicts(study, frames.results)
    try:
        measured = measures.complete(folder.path)
    except DataError as error:
        print(f"lpreg: some measures are missing: {error}", file=sys.stderr)
        measured = frames.measures
    told = evidence(frames.results, frames.curves, measured, frames.sparsity)
    return claims.verdicts(study, told)


def gather(folders: Sequence[Folder], gallery: bool, explained: Path | None = None) -> pd.DataFrame:
    """The verdicts of run folders, one row per folder, claim and recipe.

    Args:
        folders: of the studies.
        gallery: whether those claims of the gallery that no folder asks are to be listed too.
        explained: a folder of `lpreg explain`, whose statements are listed too.

    Returns:
        What `claims.verdicts` gives, with `study` (its title), `folder`, "" without one, and
        `place`, where a row stands in the page of the folder, "" where its name and recipe say.
    """
    tables, there = [], set()
    for folder in folders:
        study, rows = folder.study(), judged(folder)
        assert study is not None
        name = study.name.removesuffix("-quick")
        there |= {(name, *row) for row in zip(rows["name"], rows["recipe"], strict=True)}
        tables.append(_titled(rows, study, folder.path))
    for name in sources.gallery() if gallery else ():
        study = sources.find(name)[0]
        rows = claims.verdicts(study, pd.DataFrame())
        pairs = zip(rows["name"], rows["recipe"], strict=True)
        absent = [(name, *pair) not in there for pair in pairs]
        tables.append(_titled(rows.loc[absent], study, None))
    tables += [] if explained is None else [_explained(explained)]
    found = [each for each in tables if len(each)]
    return pd.concat(found, ignore_index=True) if found else tables[0]


def _titled(rows: pd.DataFrame, study: Study, folder: Path | None) -> pd.DataFrame:
    quick = ", quick" if study.name.endswith("-quick") else ""
    title = (study.head.title or study.name) + quick
    return rows.assign(study=title, folder="" if folder is None else str(folder), place="")


def _explained(out: Path) -> pd.DataFrame:
    """The statements of the topics that a folder holds; names are unique within a topic."""
    topics = {name: read(out / name) for name in TOPICS}
    tables = [
        found.verdicts.assign(
            name=[f"{topic}/{name}" for name in found.verdicts["name"]],
            place=[verdict_id(topic, name) for name in found.verdicts["name"]],
        )
        for topic, found in topics.items()
        if found is not None and found.verdicts is not None
    ]
    if not tables:
        return pd.DataFrame()
    rows = pd.concat(tables, ignore_index=True)
    return rows.assign(kept=False, study="Theory, explained", folder=str(out))


def keep(folders: Iterable[Folder]) -> list[Path]:
    """Keep the verdicts of run folders with the studies of the gallery that they hold.

    Raises:
        FolderError: a folder holds another study, or the gallery cannot be written.
    """
    files = []
    for folder in folders:
        study, rows = folder.study(), judged(folder)
        if study is None or study.name not in sources.gallery():
            raise FolderError(f"{folder} holds no study of the gallery: its verdicts are not kept")
        files.append(claims.keep(study.name, rows))
    return files


def write(rows: pd.DataFrame, file: Path) -> None:
    """Write the verdicts as one page.

    Raises:
        FolderError: it cannot be written.
    """
    groups = list(rows.groupby(["study", "folder"], sort=False))
    parts = [_study(i, str(key[0]), each, file.parent) for i, (key, each) in enumerate(groups)]
    contents = [Entry(f"study-{i}", str(key[0])) for i, (key, _) in enumerate(groups)]
    intro = element("p", "What the documents claim, and what the results at hand say of it.")
    text = page("Verdicts", join(_tally(rows), parts), subtitle=intro, contents=contents)
    try:
        replace(file, lambda part: part.write_text(text, "utf-8"))
    except OSError as error:
        raise FolderError(f"cannot write {file}: {error.strerror or error}") from None


def _tally(rows: pd.DataFrame) -> Html:
    counts = rows["verdict"].value_counts()
    items = [element("li", badge(each, counts[each])) for each in SYMBOLS if each in counts]
    return element("ul", items, class_="tally", aria_label="How many of each verdict")


def _study(number: int, title: str, rows: pd.DataFrame, home: Path) -> Html:
    folder = rows["folder"].iloc[0]
    report = _report(folder, home)
    recipes = list(rows["recipe"].unique())
    told = []
    for name, group in rows.groupby("name", sort=False):
        claim = group.iloc[0][["text", "source", "published", "note"]].to_dict()
        for row in group.to_dict("records"):
            place = row["place"] or claim_id(recipes.index(row["recipe"]), str(name))
            claim[row["recipe"]] = row | {"link": f"{report}#{place}" if report else None}
        told.append(claim)
    columns = (
        words("claim", "text", "text wrap"),
        words("published", "published", "text wrap"),
        *(Column(recipe, (recipe,), partial(_answer, recipe), "text wrap") for recipe in recipes),
        words("source", "source"),
        words("how the published figure came about", "note", "text wrap"),
    )
    where = f"From {folder}. " if folder else "It was not run."
    link = element("a", "Its report", href=report) if report else None
    grid = table(f"claims-{number}", f"Claims of {title}, by recipe", columns, told)
    return section(f"study-{number}", title, element("p", where, link, class_="quiet"), grid)


def _report(folder: str, home: Path) -> str | None:
    """Where the report of a folder is, from the page; None without one."""
    pages = [Path(folder) / name for name in ("report.html", "index.html")] if folder else []
    there = [page for page in pages if page.exists()]
    return Path(os.path.relpath(there[0], home)).as_posix() if there else None


def _answer(recipe: str, claim: Row) -> Cell:
    """The verdict under a recipe, which leads to the claim in the report, with effect and seeds."""
    row = claim.get(recipe)
    if row is None:
        return Cell(element("span", "not asked", class_="quiet"))
    mark = badge(row["verdict"])
    shown = element("a", mark, href=row["link"]) if row["link"] else mark
    seeds = f", n = {row['n']}" if row["n"] else ""
    said = f" {row['ours'] or row['reason']}{seeds}" + " (kept)" * row["kept"]
    return Cell(join(shown, element("span", said, class_="small")))
