"""What the commands do: read what was typed, call the layers below, print."""

import os
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import torch
import typer

from lpreg.cli import INTERRUPTED, command, data, terminal
from lpreg.cli.bar import Bar
from lpreg.data import DataError
from lpreg.models import is_code
from lpreg.study import sources
from lpreg.study.errors import FolderError, SpecError, StudyError, unknown
from lpreg.study.execute import Order, run
from lpreg.study.member import members, only
from lpreg.study.network import check, refuse_code
from lpreg.study.plan import Resources
from lpreg.study.spec import Study
from lpreg.study.store import Folder
from lpreg.study.variant import override, quick_line, quicken

MISUSE: type[Exception] = typer.BadParameter.__bases__[0]
"""Every mistake in the options: the class that typer does not export."""

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data.app, name="data")


class Device(StrEnum):
    """Where to train."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


def execute(arguments: list[str]) -> int:
    """Do what the arguments say; exit codes as in `lpreg.cli.main`."""
    try:
        return app(arguments, prog_name="lpreg", standalone_mode=False, obj=arguments) or 0
    except (StudyError, DataError) as error:
        return _complain(str(error))
    except MISUSE as error:
        return _complain(error.format_message())  # pyright: ignore[reportAttributeAccessIssue]


def _complain(line: str) -> int:
    print(f"lpreg: {line}", file=sys.stderr)
    return 2


@app.callback()
def lpreg() -> None:
    """Lp-norm regularization for PyTorch: studies of penalties, from one command."""


@app.command("run")
def run_study(
    context: typer.Context,
    study: Annotated[str, typer.Argument(help="a study of the gallery, or a TOML file")],
    out: Annotated[Path | None, typer.Option(help="run folder; runs/NAME")] = None,
    recipe: Annotated[
        list[str] | None, typer.Option(help="one, several or 'all'; the study's first")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="the study's [quick] version")] = False,
    choice: Annotated[
        list[str] | None, typer.Option("--only", help="a part: model=h32,arm=L1")
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="number of seeds")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="epochs of every recipe")] = None,
    device: Annotated[Device, typer.Option(help="where to train")] = Device.auto,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; one per core")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be done")] = False,
    allow_code: Annotated[
        bool,
        typer.Option("--allow-code", help="import the modules that kind = 'module:name' names"),
    ] = False,
) -> int:
    """Train a study, or what is missing of it; ends with its tables."""
    try:
        spec, file = sources.find(study)
        said = quick_line(spec)
        spec = quicken(spec, file) if quick else spec
        spec = override(spec, seeds, epochs, file)
        if not allow_code:
            refuse_code(spec, file)
        wanted = only(members(spec, _recipes(spec, recipe)), choice or ())
        order = Order(
            study=spec,
            wanted=tuple(wanted),
            folder=Folder(out or Path("runs") / spec.name),
            sizes=check(spec, file, {member.data.name for member in wanted}),
            resources=_resources(spec, device, workers),
        )
        if quick:
            print(said)
        return _plan(order, context.obj) if dry_run else _train(order, context.obj)
    except KeyboardInterrupt:
        return INTERRUPTED


def _plan(order: Order, typed: list[str]) -> int:
    if terminal.print_agenda(order):
        terminal.print_next(command(*(word for word in typed if word != "--dry-run")))
    else:
        terminal.print_next(command("show", order.folder))
    return 0


def _train(order: Order, typed: list[str]) -> int:
    with Bar() as bar:
        failures = run(order, bar)
    for failure in failures:
        print(f"lpreg: a stack failed: {failure}", file=sys.stderr)
    terminal.print_tables(order.folder)
    _verdicts(order.folder)
    _report(order.folder)
    terminal.print_next(command(*typed) if failures else command("show", order.folder))
    return 1 if failures else 0


@app.command("compare")
def compare_penalties(
    data: Annotated[Path, typer.Argument(help="a table (CSV), or a folder of images by class")],
    target: Annotated[str | None, typer.Option(help="the column to predict")] = None,
    model: Annotated[
        str, typer.Option(help="mlp:64,64, linear, cnn:16,32, resnet18, or package.module:callable")
    ] = "",
    arms: Annotated[list[str] | None, typer.Option(help="such as none,L2,L1")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="number of seeds; 5")] = None,
    task: Annotated[
        str | None, typer.Option(help="classification or regression; told from the target")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="columns to leave out")] = None,
    categorical: Annotated[
        list[str] | None, typer.Option(help="columns whose numbers are names")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="of training")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="2 seeds, few epochs, a first look")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="run folder; runs/compare-NAME")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; one per core")] = None,
) -> int:
    """Which penalty for these data, how strong, how sure; with a report and a trained network."""
    from lpreg.cli import compare  # here: scipy takes a second to import

    options = {"task": task, "drop": drop, "categorical": categorical}
    asked = compare.Asked(
        data=data,
        target=target,
        model=model or ("cnn" if data.is_dir() else "mlp:64,64"),
        arms=arms or (),
        seeds=seeds,
        epochs=epochs,
        quick=quick,
        out=out,
        workers=workers,
        options={key: each for key, each in options.items() if each},
    )
    try:
        compare.compare(asked)
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


@app.command("list")
def list_studies() -> None:
    """The studies that ship with lpreg."""
    names = sources.gallery()
    terminal.print_gallery([sources.find(name)[0] for name in names])
    terminal.print_next(command("run", names[0], "--quick"))


@app.command("show")
def show(
    source: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="run folder; the latest in runs/")
    ] = None,
    toml: Annotated[bool, typer.Option("--toml", help="print a study of the gallery")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="tables for a text")] = False,
) -> None:
    """The tables of a run folder, its pictures into DIR/figures; or a study's TOML."""
    if toml:
        name = source or sources.gallery()[0]
        print(sources.text(name), end="")
        print(f"# next: {command('run', name, '--quick')}")
        return
    from lpreg.cli import firstlayer  # here: matplotlib and scipy take seconds to import
    from lpreg.figures import draw_curves

    folder = Folder(source or _latest())
    frames = terminal.print_tables(folder, markdown)
    _verdicts(folder, markdown)
    try:
        drawn = draw_curves(frames, folder.path / "figures")
        drawn += firstlayer.show(folder, frames, markdown)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise FolderError(f"cannot draw in {folder}: {error.strerror or error}") from None
    terminal.print_drawn(drawn)
    terminal.print_next(_after(folder, len(frames.results)))


