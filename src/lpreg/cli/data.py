"""`lpreg data`: which data sets there are, which are here; fetches and verifies them."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from lpreg.cli import command
from lpreg.cli.terminal import print_next
from lpreg.data import SOURCES, load, verify
from lpreg.data.cache import FOLDER, Source, find, folders
from lpreg.study import sources
from lpreg.study.errors import SpecError, unknown

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def list_sets(context: typer.Context) -> None:
    """The data sets: what they are and where they lie; `fetch` and `verify` them."""
    if context.invoked_subcommand is not None:
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in ("data set", "what it is", "samples", "size", "where"):
        number = column in ("samples", "size")
        table.add_column(
            column,
            justify="right" if number else "left",
            no_wrap=number or column == "data set",
            overflow="fold",
        )
    for name in SOURCES:
        source = SOURCES[name]
        table.add_row(name, source.about, f"{source.samples:,}", _size(source), _place(source))
    Console(width=None if sys.stdout.isatty() else 200, markup=False, highlight=False).print(table)
    print(f"looked for in {' and '.join(map(_short, folders()))}; {FOLDER} names another folder")
    missing = [name for name in SOURCES if None in _found(SOURCES[name])]
    print_next(command("data", "fetch", missing[0]) if missing else _run(SOURCES))


@app.command("fetch")
def fetch(names: Annotated[list[str], typer.Argument(metavar="NAME...")]) -> None:
    """Download data sets that are not here, and make them ready."""
    for name in _known(names):
        load(name)
        print(f"{name}: {_place(SOURCES[name])}")
    print_next(_run(names))


@app.command("verify")
def verify_sets(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="all that are here")
    ] = None,
) -> None:
    """Compare data sets with their official checksums."""
    here = [name for name in SOURCES if None not in _found(SOURCES[name])]
    for name in _known(names or here):
        verify(name)
        print(f"{name}: in order, {_place(SOURCES[name])}")
    print_next(_run(names or here))


def _known(names: Sequence[str]) -> Sequence[str]:
    for name in names:
        if name not in SOURCES:
            raise SpecError(unknown("data set", name, SOURCES))
    return names


def _found(source: Source) -> list[Path | None]:
    return [find(file) for file in source.files]


def _size(source: Source) -> str:
    """Of what is here, or else of the download."""
    pairs = zip(_found(source), source.files, strict=True)
    total = sum(file.size if path is None else _bytes(path) for path, file in pairs)
    return f"{total / 1e6:,.1f} MB" if total else ""


def _bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _place(source: Source) -> str:
    found = _found(source)
    if not found:
        return "comes with scikit-learn"
    here = [path for path in found if path is not None]
    if not here:
        return "not here yet"
    where = _short(here[0] if len(found) == 1 else here[0].parent)
    return where if len(here) == len(found) else f"{len(here)} of {len(found)} files in {where}"


def _short(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def _run(names: Iterable[str]) -> str:
    """The first study of the gallery that uses one of these."""
    wanted = set(names)
    for study in sources.gallery():
        if wanted & {each.source for each in sources.find(study)[0].data}:
            return command("run", study, "--quick")
    return command("list")
