"""Convergence, on curves and maps for which it is known, and on wrong versions of it."""

from collections.abc import Callable
from math import inf, isnan, log, nan

import numpy as np
import pandas as pd
import pytest

from lpreg.analysis import Convergence, MapRule, Rule, loss_epochs, member_epochs, speed
from lpreg.analysis.convergence import curve_convergence, map_convergence
from tests.analysis.frames import NONE, results

Judge = Callable[..., Convergence]

EPOCHS = np.arange(0, 101)
RULES = [Rule(), Rule(tolerance=0.01), Rule(tolerance=0.2, window=1), Rule(tail=0.1, stay=0.3)]


def decay(tau: float, epochs: np.ndarray = EPOCHS) -> np.ndarray:
    return 0.3 + 2 * np.exp(-epochs / tau)


def noise(size: float, seed: int) -> np.ndarray:
    return size * np.random.default_rng(seed).normal(size=len(EPOCHS))


def an_exponential_decay_takes_tau_log_of_the_tolerance(judge: Judge):
    for rule in RULES:
        for tau in (2.0, 5.5, 8.0):
            epoch, converged = judge(EPOCHS, decay(tau), rule)
            assert converged
            assert epoch == pytest.approx(np.ceil(tau * log(1 / rule.tolerance)), abs=1)


def the_way_and_the_unit_do_not_count(judge: Judge):
    for change in (lambda v: 1e-3 * v, lambda v: 50 + v, lambda v: 7 - 3 * v):
        assert judge(EPOCHS, change(decay(6))) == judge(EPOCHS, decay(6))


def seldom_evaluations_only_make_it_coarse(judge: Judge):
    for every in (2, 5, 10):
        at = np.arange(0, 1001, every)
        assert judge(at, decay(60, at)).epoch == pytest.approx(60 * log(20), abs=every)


def uneven_evaluations_do_not_count(judge: Judge):
    at = np.concatenate([np.arange(0, 30, 3), np.arange(30, 101)])
    assert judge(at, decay(6, at)).epoch == pytest.approx(6 * log(20), abs=3)


def small_noise_moves_it_little(judge: Judge):
    found = [judge(EPOCHS, decay(8) + noise(0.02, seed)) for seed in range(20)]
    assert all(converged for _, converged in found)
    assert [epoch for epoch, _ in found] == pytest.approx([8 * log(20)] * 20, abs=5)


def a_spike_does_not_count(judge: Judge):
    spiky = decay(5)
    spiky[[40, 60, 61, 90]] += 2
    assert judge(EPOCHS, spiky) == judge(EPOCHS, decay(5))


def a_later_excursion_counts(judge: Judge):
    curve = decay(3)
    curve[30:45] += 1
    assert judge(EPOCHS, curve) == Convergence(45, True)


def what_still_moves_is_censored(judge: Judge):
    straight = 1 - EPOCHS / 100
    falls_late = np.where(EPOCHS < 75, 1.0, 0.0) + decay(5)
    overfits = decay(5) + np.maximum(0, EPOCHS - 50) / 20
    for curve in (straight, decay(50), falls_late, overfits, 1 / (1 + straight), -straight):
        assert judge(EPOCHS, curve) == Convergence(100, False)


def noise_without_a_way_is_censored(judge: Judge):
    assert all(not judge(EPOCHS, noise(1, seed)).converged for seed in range(20))


def a_constant_converged_at_once(judge: Judge):
    assert judge(EPOCHS, np.ones(101)) == Convergence(0, True)
    assert judge([0, 1], [2, 2]) == Convergence(0, True)


def one_evaluation_says_nothing(judge: Judge):
    assert judge([7], [2.5]) == Convergence(7, False)


def what_is_not_a_number_has_no_epoch(judge: Judge):
    for bad in (nan, inf):
        curve = decay(5)
        curve[50] = bad
        epoch, converged = judge(EPOCHS, curve)
        assert isnan(epoch) and not converged
    assert isnan(judge([], []).epoch)


LAWS = [
    an_exponential_decay_takes_tau_log_of_the_tolerance,
    the_way_and_the_unit_do_not_count,
    seldom_evaluations_only_make_it_coarse,
    uneven_evaluations_do_not_count,
    small_noise_moves_it_little,
    a_spike_does_not_count,
    a_later_excursion_counts,
    what_still_moves_is_censored,
    noise_without_a_way_is_censored,
    a_constant_converged_at_once,
    one_evaluation_says_nothing,
    what_is_not_a_number_has_no_epoch,
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Callable[[Judge], None]):
    law(curve_convergence)