@app.command("report")
def write_report(
    source: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="run folder; the latest in runs/")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="the file; DIR/report.html")] = None,
    figures: Annotated[
        bool, typer.Option("--figures", help="its figures too, as PNG, SVG and PDF")
    ] = False,
) -> None:
    """One page of a run folder: verdicts, what to use, tables, figures, settings."""
    from lpreg import pages  # here: matplotlib and plotly take seconds to import

    folder = Folder(source or _latest())
    evidence = pages.gather(folder)
    print(f"report: {pages.write(folder, evidence, out)}")
    if figures:
        terminal.print_drawn(pages.draw(folder, evidence))
    terminal.print_next(command("show", folder))


@app.command("verdicts")
def list_verdicts(
    folders: Annotated[
        list[Path] | None, typer.Argument(metavar="[DIR]...", help="run folders; all in runs/")
    ] = None,
    out: Annotated[Path, typer.Option(help="the page")] = Path("runs", "verdicts.html"),
    markdown: Annotated[bool, typer.Option("--markdown", help="tables for a text")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="keep them with the studies of the gallery")
    ] = False,
) -> None:
    """The claims of all studies: what was published, what we find; and as one page."""
    from lpreg.cli import verdicts  # here: scipy takes a second to import

    found = folders or sorted(file.parent for file in Path("runs").glob("*/study.toml"))
    studies = [Folder(each) for each in found]
    rows = verdicts.gather(studies, not folders, None if folders else Path("explain"))
    terminal.print_all_verdicts(rows, markdown)
    verdicts.write(rows, out)
    print(f"page: {out}")
    for file in verdicts.keep(studies) if keep else ():
        print(f"kept: {file}")
    lacking = [name for name in sources.gallery() if not Path("runs", name).exists()]
    again = command("run", lacking[0], "--recipe", "all") if lacking else None
    terminal.print_next(again or command("show", found[0]))


