"""Does averaging networks trained on different samples regularise?"""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.special import softmax

from lpreg.analysis import ensemble
from lpreg.analysis.claims import Claim
from lpreg.data import digits as handwritten
from lpreg.explain.common import Sampled, still, verdicts
from lpreg.explain.statements.drawing import View, draw
from lpreg.explain.statements.networks import Own, digits, full, network, outputs, targets, train
from lpreg.explain.topics import Progress, Result
from lpreg.penalties import L2

MEMBERS, COUNTS = 8, (1, 2, 4, 8)
SAMPLES, SIZES, RECIPE, RATE = 100, (64, 32, 10), full(150), 0.02
STRENGTH = 3e-3
ARMS = {
    "samples drawn anew, with repeats": "L2",
    "same samples, other initial weights": "L1",
    "one network with L2": "none",
}


def make(folder: Path, progress: Progress) -> Result:
    """The study, its picture and its verdicts."""
    progress("networks")
    found = frame(4 if progress.quick else 24)
    view = View(
        "Averaging networks",
        "networks whose probabilities are averaged",
        "accuracy",
        ARMS,
        log="x",
        shares=True,
        same=False,
    )
    figure = draw(found, view)
    for panel in figure.axes:
        panel.set_xticks(COUNTS, [str(count) for count in COUNTS])
    picture = still(
        figure,
        folder,
        "ensemble",
        f"Digits, one hidden layer of 32, {SAMPLES} training samples: accuracy of the mean of the "
        "probabilities, on test and training samples. Each network of an ensemble has other "
        "initial weights, and its own bootstrap sample or the same samples as all. Means and 95 % "
        "intervals over random training sets.",
        "Two panels, test and training accuracy over the number of networks averaged.",
    )
    return Result([picture], {"ensemble": found}, verdicts(*statements(found)))


def frame(repeats: int, seed: int = 108) -> pd.DataFrame:
    """Accuracies of averages: `panel` (test, training), `arm`, `x` (count), `repeat`, `value`."""
    data = handwritten()
    drawn = [digits(np.random.default_rng([seed, i]), data, SAMPLES) for i in range(repeats)]
    again, same, single = ARMS
    members = [(i, arm, k) for i in range(repeats) for arm in (again, same) for k in range(MEMBERS)]
    members += [(i, single, 0) for i in range(repeats)]
    networks, penalties = [], []
    for i, arm, k in members:
        x, y = drawn[i][:2]
        rows = np.random.default_rng([seed, i, k]).integers(0, SAMPLES, SAMPLES)
        kept = torch.from_numpy(rows) if arm == again else slice(None)
        networks.append(Own(network(SIZES, seed=MEMBERS * i + k), x[kept], y[kept]))
        penalties.append(L2(STRENGTH if arm == single else 0.0))
    blank = targets(SAMPLES, floating=False)
    ended = train(networks, penalties, torch.zeros(SAMPLES, 64), blank, RECIPE, RATE, "loss")
    rows = []
    for i in range(repeats):
        parts = {"test": drawn[i][2:], "training": drawn[i][:2]}
        for arm in ARMS:
            own = [ended[k] for k, member in enumerate(members) if member[:2] == (i, arm)]
            for panel, (x, y) in parts.items():
                sure = softmax(outputs(networks[0], own, x).astype(float), axis=-1)
                rows += [(panel, arm, n, i, value) for n, value in averages(sure, y.numpy())]
    return pd.DataFrame(rows, columns=["panel", "arm", "x", "repeat", "value"])


def averages(sure: np.ndarray, y: np.ndarray) -> list[tuple[int, float]]:
    """Accuracy of averages of n networks, the mean over disjoint groups of them, for the n in
    `COUNTS`; probabilities are (networks, samples, classes)."""
    if len(sure) == 1:
        return [(n, ensemble.accuracy(sure, y).ensemble) for n in COUNTS]
    return [
        (n, float(np.mean([ensemble.accuracy(part, y).ensemble for part in _groups(sure, n)])))
        for n in COUNTS
    ]


def _groups(sure: np.ndarray, n: int) -> np.ndarray:
    return sure.reshape(-1, n, *sure.shape[1:])


def statements(found: pd.DataFrame) -> list[Sampled]:
    """What THEORY says of ensembles."""
    grid = found.pivot_table("value", ["panel", "repeat"], ["arm", "x"])
    test, training = grid.loc["test"], grid.loc["training"]
    again, same, single = ARMS
    said = "creating ensemble models ... each trained with different samples of data"

    def claim(name: str, text: str, kind: str, metric: str, published: str = said) -> Claim:
        return Claim(name, text, kind, metric, source="THEORY", published=published)

    better = f"The average of {MEMBERS} networks trained on different samples is better than one"
    whole = f"The average of {MEMBERS} is better than one network that is trained on all samples"
    narrower = f"The average of {MEMBERS} narrows the gap between training and test accuracy"
    samples = (
        "Different samples are what makes an ensemble: better than other initial weights alone"
    )
    beats = f"An ensemble of {MEMBERS} regularises more than L2 on one network does (test accuracy)"
    return [
        Sampled(
            claim("ensemble-better", better, "higher", "test accuracy"),
            np.stack([test[again, MEMBERS], test[again, 1]]),
            "points",
        ),
        Sampled(
            claim("ensemble-whole", whole, "higher", "test accuracy"),
            np.stack([test[again, MEMBERS], test[same, 1]]),
            "points",
        ),
        Sampled(
            claim("ensemble-gap", narrower, "difference", "gap"),
            np.stack([part[again, n] for n in (1, MEMBERS) for part in (training, test)]),
            "points",
        ),
        Sampled(
            claim("ensemble-samples", samples, "higher", "test accuracy"),
            np.stack([test[again, MEMBERS], test[same, MEMBERS]]),
            "points",
        ),
        Sampled(
            claim("ensemble-l2", beats, "higher", "test accuracy", ""),
            np.stack([test[same, MEMBERS], test[single, 1]]),
            "points",
        ),
    ]
