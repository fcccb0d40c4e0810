"""The study that answers a question: which penalty, how strong, for this network and these data."""

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import pandas as pd

from lpreg.comparison import networks
from lpreg.comparison.arms import ladder, refined, with_ladder
from lpreg.comparison.subject import Subject
from lpreg.data import Dataset, sizes
from lpreg.study.own import located
from lpreg.study.spec import Study, build, document

STEPS = 800
"""Optimizer steps in which a small network has learned what a small table has to say."""

FEWEST, MOST = 10, 300
"""Epochs."""

SPLIT = {"train": 0.6, "val": 0.2, "test": 0.2}

ROWS = 600
"""Training samples below which batches are small, so that an epoch has some steps."""

WHERE = "this comparison"
"""What messages call the study."""


def design(
    subject: Subject,
    network: Mapping[str, Any],
    arms: Sequence[Mapping[str, Any]],
    seeds: int,
    recipe: Mapping[str, Any],
) -> Study:
    """The first round of a comparison.

    Every seed draws a split of its own: a recommendation is about tables like this one, and one
    split of a small one says as much about the split as about the penalty.

    Args:
        subject: what is to be learned, with a place in a file.
        network: what [[model]] says.
        arms: what [[arm]] says.
        seeds: their number.
        recipe: what [[recipe]] is to say otherwise than `training`.

    Raises:
        SpecError: what comes out is no valid study.
    """
    title = f"Which penalty for {subject.target} of {subject.dataset.name}?"
    says = {
        "study": {
            "name": f"compare-{subject.name}",
            "title": title,
            "seeds": seeds,
            "resample": True,
        },
        "data": [{**(subject.says or {}), "name": subject.name, "split": shares(subject.dataset)}],
        "model": [dict(network)],
        "recipe": [training(subject) | _alone(recipe)],
        "arm": list(map(dict, arms)),
        "plan": {} if networks.stacks(network, subject.dataset) else {"width": 1},
    }
    return located(build(says, WHERE), Path(), WHERE)


def shares(dataset: Dataset) -> dict[str, float]:
    """How the data are cut: `SPLIT`, and where they come in pools, each pool as a whole."""
    own = dict(SPLIT)
    for pool in dataset.pools:
        whole = sum(SPLIT[part] for part in pool.parts)
        own |= {part: SPLIT[part] / whole for part in pool.parts}
    return own


def training(subject: Subject) -> dict[str, Any]:
    """What [[recipe]] says unless it is told otherwise: Adam with a rate that falls to zero, so
    that what is compared is where training ends and not when it was stopped."""
    rows = sizes(subject.dataset, shares(subject.dataset))["train"]
    batch = min(rows, 32 if rows < ROWS else 64 if rows < 10 * ROWS else 256)
    epochs = min(MOST, max(FEWEST, ceil(STEPS * batch / rows)))
    regression = subject.dataset.task == "regression"
    return {
        "name": "adam",
        "optimizer": "adam",
        "lr": 2e-3,
        "schedule": "cosine",
        "batch_size": batch,
        "epochs": epochs,
        "evaluate_every": max(1, epochs // 15),
        "loss": "mse" if regression else "cross_entropy",
        "inputs": "standardized",
    }


def _alone(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What is said otherwise; where it says how long, the evaluations go with it."""
    own = dict(recipe)
    if "epochs" in own and isinstance(own["epochs"], int):
        own.setdefault("evaluate_every", max(1, own["epochs"] // 15))
    return own


def joined(first: Study, held: Study) -> Study:
    """The first round with the strengths that a folder has already."""
    there = {arm["name"]: ladder(arm) for arm in document(held)["arm"]}
    return _with_arms(
        first,
        [with_ladder(arm, [*ladder(arm), *there.get(arm["name"], [])]) for arm in _arms(first)],
    )


def next_round(first: Study, study: Study, results: pd.DataFrame) -> Study:
    """The study with strengths around the best of every arm that has only those of the first."""
    pairs = zip(_arms(first), _arms(study), strict=True)
    return _with_arms(
        study,
        [refined(a, results) if ladder(a) == ladder(b) else b for a, b in pairs],
    )


def _arms(study: Study) -> list[dict[str, Any]]:
    return document(study)["arm"]


def _with_arms(study: Study, arms: list[dict[str, Any]]) -> Study:
    return build({**document(study), "arm": arms}, WHERE)
