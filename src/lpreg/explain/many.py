"""Lasso with more and more features that mean nothing, against ridge and least squares."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes

from lpreg.analysis.claims import Claim
from lpreg.analysis.stats import paired
from lpreg.explain.common import Sampled, line, still
from lpreg.explain.parts import Part
from lpreg.explain.paths import KINDS, end
from lpreg.explain.solve import Problem, descend
from lpreg.explain.topics import Progress
from lpreg.figures.style import TEXT, panels, percent

COPIES = (0, 5, 12, 24)
"""Shuffled copies of the ten features that are added."""
TRAIN, VALIDATION, TEST = 150, 120, 100
METHODS = {"lasso, L1": np.geomspace(0.04, 0.9, 8), "ridge, L2": np.geomspace(0.05, 100, 8)}
"""Strengths to choose from, as shares of the end of the path."""
LEAST = "least squares"


def make(folder: Path, progress: Progress) -> Part:
    """The picture, and what it says of many features."""
    splits = 4 if progress.quick else 12
    progress("more and more features")
    table = frame(splits)
    figure = still(
        draw(table),
        folder,
        "many",
        f"{TRAIN} patients to train on, strengths chosen on {VALIDATION} others; shuffled copies "
        "of the ten features are added, which mean nothing. What is explained of "
        f"{TEST} more patients, mean of {splits} splits with 95 % interval (of least squares "
        "the mean alone). Least squares "
        "(the shortest where it has no single answer) breaks down near as many features as "
        "rows.",
        "Explained variance over the number of features for lasso, ridge and least squares.",
    )
    return Part([figure], {"many": table}, statements(table))


def splits(number: int, copies: int) -> tuple[Problem, Problem, Problem]:
    """Training, validation and test parts of that many splits: problems with a leading dimension.

    All are standardised by their training part.
    """
    data: Any = load_diabetes()
    random, parts = np.random.default_rng(103), []
    names = [*data.feature_names, *(f"shuffled {k}" for k in range(10 * copies))]
    for _ in range(number):
        noise = [random.permutation(data.data) for _ in range(max(COPIES))][:copies]
        order = random.permutation(len(data.target))
        x, y = np.hstack([data.data, *noise])[order], data.target[order]
        x = (x - x[:TRAIN].mean(0)) / x[:TRAIN].std(0)
        parts.append((x, (y - y[:TRAIN].mean()) / y[:TRAIN].std()))
    x, y = (np.stack(each) for each in zip(*parts, strict=True))
    ends = (
        slice(TRAIN),
        slice(TRAIN, TRAIN + VALIDATION),
        slice(TRAIN + VALIDATION, TRAIN + VALIDATION + TEST),
    )
    train, validation, test = (Problem(x[:, rows], y[:, rows], tuple(names)) for rows in ends)
    return train, validation, test


def frame(number: int) -> pd.DataFrame:
    """Per split, number of features and method: `split`, `features`, `method`, `explained` (of the
    variance of the test part), `real` and `shuffled` (shares of them that are used)."""
    parts = []
    for copies in COPIES:
        train, validation, test = splits(number, copies)
        tops = [Problem(x, y, train.features) for x, y in zip(train.x, train.y, strict=True)]
        found = {LEAST: train.ols[:, None]}
        for method, shares in METHODS.items():
            shape = KINDS[method]
            lams = np.array([end(each, shape) for each in tops])[:, None] * shares
            w = descend(train, shape, lams)
            best = validation.loss(w).argmin(1)
            found[method] = w[np.arange(number), best][:, None]
        for method, w in found.items():
            used = w[:, 0] != 0
            columns = {"split": range(number), "features": w.shape[2], "method": method}
            columns["explained"] = 1 - (test.loss(w) / test.loss(0 * w))[:, 0]
            columns["real"] = used[:, :10].mean(1)
            columns["shuffled"] = used[:, 10:].mean(1) if copies else np.nan
            parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def draw(table: pd.DataFrame) -> Figure:
    """Explained variance, and which features lasso uses."""
    figure, (left, right) = panels("More features, of which ten mean something", 1, 2, (10, 4.4))
    looks = {
        "lasso, L1": line(1.0),
        "ridge, L2": line(2.0),
        LEAST: {"color": "0.4", "linewidth": 1.8},
    }
    for i, (method, look) in enumerate(looks.items()):
        rows = table[table["method"] == method]
        found = {
            n: paired(each, test_share=TEST / TRAIN)
            for n, each in rows.groupby("features")["explained"]
        }
        at = np.array(list(found)) * (1 + 0.02 * (i - 1))
        mean = np.array([each.effect for each in found.values()])
        reach = [mean - [e.low for e in found.values()], [e.high for e in found.values()] - mean]
        style = {"marker": "sDo"[i], "markersize": 5, "capsize": 3, "label": method}
        left.errorbar(at, mean, reach if method != LEAST else None, **look, **style)
    left.set_ylim(-1, 0.6)
    left.axhline(0, color="0.4", linewidth=0.8)
    left.set_ylabel("explained of new patients", fontsize=TEXT + 1)
    lasso = table[table["method"] == "lasso, L1"].groupby("features")[["real", "shuffled"]].mean()
    for name, tone, mark in (("real", "#0072B2", "s"), ("shuffled", "#D55E00", "o")):
        right.plot(lasso.index, lasso[name], color=tone, marker=mark, label=f"{name} features")
    right.set_ylabel("share that lasso uses", fontsize=TEXT + 1)
    right.set_ylim(-0.02, 1.02)
    for panel in (left, right):
        panel.axvline(TRAIN, color="0.3", linestyle=":", linewidth=1.4)
        percent(panel.yaxis)
        panel.set_xlabel("features (dotted: as many as rows)", fontsize=TEXT + 1)
        panel.legend(
            frameon=False, fontsize=TEXT + 1, loc=(0.62, 0.2) if panel is left else "upper right"
        )
    return figure


def statements(table: pd.DataFrame) -> list[Sampled]:
    """What THEORY says of lasso and a huge number of features."""
    most = table[table["features"] == table["features"].max()].set_index("method")
    lasso = most.loc["lasso, L1"]
    explained = [
        most.loc[name, "explained"].to_numpy() for name in ("lasso, L1", LEAST, "ridge, L2")
    ]
    name = f"explained of new patients, {most['features'].max()} features, {TRAIN} rows"
    note = (
        "Diabetes data with shuffled copies of its features; resampled splits, corrected intervals."
    )
    common: dict[str, Any] = {"source": "THEORY", "note": note}
    share = TEST / TRAIN
    copes = Claim(
        "lasso-many-features",
        "Lasso works well with more features than rows: better than least squares",
        "higher",
        name,
        **common,
    )
    beats = Claim(
        "lasso-beats-ridge-many",
        "With many features that mean nothing lasso predicts better than ridge",
        "higher",
        name,
        **common,
    )
    picks = Claim(
        "lasso-drops-the-meaningless",
        "Lasso makes the less important features zero: it uses a larger share of real ones than of "
        "shuffled ones",
        "higher",
        "share in use, real against shuffled",
        **common,
    )
    used = np.stack([lasso["real"].to_numpy(), lasso["shuffled"].to_numpy()])
    return [
        Sampled(copes, np.stack(explained[:2]), "points", share),
        Sampled(beats, np.stack([explained[0], explained[2]]), "points", share),
        Sampled(picks, used, "points", share),
    ]
