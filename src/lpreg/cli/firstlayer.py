"""What `lpreg show` says of first layers, where recipes keep snapshots of them."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from lpreg.analysis import (
    MapRule,
    Rule,
    chosen,
    first_layer,
    loss_epochs,
    member_epochs,
)
from lpreg.analysis.convergence import map_convergence
from lpreg.analysis.weightmaps import agreement, removals
from lpreg.cli import terminal
from lpreg.data import DataError
from lpreg.study.importance import importances, stored
from lpreg.study.maps import Inputs, Maps, inputs_of, long, weight_maps
from lpreg.study.member import members
from lpreg.study.store import Folder, Frames

RULE, MAP_RULE = Rule(), MapRule()
LEGEND = (
    f"loss: the epoch from which the training loss is within {RULE.tolerance:.0%} of its way\n"
    f"from start to plateau, for {RULE.stay:.0%} of the training or longer; map: the same of the\n"
    "way of the weight map to the last one; removed: inputs whose weights are all exactly 0;\n"
    "rank corr.: of mean |w| of the inputs with their permutation importance on the test part"
)

FEW = 100
"""Inputs up to which each is permuted: of more, such as pixels, one alone matters to nobody."""


def show(folder: Folder, frames: Frames, markdown: bool = False) -> list[Path]:
    """Print the table of first layers and draw their weight maps; nothing without snapshots.

    Returns:
        The pictures.
    """
    study, trained = folder.study(), set(frames.results["member"])
    planned = [] if study is None else [m for m in members(study) if m.id in trained]
    maps = weight_maps(folder.path, planned)
    with_maps = {m.data.name: m for m in planned if m.id in maps}
    try:
        inputs = {name: inputs_of(member) for name, member in with_maps.items()}
    except DataError as error:
        print(f"lpreg: no weight maps: {error}", file=sys.stderr)
        return []
    sizes = {m.id: len(inputs[m.data.name].names) for m in planned if m.id in maps}
    firsts = {id: each for id, each in maps.items() if each.scores.shape[1] == sizes[id]}
    if not firsts:
        return []
    layers, drawn = _show(folder, frames, firsts, inputs)
    terminal.print_first_layers(layers, LEGEND, markdown)
    return drawn


def _show(
    folder: Folder, frames: Frames, maps: dict[str, Maps], inputs: dict[str, Inputs]
) -> tuple[pd.DataFrame, list[Path]]:
    from lpreg.figures import (  # here: matplotlib takes a second to import
        draw_importances,
        draw_weight_maps,
        importance,
        weightmaps,
    )

    results = frames.results
    best = results.loc[chosen(results) & results["member"].isin(maps)]
    needs = _needs(folder, best, inputs)
    layers = first_layer(
        results,
        loss_epochs(results, frames.curves, RULE),
        member_epochs(results, {id: map_convergence(*each, MAP_RULE) for id, each in maps.items()}),
        pd.DataFrame(_reads(results, maps, inputs, needs)),
    )
    drawn = []
    for name, each in inputs.items():
        scores = long({id: maps[id] for id in best.loc[best["data"] == name, "member"]}, each)
        shown, both = weightmaps.frame(results, scores), importance.frame(results, scores, needs)
        drawn += draw_weight_maps(shown, {name: each.shape}, folder.path / "figures")
        drawn += draw_importances(both, folder.path / "figures")
    return layers, drawn


def _needs(folder: Folder, best: pd.DataFrame, inputs: Mapping[str, Inputs]) -> pd.DataFrame:
    """Permutation importances of the members whose data have few inputs and whose weights are kept,
    at the chosen settings."""
    few = [name for name, each in inputs.items() if len(each.names) <= FEW]
    asked = best["data"].isin(few) & (best["status"] == "ok")
    return importances(folder.path, best.loc[asked & best["member"].isin(stored(folder)), "member"])


def _reads(
    results: pd.DataFrame,
    maps: Mapping[str, Maps],
    inputs: Mapping[str, Inputs],
    needs: pd.DataFrame,
) -> Iterator[dict[str, object]]:
    """Per member: how many inputs of each sort there are and are removed, and the agreement."""
    known = {id: rows["importance"] for id, rows in needs.groupby("member")}
    data = dict(zip(results["member"], results["data"], strict=True))
    for id, (_, scores) in maps.items():
        own = inputs[data[id]]
        gone = removals(scores[-1], own.names, own.constant)
        there = removals(np.zeros(len(own.names)), own.names, own.constant)
        counts = gone | {name.replace("removed", "inputs"): all for name, all in there.items()}
        agrees = agreement(scores[-1], known[id]) if id in known else None
        yield {"member": id, **counts, "agreement": agrees}
