"""Data of people's own: where their files lie, what they hold, and how large the parts are.

A study on disk says where a file lies as seen from its own folder, so that both can move together;
in memory the path is absolute. The content, as a hash, is part of what a study is, and the place
is not: a file may move, and one that has changed is another study.
"""

import inspect
import os
from pathlib import Path

from lpreg import data
from lpreg.data import DATA, DataError, fingerprint
from lpreg.study.errors import FolderError, SpecError
from lpreg.study.spec import Study
from lpreg.study.tables import Data, Split, has_shares


def located(study: Study, folder: Path, file: str) -> Study:
    """The study with absolute paths, the hash of every file that has none yet, and whole numbers
    in the place of shares.

    Args:
        study: what somebody wrote.
        folder: that its paths are seen from.
        file: what to call the study in messages.

    Raises:
        SpecError: a file that is to be read for it is not there, or is no data set.
    """
    tables = []
    for i, table in enumerate(study.data, 1):
        try:
            tables.append(_counted(_located(table, folder)))
        except (ValueError, DataError) as error:
            raise SpecError(f"{file}: data {i}: {error}") from None
    changed = any(old is not new for old, new in zip(study.data, tables, strict=True))
    return study.model_copy(update={"data": tuple(tables)}) if changed else study


def seen_from(folder: Path, study: Study) -> Study:
    """The study with its paths as they are seen from a folder: what is written there."""
    tables = []
    for table in study.data:
        if _is_own(table):
            path = os.path.relpath(Path(table.options["path"]).resolve(), folder.resolve())
            table = table.model_copy(update={"path": Path(path).as_posix()})
        tables.append(table)
    return study.model_copy(update={"data": tuple(tables)})


def check_unchanged(held: Study, study: Study, folder: object) -> None:
    """Refuse to go on in a folder with a file that holds something else than when it was begun.

    Raises:
        FolderError: there is one.
    """
    before = {table.name: table.options.get("sha256") for table in held.data}
    for table in study.data:
        own = table.options.get("sha256")
        if before.get(table.name) not in (None, own) and own is not None:
            raise FolderError(
                f"{Path(table.options['path']).name} has changed since {folder} was begun; put the "
                "old one back, or choose another folder with --out"
            )


def _is_own(table: Data) -> bool:
    return "path" in inspect.signature(DATA[table.source]).parameters


def _located(table: Data, folder: Path) -> Data:
    if not _is_own(table):
        return table
    path = os.path.abspath(folder.resolve() / Path(table.options["path"]).expanduser())
    own = table.options.get("sha256") or fingerprint(path)
    if (path, own) == (table.options["path"], table.options.get("sha256")):
        return table
    return table.model_copy(update={"path": path, "sha256": own})


def _counted(table: Data) -> Data:
    if not has_shares(table.split):
        return table
    sizes = data.sizes(data.load(table.source, **table.options), table.split.model_dump())
    return table.model_copy(update={"split": Split(**sizes)})
