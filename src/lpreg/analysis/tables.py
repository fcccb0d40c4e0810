"""The tables of a study, from its results: one row per member in, one row per setting out.

A *cell* is what a reader compares arms by: data, model, recipe and arm. A *setting* is one choice
of everything inside a cell that is not the seed: strengths, learning rate and the like. Rows come
in the order in which their settings first appear in the results.
"""

from collections.abc import Callable, Mapping
from math import inf

import pandas as pd

from lpreg.analysis.stats import RANGES, summarize

CELL = ["data", "model", "recipe", "arm"]
KNOBS = ["penalty", "p", "lam", "l1_ratio", "strengths", "share"]
AXES = ["lr", "momentum", "batch_size"]
KNOBS += ["dropout", *AXES]
PARTS = ["train", "val", "test"]


def choose(results: pd.DataFrame) -> pd.DataFrame:
    """The setting of every cell that does best on the validation part: the strength to use.

    That is the highest mean accuracy (lowest mean squared error in a regression) over the seeds;
    then the lower mean task loss; then the earlier setting. A diverged member is a failure: a
    setting with a smaller share of failures always goes first. The test part is never read.

    Args:
        results: one row per member.

    Returns:
        One row per cell: its columns and those of the setting, `n` (finished members),
        `diverged`, `val` (mean validation accuracy or squared error) and `val_loss` (mean).
    """
    tried = _table(results, _validation)
    best = tried.loc[_best(tried)]
    return best.drop(columns=["metric"]).reset_index(drop=True)


def chosen(results: pd.DataFrame) -> pd.Series:
    """Which members have the setting that `choose` picks for their cell: bool, like `results`."""
    return _settings(results).isin(_best(_table(results, _validation)))


def accuracy(results: pd.DataFrame) -> pd.DataFrame:
    """How well every setting predicts, over the seeds that finished.

    Args:
        results: one row per member.

    Returns:
        One row per setting: the columns of its cell and its own, `n`, `diverged`, `chosen`,
        `metric` ("accuracy" or "mse"), and for each of `train`, `val`, `test` and `gap` the
        columns `_mean`, `_sd`, `_low`, `_high` (95 % t interval). The gap is how much better a
        member does on the training part than on the validation part: train - val for an accuracy,
        val - train for a squared error.
    """
    return _with_chosen(results, _table(results, _predictions))


