"""How long a study takes: measured on its first steps, and added up."""

from dataclasses import replace

import pytest

from lpreg.study import StudyError, members, parse
from lpreg.study.member import Member
from lpreg.study.plan import Resources
from lpreg.study.timing import Cost, Estimate, estimate
from tests.study.tiny import TINY


def silent(text: str) -> None:
    pass


def stack(epochs: int, *changes: tuple[str, str]) -> list[Member]:
    """The small networks of one seed without dropout."""
    text = TINY.replace("epochs = 4", f"epochs = {epochs}")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    found = members(parse(text), ["modern"])
    return [m for m in found if (m.model.name, m.seed, m.arm.dropout) == ("small", 0, 0.0)]


def test_a_stack_costs_its_steps_and_evaluations():
    cost = Cost(setup=100.0, step=1.0, evaluation=10.0)
    assert cost.of(stack(4)[0]) == 100 + 4 * 4 + 10 * (1 + 2)
    assert cost.of(stack(5)[0]) == 100 + 5 * 4 + 10 * (1 + 3)


def test_workers_take_the_next_stack_when_they_are_free():
    assert Estimate(1.0, [5.0, 4.0, 3.0, 2.0]).whole(1) == 15
    assert Estimate(1.0, [5.0, 4.0, 3.0, 2.0]).whole(2) == 1 + 7
    assert Estimate(1.0, [5.0, 1.0]).whole(9) == 6
    assert Estimate(1.0, []).whole(2) == 0


def test_ten_times_the_epochs_take_ten_times_as_long():
    short, long = stack(200), stack(2000)
    cost = estimate([short, long, short], Resources(), silent)
    a, b, again = cost.stacks
    assert 4 < b / a < 25
    assert 0.4 < again / a < 2.5
    assert cost.start >= 0


def test_a_stack_with_what_costs_is_measured_by_itself():
    slow = ('penalty = { kind = "L1", lam = [1e-4, 1e-3, 1e-2] }', 'penalty = { kind = "Norm", '
            'p = inf, lam = [1e-4, 1e-3, 1e-2] }')  # fmt: skip
    of = {each: stack(500, *changes) for each, changes in (("L1", ()), ("Norm", (slow,)))}
    alone = {k: [m for m in v if m.arm.name == "L1-proximal"] for k, v in of.items()}
    cost = estimate([alone["L1"], alone["Norm"]], Resources(), silent)
    assert cost.stacks[1] > 1.1 * cost.stacks[0]


def test_strengths_that_are_not_measured_yet_are_no_obstacle():
    share = ("lam = [1e-4, 1e-3, 1e-2]", 'lam = { match = "gradient-share", share = 0.1 }')
    found = [m for m in stack(1, share) if m.asks_share]
    assert all(replace(m, measured=None).lam is None for m in found)
    assert estimate([found], Resources(), silent).stacks[0] > 0


def test_what_cannot_be_trained_is_said():
    broken = [replace(m, measured=None) for m in stack(1)]
    bad = [replace(m, recipe=m.recipe.model_copy(update={"loss": "mse"})) for m in broken]
    with pytest.raises(StudyError, match=r"model 'small'.*cannot be trained"):
        estimate([bad], Resources(), silent)
