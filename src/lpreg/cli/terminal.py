"""The tables and the last lines that commands print."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from math import isinf, isnan
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from lpreg.cli.bar import Bar
from lpreg.study.execute import Order
from lpreg.study.member import Member, members
from lpreg.study.plan import key, memory
from lpreg.study.spec import Study
from lpreg.study.store import Folder, Frames
from lpreg.study.timing import estimate

WIDE = 140
"""Columns from which on an interval stands beside its mean, not under it."""


def print_next(command: str) -> None:
    """The last line of a command."""
    print(f"next: {command}")


def print_gallery(studies: Iterable[Study]) -> None:
    """Names, sizes and titles of studies."""
    table = _table("study", "members", "title")
    for study in studies:
        recipes = {name: len(members(study, [name])) for name in study.recipe_names}
        sizes = ", ".join(f"{name} {count:,}" for name, count in recipes.items())
        table.add_row(study.name, sizes, study.head.title)
    _print(table)


def print_topics(titles: Mapping[str, str]) -> None:
    """Names and titles of what can be explained."""
    table = _table("topic", "title")
    for name, title in titles.items():
        table.add_row(name, title)
    _print(table)


def print_agenda(order: Order) -> bool:
    """What a command would train, and what it would cost: some steps of it are measured.

    Returns:
        Whether there is anything to train.
    """
    _, agenda, stored = order.survey()
    wanted = {member.id: member for member in order.wanted}
    todo = [[wanted[id] for id in stack.members] for stack in agenda.todo]
    with Bar() as bar:
        cost = estimate(todo, order.resources, bar.say)
    heads = ("recipe", "data", "model", "members", "stored", "stacks", "widest", "memory", "time")
    table = _table(*heads)
    groups: dict[tuple[str, str, str], list[Member]] = {}
    for member in order.wanted:
        place = (member.recipe.name, member.data.name, member.model.name)
        groups.setdefault(place, []).append(member)
    for place, group in groups.items():
        ids = {member.id for member in group}
        own = {i: stack for i, stack in enumerate(todo) if stack[0].id in ids}
        widest = max(map(len, own.values()), default=0)
        table.add_row(
            *place,
            f"{len(group):,}",
            f"{len(ids & stored):,}",
            f"{len(own):,}",
            f"{widest}",
            f"{memory(order.sizes[key(group[0])], group[0].batch_size, widest) / 1e6:,.0f} MB",
            _duration(sum(cost.stacks[i] for i in own)),
        )
    _print(table)
    resources = order.resources
    whole = _duration(cost.whole(resources.workers))
    print(f"{len(todo)} stacks on {resources.workers} x {resources.device}, into {order.folder}")
    print(f"about {whole} in all, from measured steps; the times of the table are for one worker")
    return bool(todo)


def print_tables(folder: Folder, markdown: bool = False) -> Frames:
    """Accuracy and weights for every recipe and model of a run folder."""
    from lpreg.analysis import tables  # here: scipy takes a second to import

    frames = folder.read()
    study = folder.study()
    title = "" if study is None else study.head.title or study.name
    print(f"{title}: {len(frames.results):,} members in {folder}\n")
    if frames.results.empty:
        return frames
    accuracy, weights = tables.accuracy(frames.results), tables.weights(frames.results)
    peak = tables.peak(*frames[:2])
    for place, group in accuracy.groupby(["recipe", "data", "model"], sort=False):
        recipe, data, model = place  # pyright: ignore[reportGeneralTypeIssues]
        sizes = weights.loc[group.index]
        rows = frames.results[["data", "model"]].eq([data, model]).all(axis=1)
        number = frames.results.loc[rows, "weights"].max()
        heading = f"{model}, {number:,} weights, {data}, recipe {recipe}{_unit(frames, data)}"
        print(f"### {heading}\n" if markdown else heading)
        for table in (_accuracies(group), _peaks(peak.loc[group.index]), _weights(sizes)):
            _print(table, markdown)
            print()
    print(
        "n seeds; mean ± standard deviation [95 % t interval]; * the best on validation of an arm"
    )
    if study is not None and study.head.note:
        print(study.head.note)
    return frames


def print_verdicts(rows: pd.DataFrame, markdown: bool = False) -> None:
    """The claims of a study that were judged, and how many were not; nothing without claims."""
    if rows.empty:
        return
    told = rows.loc[rows["verdict"] != "not run"]
    print("### Claims\n" if markdown else "claims")
    if len(told):
        _print(_claims(told), markdown)
        print()
    lacking = len(rows) - len(told)
    print(f"{lacking} of {len(rows)} were not run" if lacking else f"all {len(rows)} were judged")


def print_all_verdicts(rows: pd.DataFrame, markdown: bool = False) -> None:
    """The claims of several studies, judged or not: one line each, one column per recipe."""
    for (study, folder), group in rows.groupby(["study", "folder"], sort=False):
        where = folder or "not run"
        print(f"### {study} ({where})\n" if markdown else f"{study} ({where})")
        _print(_answers(group, ", " if markdown else "\n"), markdown)
        print()
    counts = rows["verdict"].value_counts()
    print(", ".join(f"{counts[name]} {name}" for name in counts.index) or "no claims")


def _answers(rows: pd.DataFrame, between: str) -> Table:
    recipes = list(rows["recipe"].unique())
    table = _table("claim", "source", "published")
    for recipe in recipes:
        table.add_column(recipe)
    for _, group in rows.groupby("name", sort=False):
        answers = dict.fromkeys(recipes, "not asked")
        for row in group.to_dict("records"):
            found = [f"{row['ours']}, n = {row['n']}" if row["ours"] else row["reason"]]
            answers[row["recipe"]] = between.join([_verdict(row), *found])
        claim = group.iloc[0]
        table.add_row(claim["text"], claim["source"], claim["published"], *answers.values())
    return table


def _claims(rows: pd.DataFrame) -> Table:
    table = _table("verdict", "claim", "published", "recipe", "ours", "n")
    for row in rows.to_dict("records"):
        start = (_verdict(row), row["text"], row["published"], row["recipe"])
        table.add_row(*start, row["ours"] or row["reason"], _repetitions(row))
    return table


def _verdict(row: dict) -> str:
    return row["verdict"] + " (kept)" * row["kept"]


def _repetitions(row: dict) -> str:
    """Seeds, and how many an open claim would need."""
    if row["verdict"] != "inconclusive" or isnan(row["needed"]):
        return f"{row['n']}" if row["n"] else ""
    return f"{row['n']} of " + ("∞" if isinf(row["needed"]) else f"{row['needed']:,.0f}")


def print_first_layers(layers: pd.DataFrame, rule: str, markdown: bool = False) -> None:
    """When loss and maps converge and which inputs are read, for every recipe and model."""
    for place, group in layers.groupby(["recipe", "data", "model"], sort=False):
        recipe, data, model = place  # pyright: ignore[reportGeneralTypeIssues]
        print(f"\n{model}, {data}, recipe {recipe}: first layer, median epochs of convergence")
        _print(_first_layers(group), markdown)
    print(f"\n{rule}")


def _first_layers(group: pd.DataFrame) -> Table:
    settings = _settings(group)
    kinds = {"": "inputs", "_shuffled": "shuffled", "_constant": "constant"}
    kinds = {kind: head for kind, head in kinds.items() if (group[f"inputs{kind}"] > 0).any()}
    ranked = bool(group["agreement"].count())
    heads = [f"{head} removed" for head in kinds.values()] + ["rank corr."] * ranked
    table = _table(*settings[0], "loss", "map", *heads)
    for row, setting in zip(group.to_dict("records"), settings[1:], strict=True):
        removed = [
            f"{_number(row[f'removed{kind}'], '.4g')} of {row[f'inputs{kind}']:.0f}"
            for kind in kinds
        ]
        removed += [_number(row["agreement"], ".2f")] * ranked
        table.add_row(*setting, _epoch(row, "loss"), _epoch(row, "map"), *removed)
    return table


def _epoch(row: dict, name: str) -> str:
    """The median epoch of convergence, and how many of the members got there when not all did."""
    everyone = row["n"] + row["diverged"]
    there = round(row[f"{name}_converged"] * everyone)
    share = f" ({there} of {everyone})" if there < everyone else ""
    return _number(row[f"{name}_epoch"], ".4g", missing="later") + share


def _unit(frames: Frames, data: object) -> str:
    """What the errors of a regression are told in."""
    results = frames.results
    if "unit" not in results:
        return ""
    units = results.loc[results["data"] == data, "unit"].dropna()
    return "" if units.empty else f", mse in ({units.iloc[0]})²"


def _accuracies(group: pd.DataFrame) -> Table:
    percent = group["metric"].iloc[0] == "accuracy"
    unit = " %" if percent else " mse"
    names = ("train", "val", "test", "gap")
    settings = _settings(group)
    table = _table(*settings[0], *(name + unit for name in names))
    for row, setting in zip(group.to_dict("records"), settings[1:], strict=True):
        table.add_row(*setting, *(_interval(row, name, percent) for name in names))
    return table


def _peaks(group: pd.DataFrame) -> Table:
    percent = group["metric"].iloc[0] == "accuracy"
    unit = " %" if percent else " mse"
    settings = _settings(group)
    table = _table(*settings[0], f"best val{unit}", "at epoch", *(f"{p}{unit} then" for p in THEN))
    for row, setting in zip(group.to_dict("records"), settings[1:], strict=True):
        parts = [_spread(row, name, percent) for name in ("val", *THEN)]
        table.add_row(*setting, parts[0], _epochs(row["epoch_mean"]), *parts[1:])
    return table


def _epochs(mean: float) -> str:
    return _number(mean, ",.0f" if mean >= 100 else ".3g")


THEN = ("train", "test")
"""Parts that are told at the epoch that the validation part chose."""


def _weights(group: pd.DataFrame) -> Table:
    settings = _settings(group)
    names = ("mean |w|", "exact zeros", "on constant inputs", "below 1e-3", "ratio to none")
    table = _table(*settings[0], *names)
    for row, setting in zip(group.to_dict("records"), settings[1:], strict=True):
        table.add_row(
            *setting,
            _number(row["mean_abs_weight"], "#.3g"),
            _number(row["zeros"], ",.0f"),
            _number(row["zeros_dead"], ",.0f"),
            _number(row["zeros_1e-3"], ",.0f"),
            _number(row["ratio"], ".2f"),
        )
    return table


AXES = {"share": "share", "dropout": "dropout"}
AXES |= {"lr": "lr", "momentum": "momentum", "batch_size": "batch"}
"""Columns of a setting that are shown where they differ, and their heads."""


def _settings(group: pd.DataFrame) -> list[list[str]]:
    """The left part of a table, its head first: arm, strengths, axes, the mark, seeds."""
    axes = [axis for axis in AXES if group.get(axis, NOTHING).nunique() > 1]
    if group.get("share", NOTHING).count() and "share" not in axes:
        axes.insert(0, "share")
    rows = [["arm", "lam", *(AXES[axis] for axis in axes), "", "n"]]
    several = group["arm"].duplicated(keep=False)
    for row, choice in zip(group.to_dict("records"), several, strict=True):
        places = [_number(row[axis], ".3g", missing="") for axis in axes]
        mark = "*" if choice and row["chosen"] else ""
        rows.append([row["arm"], _strength(row), *places, mark, _seeds(row)])
    return rows


NOTHING = pd.Series(dtype=float)


def _spread(row: dict, name: str, percent: bool) -> str:
    mean, sd, _, _ = _numbers(row, name, percent)
    return mean if row["n"] < 2 else f"{mean} ± {sd}"


def _numbers(row: dict, name: str, percent: bool) -> list[str]:
    unit, style = (100, ".1f") if percent else (1, ".4g")
    return [_number(unit * row[f"{name}_{each}"], style) for each in ("mean", "sd", "low", "high")]


def _interval(row: dict, name: str, percent: bool) -> str:
    mean, sd, low, high = _numbers(row, name, percent)
    if row["n"] < 2:
        return mean
    if _console().width >= WIDE:
        return f"{mean} ± {sd} [{low}, {high}]"
    return f"{mean} ± {sd}\n[{low},{high}]"


def _strength(row: dict) -> str:
    if isinstance(row.get("strengths"), str):
        return ", ".join(_number(lam, ".3g") for lam in json.loads(row["strengths"]))
    return _number(row["lam"], ".3g", missing="")


def _seeds(row: dict) -> str:
    lost = row["diverged"]
    return f"{row['n']}" + (f" ({lost} diverged)" if lost else "")


def _number(value: float, style: str, missing: str = "-") -> str:
    return missing if value is None or isnan(value) else format(value, style)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


TEXTS = {"arm", "topic", "study", "title", "recipe", "data", "model"}
TEXTS |= {"verdict", "claim", "source", "published", "ours"}
"""Columns that stand at the left."""


def _table(*columns: str) -> Table:
    space = 2 if _console().width >= WIDE else 1
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, space - 1, 0, 0)
    )
    for column in columns:
        justify = "left" if column in TEXTS else "right"
        table.add_column(column, justify=justify, no_wrap=column in ("arm", "verdict"))
    return table


def _console() -> Console:
    """Stdout; a pipe or a file is as wide as the tables need."""
    return Console(width=None if sys.stdout.isatty() else 200, markup=False, highlight=False)


def _print(table: Table, markdown: bool = False) -> None:
    if not markdown:
        _console().print(table)
        return
    table.box, table.show_edge, table.pad_edge = box.MARKDOWN, True, True
    for column in table.columns:
        column.header = str(column.header).replace("|", "\\|")
    Console(width=1000, markup=False, highlight=False).print(table)


def print_drawn(files: Sequence[Path]) -> None:
    """Where the pictures are."""
    if files:
        print(f"{len(files)} pictures in {files[0].parent}")
