"""What `lpreg show` says of first layers, where recipes keep snapshots of them."""

import sys
from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path

import pandas as pd

from lpreg.analysis import Convergence, Rule, chosen, first_layer, loss_epochs, member_epochs
from lpreg.cli import terminal
from lpreg.data import DataError
from lpreg.study.maps import Inputs, inputs_of, long, weight_maps
from lpreg.study.measures import complete
from lpreg.study.member import Member, members
from lpreg.study.store import Folder, Frames

RULE = Rule()
LEGEND = (
    f"loss: the epoch from which the training loss is within {RULE.tolerance:.0%} of its way\n"
    f"from start to plateau, for {RULE.stay:.0%} of the training or longer; map: the same of the\n"
    "way of the weight map to the last one; removed: inputs whose weights are all exactly 0;\n"
    "rank corr.: of mean |w| of the inputs with their permutation importance on the test part"
)

KINDS = ("", "_shuffled", "_constant")
READS = [f"{what}{kind}" for kind in KINDS for what in ("removed", "inputs")] + ["agreement"]


def show(folder: Folder, frames: Frames, markdown: bool = False) -> list[Path]:
    """Print the table of first layers and draw their weight maps; nothing without snapshots.

    Returns:
        The pictures.
    """
    study = folder.study()
    asked = [] if study is None else [m for m in members(study) if m.recipe.snapshots]
    if not asked:
        return []
    try:
        measures = complete(folder.path)
        mapped = set(measures.loc[measures["measure"] == "map_epoch", "member"])
        planned = [member for member in asked if member.id in mapped]
        one_each = {member.data.name: member for member in planned}
        inputs = {name: inputs_of(member) for name, member in one_each.items()}
    except DataError as error:
        print(f"lpreg: no weight maps: {error}", file=sys.stderr)
        return []
    if not planned:
        return []
    terminal.print_first_layers(_layers(frames, measures), LEGEND, markdown)
    return _draw(folder, frames.results, measures, planned, inputs)


def _layers(frames: Frames, measures: pd.DataFrame) -> pd.DataFrame:
    """One row per setting of the places that have weight maps."""
    results = frames.results
    numbers = measures.loc[measures["tensor"].isna() & measures["at"].isna()]
    wide = numbers.pivot(index="member", columns="measure", values="value")
    wide = wide.loc[wide["map_epoch"].notna()]
    where = results.set_index("member")[["data", "model", "recipe"]].apply(tuple, axis=1)
    there = where.isin(where[wide.index])
    found = {member: Convergence(nan, False) for member in where.index[there]}
    ends = zip(wide["map_epoch"], wide["map_converged"] == 1, strict=True)
    found |= {member: Convergence(*end) for member, end in zip(wide.index, ends, strict=True)}
    return first_layer(
        results,
        loss_epochs(results, frames.curves, RULE),
        member_epochs(results, found),
        wide.reindex(columns=READS).reset_index(),
    )


def _draw(
    folder: Folder,
    results: pd.DataFrame,
    measures: pd.DataFrame,
    planned: Sequence[Member],
    inputs: Mapping[str, Inputs],
) -> list[Path]:
    from lpreg.figures import (  # here: matplotlib takes a second to import
        draw_importances,
        draw_weight_maps,
        importance,
        weightmaps,
    )

    best = results.loc[chosen(results)]
    maps = weight_maps(folder.path, [m for m in planned if m.id in set(best["member"])])
    drawn = []
    for name, each in inputs.items():
        own = best.loc[best["data"] == name, "member"]
        scores = long({id: maps[id] for id in own if id in maps}, each)
        needs = _needs(measures.loc[measures["member"].isin(own)], each)
        shown, both = weightmaps.frame(results, scores), importance.frame(results, scores, needs)
        drawn += draw_weight_maps(shown, {name: each.shape}, folder.path / "figures")
        drawn += draw_importances(both, folder.path / "figures")
    return drawn


def _needs(measures: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    """Permutation importances of members with these inputs, as `importances` gives them."""
    asked = measures.loc[measures["measure"].isin(["importance", "importance_sd"])]
    wide = asked.pivot(index=["member", "at"], columns="measure", values="value")
    wide = wide.reindex(columns=["importance", "importance_sd"]).reset_index()
    names = [inputs.names[int(at)] for at in wide["at"]]
    return wide.assign(input=names).rename(columns={"importance_sd": "sd"}).drop(columns="at")
