"""The estimators against scikit-learn's grid search and against LassoNet, on the digits.

    pip install lassonet                        # for the second table
    python benchmarks/bench_estimators.py [--epochs 50] [--rounds 6] [--splits 3] [--threads 1 2]

First table: `LpMLPClassifierCV` and `GridSearchCV(MLPClassifier)` search the same strengths on the
same folds and refit, with the same layers, epochs, batch size, Adam, and float32 inputs; a quarter
of the digits is the test part. scikit-learn's `alpha` is `lam` = alpha / (2 batch size). Early
stopping is off. The sides take turns, and every round has a split and a seed of its own. The table
has the median seconds, the ratio of a round to scikit-learn with `n_jobs=None`, the mean accuracies
and how much more they are than its own (95 % interval over the rounds). Processes are started
before the clock is. What runs in one process is timed with each number of threads, and the fastest
counts: small products gain little from a second one, and on a busy machine lose much.

Second table: which 10, 20 and 30 pixels to keep. LassoNet follows its path with its own settings;
ours is a path of `LpMLPClassifier(penalty="group", where="first")`, all strengths one stack. Pixels
are ranked by the strength at which they leave, on the training part alone. Then the same network
without a penalty is trained on the kept pixels for both sides, and is tested on the test part.
"""

import argparse
import os
import warnings
from collections.abc import Sequence
from importlib import import_module
from statistics import mean, median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from scipy.stats import ttest_1samp
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from lpreg import LpMLPClassifier, LpMLPClassifierCV

SETTINGS = [((100,), 200), ((64, 64), 64)]
ALPHAS = np.geomspace(1e-3, 10, 8)
CORES = os.cpu_count() or 1
FOLDS = StratifiedKFold(5)
KEPT = (10, 20, 30)
LAMS = np.geomspace(3e-3, 4e-2, 16)
"""From about 40 pixels to none."""


def digits(seed: int) -> tuple[Any, Any, Any, Any]:
    """Training and test inputs, standardised on the training part, and their classes."""
    data: Any = load_digits()
    x, test, y, told = train_test_split(
        data.data, data.target, test_size=0.25, stratify=data.target, random_state=seed
    )
    scaler: Any = StandardScaler().fit(x)
    return scaler.transform(x).astype(np.float32), scaler.transform(test), y, told


def theirs(layers: tuple[int, ...], batch: int, epochs: int, n_jobs: int | None) -> GridSearchCV:
    size: Any = batch
    network = MLPClassifier(
        layers, batch_size=size, max_iter=epochs, tol=0, n_iter_no_change=epochs, random_state=0
    )
    return GridSearchCV(network, {"alpha": ALPHAS}, cv=FOLDS, n_jobs=n_jobs)


def ours(layers: tuple[int, ...], batch: int, epochs: int, n_jobs: int | None) -> LpMLPClassifierCV:
    return LpMLPClassifierCV(
        layers, penalty="l2", lams=ALPHAS / (2 * batch), batch_size=batch, max_iter=epochs,
        cv=FOLDS, n_jobs=n_jobs, random_state=0,
    )  # fmt: skip


SIDES = {
    "scikit-learn, n_jobs=None": (theirs, None),
    "scikit-learn, n_jobs=2": (theirs, 2),
    "lpreg, n_jobs=None": (ours, None),
    "lpreg, n_jobs=2": (ours, 2),
}


def fitted(model: Any, x: np.ndarray, y: np.ndarray, threads: Sequence[int]) -> float:
    """The least seconds of a fit."""
    seconds = []
    for count in threads:
        torch.set_num_threads(count)
        with threadpool_limits(count):
            start = perf_counter()
            model.fit(x, y)
            seconds.append(perf_counter() - start)
    return min(seconds)


def search(
    layers: tuple[int, ...], batch: int, epochs: int, rounds: int, threads: Sequence[int]
) -> None:
    """Print the rows of one setting."""
    for make, n_jobs in SIDES.values():
        make(layers, batch, 1, n_jobs).fit(*digits(0)[::2])
    seconds: dict[str, list[float]] = {name: [] for name in SIDES}
    scores: dict[str, list[tuple[float, float]]] = {name: [] for name in SIDES}
    for number in range(rounds):
        x, test, y, told = digits(number)
        for name, (make, n_jobs) in SIDES.items():
            model = make(layers, batch, epochs, n_jobs).set_params(**_seed(make, number))
            counts = threads if n_jobs is None else threads[:1]
            seconds[name].append(fitted(model, x, y, counts))
            scores[name].append((100 * model.best_score_, 100 * float(model.score(test, told))))
    base = "scikit-learn, n_jobs=None"
    for name, own in seconds.items():
        ratios = [a / b for a, b in zip(seconds[base], own, strict=True)]
        told = f"{median(own):.1f} | {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        for found, usual in zip(
            *(np.transpose(scores[each]) for each in (name, base)), strict=True
        ):
            told += f" | {mean(found):.2f}" + ("" if name == base else more(found, usual))
        print(f"| {' x '.join(map(str, layers))}, batch {batch} | {name} | {told} |", flush=True)


