"""What is kept of a trained member: its rows in the tables of a run folder."""

import json
from collections.abc import Mapping, Sequence
from math import ceil, inf, nan
from typing import Any

import numpy as np
import pyarrow as pa
from torch import Tensor

from lpreg.structure import THRESHOLDS, counted
from lpreg.study.member import Member
from lpreg.train import Outcome, score

POWERS = {"L0": 0.0, "L1": 1.0, "L2": 2.0, "LInf": inf}
"""The p of the penalties that do not take it as an argument."""

PARTS = ("train", "val", "test")

MEASURES = ("member", "measure", "tensor", "at", "value")
"""The columns of `measures`: what is measured, of which tensor and at what; the last two where
they say something."""

Row = dict[str, Any]


def result(study: str, member: Member, outcome: Outcome, weights: Mapping[str, Tensor]) -> Row:
    """The row of `results`: what the member is, what became of it, and its last evaluation.

    Args:
        study: the name of the study.
        member: what was trained.
        outcome: what became of it.
        weights: its last weight tensors, all that `where="weights"` selects, by name.

    A diverged member has NaN where there is nothing to report.
    """
    metric, _ = score(member.recipe.loss)
    curves = outcome.curves
    sound = outcome.status == "ok"
    names = [f"{part}_{name}" for part in PARTS for name in ("loss", metric)]
    last = {name: float(curves[name][-1]) if sound else nan for name in names}
    best = _best(curves[f"val_{metric}"], metric)
    magnitudes = np.concatenate([w.abs().flatten().numpy() for w in weights.values()])
    return {
        "study": study,
        "member": member.id,
        "data": member.data.name,
        "model": member.model.name,
        "recipe": member.recipe.name,
        "lr": member.recipe.lr,
        "momentum": member.recipe.momentum,
        "batch_size": member.batch_size,
        **_treatment(member),
        "seed": member.seed,
        "status": outcome.status,
        "epochs": ceil(outcome.step / member.steps_per_epoch),
        "best_epoch": int(_epochs(curves, member)[best]) if best is not None else 0,
        "weights": len(magnitudes),
        "zeros": int((magnitudes == 0).sum()),
        "zeros_dead": outcome.zeros_dead,
        "zeros_1e-3": int((magnitudes <= 1e-3).sum()),
        "mean_abs_weight": float(magnitudes.mean(dtype=np.float64)) if sound else nan,
        "penalty_value": float(curves["penalty_value"][-1]) if sound else nan,
        "seconds": outcome.seconds,
        **last,
        f"best_val_{metric}": float(curves[f"val_{metric}"][best]) if best is not None else nan,
    }


def _treatment(member: Member) -> Row:
    arm, terms = member.arm, member.arm.terms
    alone = terms[0] if len(terms) == 1 else None
    where = tuple(arm.layers) if arm.layers else arm.where
    return {
        "arm": arm.name,
        "penalty": arm.label,
        "p": None if alone is None else POWERS.get(alone.kind, alone.p),
        "lam": member.lam,
        "strengths": json.dumps([term.lam for term in terms]) if len(terms) > 1 else None,
        "l1_ratio": None if alone is None else alone.l1_ratio,
        "dropout": arm.dropout or None,
        "share": member.share,
        "coupling": arm.coupling,
        "where": ",".join(where) if isinstance(where, tuple) else where,
    }


def _best(values: np.ndarray, metric: str) -> int | None:
    """The first evaluation that is best: highest accuracy, lowest squared error."""
    if not len(values):
        return None
    return int(values.argmax() if metric == "accuracy" else values.argmin())


def _epochs(curves: Mapping[str, np.ndarray], member: Member) -> np.ndarray:
    return -(-curves["step"] // member.steps_per_epoch)


def curve(member: Member, outcome: Outcome) -> list[Row]:
    """The rows of `curves`: one per evaluated epoch, until it diverged."""
    metric, _ = score(member.recipe.loss)
    names = [f"{part}_{name}" for part in PARTS for name in ("loss", metric)]
    names += ["zeros", "penalty_value", "total_loss"]
    columns = {name: outcome.curves[name].tolist() for name in names}
    columns["zeros"] = [int(zeros) for zeros in columns["zeros"]]
    epochs = _epochs(outcome.curves, member).tolist()
    return [
        {"member": member.id, "epoch": epoch, **dict(zip(columns, values, strict=True))}
        for epoch, *values in zip(epochs, *columns.values(), strict=True)
    ]


def snapshots(member: Member, outcome: Outcome) -> dict[str, np.ndarray]:
    """The copies of chosen tensors: parameter -> (k, *shape), "epoch" -> (k,); perhaps none."""
    copies = {name: values for name, values in outcome.snapshots.items() if name != "step"}
    return copies | {"epoch": _epochs(outcome.snapshots, member)} if copies else {}


def sparsity(member: Member, weights: Mapping[str, Tensor]) -> list[Row]:
    """The rows of `sparsity`: per weight tensor, how many weights each threshold reaches."""
    return [
        {"member": member.id, "tensor": name, "size": w.numel(), "threshold": threshold, "count": n}
        for name, w in weights.items()
        for threshold, n in zip(THRESHOLDS, counted(w), strict=True)
    ]


TEXTS = {"study", "member", "data", "model", "recipe", "arm", "penalty", "coupling", "where"}
TEXTS |= {"status", "tensor", "strengths", "unit", "measure"}
COUNTS = {"batch_size", "seed", "epochs", "best_epoch", "epoch", "weights", "zeros", "zeros_dead"}
COUNTS |= {"zeros_1e-3", "size", "count"}


def table(rows: list[Row], names: Sequence[str] = ()) -> pa.Table:
    """Rows as a table whose types depend on the names of its columns alone: those given, or those
    of the first row."""
    names = names or (list(rows[0]) if rows else ["member", "epoch"])
    return pa.Table.from_pylist(rows, pa.schema([(name, _type(name)) for name in names]))


def _type(name: str) -> pa.DataType:
    if name in TEXTS:
        return pa.string()
    return pa.int64() if name in COUNTS else pa.float64()