def changed(**options: float) -> Judge:
    """The rule with other values than were asked for."""

    def judge(epochs, values, rule=None):
        rule = rule or Rule()
        return curve_convergence(epochs, values, Rule(**{**vars(rule), **options}))

    return judge


def smallest_change(epochs, values, rule=None):
    """The document's words, "minimum changes of loss"."""
    return Convergence(float(epochs[int(np.abs(np.diff(values)).argmin())]), True)


def first_entry(epochs, values, rule=None):
    values, tolerance = np.asarray(values), (rule or Rule()).tolerance
    distance = np.abs(values - values[-1])
    return Convergence(float(epochs[int((distance <= tolerance * distance[0]).argmax())]), True)


def absolute(epochs, values, rule=None):
    outside = np.flatnonzero(np.abs(values - values[-1]) > (rule or Rule()).tolerance)
    return Convergence(float(epochs[outside[-1] + 1]), True)


def counted(epochs, values, rule=None):
    """By evaluations in the place of epochs."""
    return curve_convergence(np.arange(len(values)), values, rule)


def lagging(epochs, values, rule=None):
    """Smoothed over the past."""
    values = np.asarray(values, dtype=float)
    past = [np.mean(values[max(0, i - 9) : i + 1]) for i in range(len(values))]
    return curve_convergence(epochs, past, rule)


def without_nan(epochs, values, rule=None):
    return curve_convergence(epochs, np.nan_to_num(values), rule)


def never(epochs, values, rule=None):
    return Convergence(float(epochs[-1]) if len(epochs) else nan, False)


WRONG = {
    "the rule is ignored": (
        lambda epochs, values, rule=None: curve_convergence(epochs, values),
        an_exponential_decay_takes_tau_log_of_the_tolerance,
    ),
    "smoothed over the past": (lagging, an_exponential_decay_takes_tau_log_of_the_tolerance),
    "an absolute tolerance": (absolute, the_way_and_the_unit_do_not_count),
    "counts evaluations": (counted, seldom_evaluations_only_make_it_coarse),
    "counts evaluations, uneven": (counted, uneven_evaluations_do_not_count),
    "the smallest change": (smallest_change, small_noise_moves_it_little),
    "the last value as plateau": (absolute, small_noise_moves_it_little),
    "without smoothing": (changed(window=1), a_spike_does_not_count),
    "the first entry": (first_entry, a_later_excursion_counts),
    "nothing is censored": (first_entry, what_still_moves_is_censored),
    "no time to stay": (changed(stay=0.0), what_still_moves_is_censored),
    "nothing is censored, noise": (first_entry, noise_without_a_way_is_censored),
    "no time to stay, noise": (changed(stay=0.0), noise_without_a_way_is_censored),
    "never": (never, a_constant_converged_at_once),
    "the first entry, one evaluation": (first_entry, one_evaluation_says_nothing),
    "NaN is a number": (without_nan, what_is_not_a_number_has_no_epoch),
}


