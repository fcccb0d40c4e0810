"""Made-up weight maps, and a made-up study with all that is known of it."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lpreg.figures import Evidence
from tests.analysis.frames import regression, results

EPOCHS = range(0, 101, 10)
ARMS = {
    "none": np.nan,
    "L1": 1e-4,
    "L2": 0.05,
    **{f"Group-proximal-{number}": 6.678e-6 for number in range(11)},
}
FEATURES = ["longitude", "latitude", "housing_median_age", "median_income"]
FEATURES += [f"{name} (shuffled 1)" for name in FEATURES]
PIXELS = [str(i) for i in range(16)]


def members(
    arms: Mapping[str, float] = ARMS, seeds: int = 1, data: str = "housing"
) -> pd.DataFrame:
    """Results: one row per arm and seed."""
    rows = [
        {"arm": arm, "lam": lam, "seed": seed, "data": data}
        for arm, lam in arms.items()
        for seed in range(seeds)
    ]
    return results([{**row, "member": f"m{i}"} for i, row in enumerate(rows)])


def maps(
    table: pd.DataFrame, inputs: Sequence[str], epochs: Sequence[int] = EPOCHS
) -> pd.DataFrame:
    """Maps that fade exponentially, all but the first input, from random ones."""
    random, tables = np.random.default_rng(0), []
    for member in table["member"]:
        start = random.uniform(0.1, 1, size=len(inputs))
        for epoch in epochs:
            score = start * np.where(np.arange(len(inputs)) == 0, 1, np.exp(-epoch / 10))
            columns = {"member": member, "epoch": epoch, "input": inputs}
            tables.append(pd.DataFrame({**columns, "score": score / score.max()}))
    return pd.concat(tables, ignore_index=True)


STUDY = {"none": [np.nan], "L1": [1e-4, 1e-3], "L1-proximal": [1e-3], "L2": [0.1]}
TENSORS = {"fc1.weight": 60, "fc2.weight": 20}
TABLES = ["results", "curves", "sparsity", "measures", "evidence", "verdicts", "maps"]
THRESHOLDS = [0.0, 1e-8, 1e-4, 0.1, 1.0]


def study(seeds: int = 3, data: str = "digits", recipe: str = "modern") -> Evidence:
    """A study whose numbers are simple: of the arm in place a, at its strength in place k, seed s.

    Accuracies are 0.9 - a / 100 + k / 200 + s / 1000 on the training part, 0.1 less on validation
    and 0.2 less on the test part, so that validation chooses the last strength; a / 10 + k / 20 of
    the weights are zeros outside of constant inputs. The data set "housing" makes a regression of
    it, with 1 - accuracy as its error.
    """
    rows, curves, sparsity, measures = [], [], [], []
    for a, (arm, strengths) in enumerate(STUDY.items()):
        for k, lam in enumerate(strengths):
            for seed in range(seeds):
                member = f"{data}-{recipe}-{arm}-{lam:g}-{seed}"
                train = 0.9 - a / 100 + k / 200 + seed / 1000
                parts = {"train": train, "val": train - 0.1, "test": train - 0.2}
                about = {"member": member, "arm": arm, "lam": lam, "seed": seed}
                about |= {"data": data, "recipe": recipe, "weights": 100}
                about |= {"zeros": 10 * a + 5 * k + 3, "zeros_dead": 3, "status": "ok"}
                sides = {f"{part}_accuracy": value for part, value in parts.items()}
                losses = {f"{part}_loss": 1 - value for part, value in parts.items()}
                rows.append({**about, **sides, **losses})
                curves.append(_curve(member, parts, a, seed))
                sparsity.append(_counts(member, a))
                kept = {"member": member, "measure": "pruned_test_accuracy", "tensor": None}
                measures += [
                    {**kept, "at": density, "value": density * parts["test"]}
                    for density in (1.0, 0.1, 0.01)
                ]
    table, curve, measured = results(rows), pd.concat(curves), pd.DataFrame(measures)
    if data == "housing":
        table, curve = _errors(regression(table)), _errors(regression(curve))
        measured = measured.assign(measure="pruned_test_mse", value=1 - measured["value"])
    inputs = FEATURES if data == "housing" else PIXELS
    return Evidence(
        results=table,
        curves=curve.reset_index(drop=True),
        sparsity=pd.concat(sparsity, ignore_index=True),
        measures=measured,
        evidence=table,
        verdicts=verdicts(recipe),
        maps=maps(table, inputs),
        shapes={data: (1, len(FEATURES)) if data == "housing" else (4, 4)},
    )


def together(*studies: Evidence) -> Evidence:
    """One study with the members of all of these."""
    results, curves, sparsity, measures, evidence, told, scores = (
        pd.concat([getattr(each, name) for each in studies], ignore_index=True) for name in TABLES
    )
    shapes = {data: shape for each in studies for data, shape in each.shapes.items()}
    return Evidence(results, curves, sparsity, measures, evidence, told, scores, shapes)


def verdicts(recipe: str) -> pd.DataFrame:
    """One of every unit and verdict, and two without an effect."""
    columns = ["name", "verdict", "unit", "effect", "low", "high", "ours"]
    rows = [
        ("more-zeros", "supported", "weights", 30.0, 20.0, 40.0, "+30 weights [20, 40]"),
        ("same", "inconclusive", "points", 0.5, -1.0, 2.0, "+0.5 points [-1, 2]"),
        ("ten-times", "contradicted", "times", 31.0, 25.0, 38.0, "31 times [25, 38]"),
        ("brighter", "supported", "inputs", 2.0, 1.0, 3.0, "+2 inputs [1, 3]"),
        ("slower", "inconclusive", "epochs", np.nan, np.nan, np.nan, ""),
        ("later", "not run", "", np.nan, np.nan, np.nan, ""),
        ("higher", "supported", "points", 9.3, 7.7, 10.9, "+9.3 points [7.7, 10.9]"),
    ]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(recipe=recipe, n=10, text="L1 does this and that, as the document says")


def _curve(member: str, parts: Mapping[str, float], arm: int, seed: int) -> pd.DataFrame:
    """Falls within 5 + arm + seed epochs to where it stays; the penalty adds a tenth per arm."""
    epochs = np.arange(0, 101, 5)
    fall = np.exp(-epochs / (5 + arm + seed))
    curve = pd.DataFrame({"member": member, "epoch": epochs, "penalty_value": arm / 10})
    for part, value in parts.items():
        curve[f"{part}_accuracy"] = value - 0.5 * fall
        curve[f"{part}_loss"] = 1 - value + 2 * fall
    return curve.assign(total_loss=curve["train_loss"] + curve["penalty_value"])


def _counts(member: str, arm: int) -> pd.DataFrame:
    """a / 10 of every tensor is 0, a half below 0.1, and a tenth above 1."""
    rows = [
        {"member": member, "tensor": tensor, "size": size, "threshold": t, "count": share * size}
        for tensor, size in TENSORS.items()
        for t, share in zip(THRESHOLDS, [arm / 10, arm / 10, arm / 10, 0.5, 0.9], strict=True)
    ]
    return pd.DataFrame(rows)


def _errors(table: pd.DataFrame) -> pd.DataFrame:
    columns = [str(name) for name in table if str(name).endswith("_mse")]
    return table.assign(**{name: 1 - table[name] for name in columns})