@app.command("explain")
def explain_topics(
    topics: Annotated[
        list[str] | None, typer.Argument(metavar="[TOPIC]...", help="all without any")
    ] = None,
    out: Annotated[Path, typer.Option(help="the folder")] = Path("explain"),
    listed: Annotated[bool, typer.Option("--list", help="only name the topics")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="fewer repetitions, a first look")] = False,
) -> None:
    """The geometry and the theory, computed, tested and drawn: a folder with an index page."""
    from lpreg.cli import explain  # here: matplotlib takes a second to import

    names = explain.check(topics or ())
    if listed:
        terminal.print_topics(explain.titles(names))
        terminal.print_next(command("explain", names[0]))
        return
    print(f"page: {explain.write(names, out, quick)}")
    still = explain.lacking(out)
    where = [] if out == Path("explain") else ["--out", out]
    terminal.print_next(command("explain", still[0], *where) if still else command("verdicts"))


def _verdicts(folder: Folder, markdown: bool = False) -> None:
    """What a folder says of the claims of its study."""
    from lpreg.cli import verdicts  # here: scipy takes a second to import

    terminal.print_verdicts(verdicts.judged(folder), markdown)


def _report(folder: Folder) -> None:
    """The page of a folder that has just been trained."""
    from lpreg import pages  # here: matplotlib and plotly take seconds to import

    pages.attempt(folder)


def _recipes(study: Study, asked: Sequence[str] | None) -> Iterable[str]:
    names = ",".join(asked).split(",") if asked else study.recipe_names[:1]
    for name in names:
        if name not in (*study.recipe_names, "all"):
            allowed = (*study.recipe_names, "all")
            raise SpecError(f"--recipe {name}: {unknown('recipe', name, allowed)}")
    return study.recipe_names if "all" in names else names


def _resources(study: Study, device: Device, workers: int | None) -> Resources:
    there = torch.cuda.is_available()
    if device is Device.cuda and not there:
        raise SpecError("--device cuda: torch finds no GPU here; use --device cpu")
    on_gpu = there and device is not Device.cpu
    cores = 1 if on_gpu else _cores()
    return Resources(
        device="cuda" if on_gpu else "cpu",
        workers=workers or study.plan.workers or max(1, cores // study.plan.threads),
        threads=study.plan.threads,
        width=study.plan.width,
    )


def _cores() -> int:
    """The cores that this process may use, where the operating system says it."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _latest() -> Path:
    found = sorted(Path("runs").glob("*/study.toml"), key=lambda file: file.stat().st_mtime)
    if not found:
        start = command("run", "shapes", "--quick")
        raise FolderError(f"runs/ holds no study; train one with: {start}")
    return found[-1].parent


def _after(folder: Folder, stored: int) -> str:
    """What to do when the tables have been read: the full study, the rest of it, more seeds."""
    study = folder.study()
    assert study is not None
    full = study.name.removesuffix("-quick")
    if full != study.name and full in sources.gallery():
        return command("run", full)
    source = study.name if study.name in sources.gallery() else folder.path / "study.toml"
    again = ["run", source, "--out", folder, "--recipe", "all"]
    again += ["--allow-code"] * any(is_code(model.kind) for model in study.models)
    if stored < len(members(study)):
        return command(*again)
    return command(*again, "--seeds", 2 * study.head.seeds)
