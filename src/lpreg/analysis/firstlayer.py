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
        `chosen`, `n` (finished members), `diverged`, `loss_epoch`, `loss_converged`, `map_epoch`
        and `map_converged` (as in `speed`, of all members), and the means of the columns of `reads`
        over the finished members that have them.
    """
    failed = results["status"] != "ok"
    members = results.assign(chosen=chosen(results), n=~failed, diverged=failed)
    members = members.loc[members["member"].isin(maps["member"])]
    keys = [*CELL, *(knob for knob in KNOBS if knob in results)]
    told = reads.loc[reads["member"].isin(results.loc[~failed, "member"])]
    settings = members.merge(told, how="left", on="member")
    columns = {name: (name, "mean") for name in reads.columns if name != "member"}
    counts = {"chosen": ("chosen", "first"), "n": ("n", "sum"), "diverged": ("diverged", "sum")}
    groups = settings.groupby(keys, sort=False, dropna=False)
    table = groups.agg(**counts, **columns).reset_index()
    for name, epochs in (("loss", loss), ("map", maps)):
        found = speed(members, epochs)
        table[f"{name}_epoch"], table[f"{name}_converged"] = found["epoch"], found["converged"]
    return table
