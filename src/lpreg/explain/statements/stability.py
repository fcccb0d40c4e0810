"""Is the elastic net steadier than L1 in what it selects, when features are correlated?"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes

from lpreg.analysis.claims import Claim
from lpreg.explain.common import Sampled, still, verdicts
from lpreg.explain.statements.drawing import View, draw
from lpreg.explain.statements.linear import Sets, fit
from lpreg.explain.topics import Progress, Result
from lpreg.penalties import L1, ElasticNet, Penalty

GROUPS, SIZE, NOISE_INPUTS, SAMPLES = 4, 4, 24, 80
CORRELATIONS = (0.0, 0.5, 0.8, 0.95)
RESAMPLES = 12
STRENGTHS = np.geomspace(0.04, 1.2, 9)
ARMS = {"L1": "L1", "elastic net, ratio 0.5": "EN", "elastic net, ratio 0.1": "other"}
RATIO = {"elastic net, ratio 0.5": 0.5, "elastic net, ratio 0.1": 0.1}


def make(folder: Path, progress: Progress) -> Result:
    """The study, its pictures and its verdicts."""
    progress("resamples")
    repeats = 5 if progress.quick else 24
    found = frame(repeats)
    view = View(
        "What is selected again on another half of the samples?",
        "correlation within groups of 4 inputs",
        "stability of the selection",
        ARMS,
        size=(7.5, 4.4),
        ends=(0, 1),
    )
    figure = draw(found, view)
    steady = still(
        figure,
        folder,
        "stability",
        f"{RESAMPLES} random halves of {SAMPLES} samples: how alike are the sets of inputs that "
        "are not zero? 1 is always the same, 0 what chance would give. The strength of each arm is "
        "the one that selects nearest to the number of inputs that matter (16 of 40). Means and "
        "95 % intervals over fresh data sets.",
        "Stability over correlation, falling for L1, held by the elastic net.",
    )
    progress("diabetes")
    often = diabetes(4 if progress.quick else 10)
    view = View(
        "Diabetes: how often is each feature selected?",
        "feature",
        "share of samples that select it",
        ARMS,
        shares=True,
        ends=(-0.04, 1.04),
    )
    real = still(
        draw(often, view),
        folder,
        "selected",
        "442 patients: the share of random fifths of them in which a feature gets a weight, each "
        "arm at the strength that selects 5 of 10 on average. Mean and 95 % interval over groups "
        "of ten such samples. s1 to s4 are correlated blood values, s1 and s2 by 0.9.",
        "Ten features with the share in which each arm selects them.",
    )
    numbers = {"stability": found, "selected": often}
    return Result([steady, real], numbers, verdicts(*statements(found)))


def correlated(correlation: float, repeats: int, random: np.random.Generator) -> Sets:
    """Groups of inputs that share a factor and all matter alike, and inputs that do not matter."""
    members = GROUPS * SIZE
    shared = random.normal(size=(repeats, SAMPLES, GROUPS)).repeat(SIZE, axis=2)
    own = random.normal(size=(repeats, SAMPLES, members + NOISE_INPUTS))
    own[..., :members] *= np.sqrt(1 - correlation)
    own[..., :members] += np.sqrt(correlation) * shared
    truth = np.zeros((repeats, own.shape[2]))
    truth[:, :members] = 0.5
    noise = 1.5 * random.normal(size=(repeats, SAMPLES))
    return Sets(own, np.einsum("bnd,bd->bn", own, truth) + noise, truth)


def penalties(arm: str) -> list[Penalty]:
    """An arm in all strengths; the L1 parts are the same for all."""
    if arm == "L1":
        return [L1(lam) for lam in STRENGTHS]
    return [ElasticNet(lam / RATIO[arm], RATIO[arm]) for lam in STRENGTHS]


def halves(sets: Sets, count: int, share: float, random: np.random.Generator) -> Sets:
    """Random parts of the samples of data sets (b, n, d), one after another: (b * count, ...)."""
    kept = round(share * sets.x.shape[1])
    rows = random.permuted(np.tile(np.arange(sets.x.shape[1]), (len(sets.x) * count, 1)), axis=1)[
        :, :kept
    ]
    owner = np.arange(len(sets.x)).repeat(count)[:, None]
    x, y = sets.x[owner, rows], sets.y[owner, rows]
    return Sets(x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True), sets.truth[owner[:, 0]])


def selections(sets: Sets, arm: str, count: int, wanted: float) -> np.ndarray:
    """What is selected at the strength that comes nearest to a number of inputs per data set:
    (b, count, d) of bool, for parts that `halves` gave."""
    selected = fit(sets, penalties(arm)) != 0
    selected = selected.reshape(-1, count, *selected.shape[1:])
    mean = selected.sum(-1).mean(1)  # (b, strengths)
    best = np.abs(mean - wanted).argmin(1)
    return selected[np.arange(len(selected)), :, best]


def stability(selected: np.ndarray) -> float:
    """How alike selections (resamples, d) are: 1 for the same, 0 on average by chance.

    Source: Nogueira, Sechidis and Brown, "On the stability of feature selection algorithms", JMLR
    18, 2018, equation 4.
    """
    many, inputs = selected.shape
    share = selected.mean(0)
    size = share.sum() / inputs
    if size in (0.0, 1.0):
        return 1.0
    variance = many / (many - 1) * (share * (1 - share)).mean()
    return float(1 - variance / (size * (1 - size)))


def frame(repeats: int, seed: int = 102) -> pd.DataFrame:
    """The stability of the selection: `panel`, `arm`, `x` (correlation), `repeat`, `value`."""
    rows = []
    for correlation in CORRELATIONS:
        random = np.random.default_rng(seed)
        parts = halves(correlated(correlation, repeats, random), RESAMPLES, 0.5, random)
        for arm in ARMS:
            for repeat, each in enumerate(selections(parts, arm, RESAMPLES, GROUPS * SIZE)):
                rows.append(("", arm, correlation, repeat, stability(each)))
    return pd.DataFrame(rows, columns=["panel", "arm", "x", "repeat", "value"])


def diabetes(groups: int, count: int = 10, seed: int = 103) -> pd.DataFrame:
    """How often a feature is selected on random fifths of the patients, per group of `count`."""
    data = load_diabetes()
    assert isinstance(data, Mapping)
    x, y = (values - values.mean(0) for values in (data["data"], data["target"]))
    one = Sets((x / x.std(0))[None], (y / y.std())[None], np.zeros((1, x.shape[1])))
    parts = halves(one, groups * count, 0.2, np.random.default_rng(seed))
    frames = []
    for arm in ARMS:
        selected = selections(parts, arm, groups * count, 5)[0].reshape(groups, count, -1)
        often = pd.DataFrame(selected.mean(1), columns=list(data["feature_names"]))
        often.index.name = "repeat"
        frames.append(often.reset_index().melt("repeat", var_name="x").assign(panel="", arm=arm))
    return pd.concat(frames, ignore_index=True)


def statements(found: pd.DataFrame) -> list[Sampled]:
    """What COURAGE says of the elastic net."""
    grid = found.pivot_table("value", "repeat", ["arm", "x"])
    middle, high = CORRELATIONS[1], CORRELATIONS[-1]
    metric = "stability of the selection"
    _, half, tenth = ARMS

    def claim(name: str, text: str, said: str = "") -> Claim:
        return Claim(name, text, "higher", metric, source="COURAGE", published=said)

    text = "Elastic net selects more steadily than L1 when features are correlated"
    return [
        *(
            Sampled(
                claim(
                    f"stability-{name}", f"{text} (by {high:g}, {arm})", "more stability than L1"
                ),
                np.stack([grid[arm, high], grid["L1", high]]),
            )
            for name, arm in (("half", half), ("tenth", tenth))
        ),
        Sampled(
            Claim(
                "stability-l1-falls",
                f"L1 selects arbitrarily among highly correlated inputs: less steadily at {high:g} "
                f"than at {middle:g}",
                "higher",
                metric,
                source="COURAGE",
                published="arbitrarily",
                note="Independent inputs are no measure here: together they carry less signal.",
            ),
            np.stack([grid["L1", middle], grid["L1", high]]),
        ),
    ]