def more(found: Sequence[float], usual: Sequence[float]) -> str:
    """How much more it is, with its interval."""
    difference = np.subtract(found, usual)
    low, high = ttest_1samp(difference, 0).confidence_interval()
    return f" ({difference.mean():+.2f} [{low:+.2f}, {high:+.2f}])"


def _seed(make: Any, number: int) -> dict[str, int]:
    return {"estimator__random_state" if make is theirs else "random_state": number}


def lassonet_order(x: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """The pixels, those that leave last first."""
    lassonet = import_module("lassonet")  # no part of the environment of the tests
    model = lassonet.LassoNetClassifier(
        hidden_dims=(100,), verbose=0, random_state=seed, torch_seed=seed
    )
    model.path(x, y)
    return np.argsort(-model.feature_importances_.numpy(), kind="stable")


def lpreg_order(x: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """The same; of pixels that leave together, those with larger weights before are first."""
    model = LpMLPClassifier(
        (100,), penalty="group", where="first", max_iter=60, batch_size=200,
        learning_rate_init=1e-2, learning_rate="cosine", random_state=seed,
    )  # fmt: skip
    norms = np.array([each.feature_importances_ for each in model.path(x, y, LAMS)])
    stays = (norms > 0).sum(0)
    last = norms[np.maximum(stays - 1, 0), np.arange(len(stays))]
    return np.lexsort((-last, -stays))


def accuracy(data: tuple[Any, Any, Any, Any], pixels: np.ndarray) -> float:
    """On the test part, of a network that sees these pixels alone, in percent."""
    x, test, y, told = data
    network = LpMLPClassifier((100,), penalty=None, batch_size=64, max_iter=100, random_state=0)
    return 100 * float(network.fit(x[:, pixels], y).score(test[:, pixels], told))


def select(splits: int) -> None:
    """Print the rows of the second table."""
    sides = {"LassoNet": lassonet_order, "lpreg": lpreg_order}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    found: dict[str, list[list[float]]] = {name: [] for name in sides}
    everything = []
    for seed in range(splits):
        data = digits(seed)
        everything.append(accuracy(data, np.arange(64)))
        for name, order in sides.items():
            start = perf_counter()
            pixels = order(data[0], data[2], seed)
            seconds[name].append(perf_counter() - start)
            found[name].append([accuracy(data, pixels[:k]) for k in KEPT])
    print(f"\nAll 64 pixels: {mean(everything):.1f} %\n")
    print("| selection | " + " | ".join(f"{k} pixels" for k in KEPT) + " | seconds |")
    print("| --- | " + " | ".join("---:" for _ in KEPT) + " | ---: |")
    for name, rows in found.items():
        cells = [
            f"{mean(column):.1f} ({min(column):.1f} to {max(column):.1f})"
            for column in zip(*rows, strict=True)
        ]
        print(f"| {name} | " + " | ".join(cells) + f" | {mean(seconds[name]):.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=6, help="0 to leave the first table out")
    parser.add_argument("--splits", type=int, default=3, help="0 to leave the second table out")
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, CORES}))
    given = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    os.environ["PYTHONWARNINGS"] = "ignore"  # in processes too
    print(f"{CORES} cores, load {os.getloadavg()[0]:.1f}, torch {torch.__version__}")
    if given.rounds:
        print(f"\n{len(ALPHAS)} strengths, {FOLDS.get_n_splits()} folds, {given.epochs} epochs\n")
        print("| network | search | seconds | times as fast | CV accuracy % | test accuracy % |")
        print("| --- | --- | ---: | ---: | ---: | ---: |")
        for layers, batch in SETTINGS:
            search(layers, batch, given.epochs, given.rounds, given.threads)
    torch.set_num_threads(given.threads[0])
    if given.splits:
        select(given.splits)


if __name__ == "__main__":
    main()