def peak(results: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """How every setting stands at the epoch that is best on the validation part, member by member.

    A validation part that chose the epoch flatters it; the test part did not choose.

    Args:
        results: one row per member. curves: one row per member and evaluated epoch.

    Returns:
        One row per setting: the columns of its cell and its own, `n`, `diverged`, `chosen`,
        `metric`, and for each of `epoch`, `train`, `val` and `test` the columns `_mean`, `_sd`,
        `_low`, `_high`.
    """
    there = results[["member", "best_epoch"]].rename(columns={"best_epoch": "epoch"})
    measured = [name for name in map(str, curves) if name.partition("_")[0] in PARTS]
    then = there.merge(curves[["member", "epoch", *measured]], on=["member", "epoch"])
    kept = results.drop(columns=[name for name in measured if name in results])
    return _with_chosen(results, _table(kept.merge(then, how="left", on="member"), _peaks))


def weights(results: pd.DataFrame) -> pd.DataFrame:
    """What every setting does to the weights, as means over the seeds that finished.

    Args:
        results: one row per member.

    Returns:
        One row per setting: the columns of its cell and its own, `n`, `diverged`, `chosen`,
        `weights` (their number), `mean_abs_weight`, `zeros` (exact, all of them), `zeros_dead`
        (those of them on inputs that are constant in the training part), `zeros_1e-3` (weights
        below 1e-3 in magnitude) and `ratio`: `zeros_1e-3` over that of the arm `none` of the same
        data, model, recipe, learning rate, momentum and batch size; NaN where there is no such arm,
        or no such weight in it.
    """
    table = _with_chosen(results, _table(results, _sizes))
    place = [*CELL[:-1], *AXES]
    plain = table.loc[table["arm"] == "none", [*place, "zeros_1e-3"]].drop_duplicates(place)
    reference = table[place].merge(plain, how="left", on=place)["zeros_1e-3"]
    return table.assign(ratio=table["zeros_1e-3"] / reference.where(reference > 0))


def _keys(results: pd.DataFrame) -> list[str]:
    return [*CELL, *(knob for knob in KNOBS if knob in results)]


def _settings(results: pd.DataFrame) -> pd.Series:
    """The number of every member's setting, counted in order of first appearance."""
    return results.groupby(_keys(results), sort=False, dropna=False).ngroup()


def _table(
    results: pd.DataFrame, describe: Callable[[pd.DataFrame], Mapping[str, object]]
) -> pd.DataFrame:
    """One row per setting, indexed by its number: keys, counts, `describe(finished members)`."""
    groups = results.groupby(_settings(results), sort=False)
    rows = []
    for _, members in groups:
        finished = members.loc[members["status"] == "ok"]
        counts = {"n": len(finished), "diverged": len(members) - len(finished)}
        rows.append({**counts, **describe(finished)})
    keys = groups.head(1)[_keys(results)].reset_index(drop=True)
    return keys.join(pd.DataFrame(rows))


def _best(tried: pd.DataFrame) -> pd.Index:
    """The numbers of the settings that `choose` picks, in their order."""
    ranked = tried.assign(
        failures=tried["diverged"] / (tried["n"] + tried["diverged"]),
        score=tried["val"].where(tried["metric"] == "accuracy", -tried["val"]),
    ).sort_values(["failures", "score", "val_loss"], ascending=[True, False, True])
    return ranked.groupby(CELL, sort=False, dropna=False).head(1).index.sort_values()


def _with_chosen(results: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    best = _best(_table(results, _validation))
    flags = pd.Series(table.index.isin(best), index=table.index)
    table.insert(list(table.columns).index("diverged") + 1, "chosen", flags)
    return table


def _metric(members: pd.DataFrame) -> str:
    """What the members are measured by: a study may hold classifications and regressions."""
    if "val_accuracy" not in members:
        return "mse"
    return "mse" if "val_mse" in members and members["val_mse"].count() else "accuracy"


def _validation(members: pd.DataFrame) -> dict[str, object]:
    metric = _metric(members)
    means = {"val": members[f"val_{metric}"].mean(), "val_loss": members["val_loss"].mean()}
    return {"metric": metric, **means}


def _predictions(members: pd.DataFrame) -> dict[str, object]:
    metric = _metric(members)
    parts = {part: members[f"{part}_{metric}"] for part in PARTS}
    better = 1 if metric == "accuracy" else -1
    gap = {"gap": better * (parts["train"] - parts["val"])}
    return {"metric": metric, **_intervals(parts, *RANGES[metric]), **_intervals(gap)}


def _peaks(members: pd.DataFrame) -> dict[str, object]:
    metric = _metric(members)
    parts = {part: members[f"{part}_{metric}"] for part in PARTS}
    epoch = {"epoch": members["epoch"]}
    return {"metric": metric, **_intervals(epoch), **_intervals(parts, *RANGES[metric])}


def _intervals(
    columns: Mapping[str, pd.Series], low: float = -inf, high: float = inf
) -> dict[str, float]:
    """Of each column, the interval within what is possible."""
    row = {}
    for name, values in columns.items():
        found = summarize(values)
        ends = {"low": max(found.low, low), "high": min(found.high, high)}
        numbers = {**found._asdict(), **ends}
        row |= {f"{name}_{number}": numbers[number] for number in ("mean", "sd", "low", "high")}
    return row


def _sizes(members: pd.DataFrame) -> dict[str, object]:
    columns = ["weights", "mean_abs_weight", "zeros", "zeros_dead", "zeros_1e-3"]
    return {column: members[column].mean() for column in columns}