@pytest.mark.parametrize(("judge", "law"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_version_is_found(judge: Judge, law: Callable[[Judge], None]):
    with pytest.raises((AssertionError, IndexError)):
        law(judge)


def test_every_law_finds_something():
    assert {law for _, law in WRONG.values()} == set(LAWS)


FIRST, LAST = np.eye(2)


def turning(tau: float, epochs: np.ndarray = EPOCHS) -> np.ndarray:
    """Maps that turn from FIRST to LAST, the angle falling exponentially."""
    angle = np.pi / 2 * np.exp(-epochs / tau)[:, None]
    return np.sin(angle) * FIRST + np.cos(angle) * LAST


@pytest.mark.parametrize("tolerance", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("tau", [2.0, 5.0, 10.0])
def test_a_map_whose_angle_falls_exponentially(tau: float, tolerance: float):
    expected = tau * log(np.pi / 2 / np.arccos(1 - tolerance))
    found = map_convergence(EPOCHS, turning(tau), MapRule(tolerance=tolerance))
    assert found.converged
    assert found.epoch == pytest.approx(np.ceil(expected), abs=1)


def test_the_scale_of_a_map_does_not_count():
    scales = np.random.default_rng(0).uniform(0.1, 10, size=(101, 1))
    assert map_convergence(EPOCHS, scales * turning(5)) == map_convergence(EPOCHS, turning(5))


MAPS = {
    "still turning": (turning(60), Convergence(100, False)),
    "turned late": (np.where(EPOCHS[:, None] < 80, FIRST, LAST), Convergence(100, False)),
    "turned at once": (np.where(EPOCHS[:, None] < 1, FIRST, LAST), Convergence(1, True)),
    "turned away and back": (
        np.where((EPOCHS[:, None] > 9) & (EPOCHS[:, None] < 20), FIRST, LAST) + 0.1 * turning(1),
        Convergence(20, True),
    ),
    "never changed": (np.ones((101, 2)), Convergence(0, True)),
    "nothing left at the end": (turning(5) * (EPOCHS < 30)[:, None], Convergence(30, True)),
    "never anything": (np.zeros((101, 2)), Convergence(0, True)),
}


@pytest.mark.parametrize(("maps", "expected"), MAPS.values(), ids=MAPS.keys())
def test_a_map(maps: np.ndarray, expected: Convergence):
    assert map_convergence(EPOCHS, maps) == expected


def test_a_map_with_nan_or_alone():
    assert isnan(map_convergence([0, 10], [[1, 2], [nan, 2]]).epoch)
    assert map_convergence([10], [[1, 2]]) == Convergence(10, False)


def members(tau: float, *, lam: float, seeds: int = 3, **more: object) -> list[dict]:
    return [{"lam": lam, "seed": seed, "tau": tau, **more} for seed in range(seeds)]


def run(rows: list[dict]) -> tuple[pd.DataFrame, pd.DataFrame]:
    frame = results(rows)
    frame["member"] = [f"m{number}" for number in range(len(frame))]
    curves = [
        pd.DataFrame({
            "member": row["member"],
            "epoch": EPOCHS,
            "train_loss": decay(row["tau"]),
            "val_loss": decay(row["tau"] / 2),
        })
        for row in frame.to_dict("records")
    ]  # fmt: skip
    return frame.drop(columns="tau"), pd.concat(curves[::-1])


def test_members_in_their_order():
    frame, curves = run([*members(10, lam=1e-3, seeds=1), *members(60, lam=1e-2, seeds=1)])
    epochs = loss_epochs(frame, curves)
    assert epochs.to_dict("list") == {
        "member": ["m0", "m1"],
        "epoch": [30, 100],
        "converged": [True, False],
    }
    assert loss_epochs(frame, curves, part="val")["epoch"].tolist() == [15, 100]
    strict = Rule(tolerance=0.01)
    assert loss_epochs(frame, curves, strict)["epoch"].tolist() == [46, 100]


def test_the_epochs_of_a_diverged_member_do_not_count():
    frame, curves = run(members(5, lam=1e-3, seeds=1, status="diverged"))
    epoch, converged = loss_epochs(frame, curves)[["epoch", "converged"]].iloc[0]
    assert isnan(epoch) and not converged


def test_a_row_per_setting():
    rows = [*members(10, **NONE), *members(10, lam=1e-3), *members(60, lam=1e-2)]
    frame, curves = run(rows)
    table = speed(frame, loss_epochs(frame, curves))
    assert table["arm"].tolist() == ["none", "L1", "L1"]
    assert table["n"].tolist() == [3, 3, 3]
    assert table["converged"].tolist() == [1, 1, 0]
    assert table["epoch"].tolist() == pytest.approx([30, 30, nan], nan_ok=True)


@pytest.mark.parametrize(
    ("found", "median"),
    [
        ([(10, True), (20, True), (90, True)], 20),
        ([(10, True), (20, True), (30, False)], 20),
        ([(10, True), (100, False), (100, False)], nan),
        ([(nan, False), (20, True), (10, True)], 20),
    ],
)
def test_the_median_takes_the_censored_for_late(found: list[tuple], median: float):
    frame, _ = run(members(10, lam=1e-3))
    epochs = member_epochs(frame, {f"m{i}": Convergence(*each) for i, each in enumerate(found)})
    table = speed(frame, epochs)
    assert table["epoch"].tolist() == pytest.approx([median], nan_ok=True)
    assert table["converged"].item() == pytest.approx(np.mean([each[1] for each in found]))


def test_members_without_maps_are_left_out():
    frame, _ = run(members(10, lam=1e-3))
    epochs = member_epochs(frame, {"m1": Convergence(10, True)})
    assert epochs["member"].tolist() == ["m1"]
    assert speed(frame, epochs)["n"].tolist() == [1]
