"""What every setting of a study does to the first layer: one row per setting."""

import pandas as pd

from lpreg.analysis.convergence import speed
from lpreg.analysis.tables import CELL, KNOBS, chosen


def first_layer(
    results: pd.DataFrame, loss: pd.DataFrame, maps: pd.DataFrame, reads: pd.DataFrame
) -> pd.DataFrame:
    """When loss and weight map converge, and which inputs are read.

    Args:
        results: one row per member; those without a row in `maps` are left out.
        loss: `member`, `epoch`, `converged`, what `loss_epochs` gives.
        maps: the same of the weight maps, what `member_epochs` gives.
        reads: `member` and any further columns of numbers, such as those of `removals`.

    Returns:
        One row per setting, in order of first appearance: the columns of its cell and its own,
        `chosen`, `n`, `loss_epoch` and `loss_converged`, `map_epoch` and `map_converged` (as in
        `speed`), and the means of the columns of `reads` over the members that have them.
    """
    members = results.assign(chosen=chosen(results))
    members = members.loc[members["member"].isin(maps["member"])]
    keys = [*CELL, *(knob for knob in KNOBS if knob in results)]
    settings = members[["member", "chosen", *keys]].merge(reads, how="left", on="member")
    columns = {name: (name, "mean") for name in reads.columns if name != "member"}
    groups = settings.groupby(keys, sort=False, dropna=False)
    table = groups.agg(chosen=("chosen", "first"), n=("member", "size"), **columns).reset_index()
    for name, epochs in (("loss", loss), ("map", maps)):
        found = speed(members, epochs)
        table[f"{name}_epoch"], table[f"{name}_converged"] = found["epoch"], found["converged"]
    return table
