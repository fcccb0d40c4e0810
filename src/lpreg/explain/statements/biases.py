"""Should biases be penalised too? Weights only against all parameters, over the samples."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from lpreg.analysis.claims import Claim
from lpreg.data import digits as handwritten
from lpreg.explain.common import Sampled, still, verdicts
from lpreg.explain.statements.drawing import View, draw
from lpreg.explain.statements.networks import (
    Own,
    accuracy,
    digits,
    full,
    network,
    outputs,
    targets,
    train,
)
from lpreg.explain.topics import Progress, Result
from lpreg.penalties import L2
from lpreg.select import Where

COUNTS = (20, 50, 100, 200, 500)
STRENGTHS = (1e-3, 3e-3, 1e-2)
ARMS = {"nothing penalised": "none", "weights": "L2", "all parameters": "other", "biases": "L1"}
WHERE: dict[str, Where] = {
    "nothing penalised": "weights",
    "weights": "weights",
    "all parameters": "all",
    "biases": ("*.bias",),
}
SIZES, RECIPE, RATE = (64, 32, 10), full(150), 0.02


def make(folder: Path, progress: Progress) -> Result:
    """The study, its picture and its verdicts."""
    repeats = 4 if progress.quick else 14
    parts = []
    for count in COUNTS:
        progress(f"{count} samples")
        parts.append(frame(count, repeats))
    found = pd.concat(parts, ignore_index=True)
    view = View(
        "Weights only, or biases too?",
        "training samples",
        "",
        ARMS,
        log="x",
        shares=True,
        same=False,
    )
    figure = draw(_shown(found), view)
    for panel in figure.axes:
        panel.set_xticks(COUNTS, [str(count) for count in COUNTS])
    figure.axes[1].yaxis.set_major_formatter(lambda gain, _: f"{100 * gain:.3g}")
    picture = still(
        figure,
        folder,
        "biases",
        "Digits, one hidden layer of 32: test accuracy over the number of training samples, with "
        "L2 on the weights, on the biases alone, and on both, at strengths chosen on held-out "
        "samples. Right: what that gains on the same training set over no penalty. Means and 95 % "
        "intervals over random training sets.",
        "Two panels over training samples: accuracy, and the gain by what is penalised.",
    )
    return Result([picture], {"biases": found}, verdicts(*statements(found)))


def _shown(found: pd.DataFrame) -> pd.DataFrame:
    """The accuracies, and what they gain over those of nothing penalised."""
    plain = found.loc[found["arm"] == "nothing penalised"]
    plain = plain.set_index(["samples", "repeat"])["value"]
    at = pd.MultiIndex.from_frame(found[["samples", "repeat"]])
    gain = found.assign(panel="gain over nothing penalised, in points")
    gain["value"] -= plain.reindex(at).to_numpy()
    both = pd.concat([found.assign(panel="test accuracy"), gain], ignore_index=True)
    return both.assign(x=both["samples"])


def frame(count: int, repeats: int, seed: int = 105) -> pd.DataFrame:
    """Test accuracy: `samples`, `arm`, `repeat`, `value`. Half of what is not trained on chooses
    the strength, the other half judges."""
    data = handwritten()
    settings = [
        (arm, lam) for arm in ARMS for lam in (STRENGTHS if arm != "nothing penalised" else (0,))
    ]
    drawn = [digits(np.random.default_rng([seed, i]), data, count) for i in range(repeats)]
    members = [(i, *setting) for setting in settings for i in range(repeats)]
    networks = [Own(network(SIZES, seed=i), *drawn[i][:2]) for i, _, _ in members]
    penalties = [L2(lam) for _, _, lam in members]
    where = [WHERE[arm] for _, arm, _ in members]
    blank = targets(count, floating=False)
    ended = train(networks, penalties, torch.zeros(count, 64), blank, RECIPE, RATE, "loss", where)
    rows = []
    for i in range(repeats):
        own = [k for k, member in enumerate(members) if member[0] == i]
        x, y = drawn[i][2:]
        told = outputs(networks[0], [ended[k] for k in own], x)
        half = len(y) // 2
        scores = pd.DataFrame([members[k] for k in own], columns=["repeat", "arm", "lam"])
        scores["chooses"] = accuracy(told[:, :half], y[:half])
        scores["value"] = accuracy(told[:, half:], y[half:])
        rows.append(scores.loc[scores.groupby("arm")["chooses"].idxmax()])
    return pd.concat(rows, ignore_index=True).assign(samples=count)


def statements(found: pd.DataFrame) -> list[Sampled]:
    """What THEORY says of biases."""
    grid = found.pivot_table("value", "repeat", ["samples", "arm"])
    few = COUNTS[0]
    note = "Whether biases overfit is asked directly: does it help to penalise them alone?"

    def equal(name: str, text: str, left: str, right: str, why: str = "") -> Sampled:
        sides = [
            grid[[(count, arm) for count in COUNTS[:3]]].to_numpy().mean(1) for arm in (left, right)
        ]
        claim = Claim(
            name,
            text,
            "equal",
            "test accuracy",
            margin=0.01,
            source="THEORY",
            published="requires lesser data to fit the biases than the weights",
            note=why,
        )
        return Sampled(claim, np.stack(sides), "points")

    return [
        equal(
            "biases-alone",
            f"Biases need less data than weights: from {few} to 100 samples on, to penalise them "
            "alone changes test accuracy by less than 1 point",
            "biases",
            "nothing penalised",
            note,
        ),
        equal(
            "biases-too",
            "Nothing is lost by leaving biases unpenalised: weights only and all parameters are "
            f"within 1 point from {few} to 100 samples",
            "weights",
            "all parameters",
        ),
    ]
