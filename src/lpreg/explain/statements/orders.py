"""Do L3 and L4 behave like L2, and do they cost more?"""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

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
from lpreg.explain.statements.tradeoff import others_best
from lpreg.explain.topics import Progress, Result
from lpreg.optim import matched
from lpreg.penalties import L0, L1, L2, ElasticNet, LInf, Lp, Penalty

SHARES = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Of the task gradient's length at the start, what the penalty's gradient has."""
ORDERS: dict[str, Penalty] = {"L1": L1(1), "L2": L2(1), "L3": Lp(1, 3), "L4": Lp(1, 4)}
SAMPLES, SIZES, RECIPE, RATE = 100, (64, 32, 10), full(150), 0.02
PROXES: dict[str, Penalty] = {
    "L0": L0(0.1),
    "p = 0.5": Lp(0.1, 0.5),
    "L1": L1(0.1),
    "EN": ElasticNet(0.1),
    "p = 1.5": Lp(0.1, 1.5),
    "p = 1.7": Lp(0.1, 1.7),
    "L2": L2(0.1),
    "p = 2.5": Lp(0.1, 2.5),
    "L3": Lp(0.1, 3),
    "L4": Lp(0.1, 4),
    "L∞": LInf(0.1),
}
WEIGHTS = 20_000
"""Weights of the tensor whose prox is timed: of a network of the size of those here."""


def make(folder: Path, progress: Progress) -> Result:
    """The study, its pictures and its verdicts."""
    progress("networks")
    found = frame(4 if progress.quick else 14)
    arms = {name: name for name in ORDERS}
    view = View(
        "L3 and L4 beside L2 at matched strength",
        "gradient of the penalty at the start, as a share of the task's",
        "",
        arms,
        log="x",
        same=False,
        shares=True,
    )
    like = still(
        draw(found, view),
        folder,
        "orders",
        "Digits, one hidden layer of 32, 100 training samples: test accuracy, and the share of "
        "weights with a magnitude below 0.001, over strengths that pull equally hard at the "
        "start. Means and 95 % intervals over random training sets.",
        "Two panels over matched strength, a line for L1, L2, L3, L4.",
    )
    progress("timing")
    times = timing(10 if progress.quick else 30)
    view = View(
        "What a prox step costs",
        "penalty",
        "time of a prox step, L2 = 1",
        {"prox": "L2"},
        log="y",
        size=(8.5, 4.2),
    )
    cost = still(
        draw(times.assign(panel="", arm="prox", x=times["penalty"], value=times["ratio"]), view),
        folder,
        "prox-times",
        f"The prox of {WEIGHTS:,} weights on one core of this machine, in one run in which all "
        "take turns: time relative to L2's in the same round. Mean and 95 % interval over rounds. "
        "p = 1.7 and 2.5 have no closed form and are solved by Newton's method.",
        "Eleven penalties with the time of their prox relative to L2.",
    )
    numbers = {"orders": found, "prox-times": times}
    return Result([like, cost], numbers, verdicts(*statements(found, times)))


def frame(repeats: int, seed: int = 106) -> pd.DataFrame:
    """Test accuracy and near zeros at matched strengths: `panel`, `arm`, `x`, `repeat`, `value`."""
    data = handwritten()
    drawn = [digits(np.random.default_rng([seed, i]), data, SAMPLES) for i in range(repeats)]
    start = network(SIZES, seed=0)
    loss = torch.nn.functional.cross_entropy(start(drawn[0][0]), drawn[0][1])
    names = [name for name, _ in start.named_parameters()]
    slopes = torch.autograd.grad(loss, list(start.parameters()))
    task = dict(zip(names, slopes, strict=True))
    members = [(arm, x, i) for arm in ORDERS for x in SHARES for i in range(repeats)]
    networks = [Own(network(SIZES, seed=i), *drawn[i][:2]) for _, _, i in members]
    strengths = {
        (arm, x): matched(start, task, penalty, "weights", x)
        for arm, penalty in ORDERS.items()
        for x in SHARES
    }
    penalties = [ORDERS[arm].with_data(tuple(strengths[arm, x])) for arm, x, _ in members]
    blank = targets(SAMPLES, floating=False)
    ended = train(networks, penalties, torch.zeros(SAMPLES, 64), blank, RECIPE, RATE)
    rows = []
    for i in range(repeats):
        own = [k for k, member in enumerate(members) if member[2] == i]
        right = accuracy(outputs(networks[0], [ended[k] for k in own], drawn[i][2]), drawn[i][3])
        for k, value in zip(own, right, strict=True):
            arm, x, _ = members[k]
            rows.append(("test accuracy", arm, x, i, value))
            weights = [w for name, w in ended[k].state.items() if name.endswith("weight")]
            near = torch.cat([w.flatten() for w in weights]).abs() < 1e-3
            rows.append(("weights below 0.001", arm, x, i, near.double().mean().item()))
    return pd.DataFrame(rows, columns=["panel", "arm", "x", "repeat", "value"])


def timing(rounds: int) -> pd.DataFrame:
    """Seconds per prox step, and relative to L2's: `penalty`, `repeat`, `seconds`, `ratio`.

    All penalties take turns within a round, so that what else the machine does slows all alike.
    """
    v = torch.randn(WEIGHTS, generator=torch.Generator().manual_seed(7)) * 0.3
    for penalty in PROXES.values():
        penalty.prox(v, 0.1)
    rows = [
        (name, repeat, _least(lambda penalty=penalty: penalty.prox(v, 0.1)))
        for repeat in range(rounds)
        for name, penalty in PROXES.items()
    ]
    times = pd.DataFrame(rows, columns=["penalty", "repeat", "seconds"])
    two = times.loc[times["penalty"] == "L2"].set_index("repeat")["seconds"]
    return times.assign(ratio=times["seconds"] / times["repeat"].map(two))


def _least(function: Callable[[], object], tries: int = 5) -> float:
    """The least time of some tries, in seconds: what disturbs can only add."""
    times = []
    for _ in range(tries):
        start = perf_counter()
        function()
        times.append(perf_counter() - start)
    return min(times)


def _at_best(values: np.ndarray) -> np.ndarray:
    """Of (n, strengths) each repetition's value at the strength that is best in the others."""
    return values[np.arange(len(values)), others_best(-values)]


SIDES = {"accuracy": _at_best, "zeros": lambda values: values.mean(axis=1)}
NOTES = {
    "accuracy": "At the strength that the other training sets choose for each.",
    "zeros": "Mean over all strengths, matched by the gradient at the start.",
}


def statements(found: pd.DataFrame, times: pd.DataFrame) -> list[Sampled]:
    """What COURAGE says of L3 and L4."""
    grid = found.pivot_table("value", ["panel", "repeat"], ["arm", "x"])
    seconds = times.pivot_table("seconds", "repeat", "penalty")
    rows = []
    for arm in ("L3", "L4"):
        for panel, name, margin, near in (
            ("test accuracy", "accuracy", 0.01, "1 point"),
            ("weights below 0.001", "zeros", 0.05, "5 points"),
        ):
            text = f"{arm} behaves like L2: {panel}, within {near}"
            claim = Claim(
                f"orders-{arm}-{name}",
                text,
                "equal",
                panel,
                margin=margin,
                source="COURAGE",
                published="similar effects as L2",
                note=NOTES[name],
            )
            sides = [SIDES[name](grid.loc[panel][each].to_numpy()) for each in (arm, "L2")]
            rows.append(Sampled(claim, np.stack(sides), "points"))
        claim = Claim(
            f"orders-{arm}-cost",
            f"{arm} costs more than L2: a prox step takes longer",
            "ratio",
            "time of a prox step",
            above=1.0,
            source="COURAGE",
            published="computationally heavier",
        )
        sides = seconds[[arm, "L2"]].to_numpy().T * 1e6
        rows.append(Sampled(claim, sides, "µs"))
    return rows
