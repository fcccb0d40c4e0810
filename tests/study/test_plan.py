"""The plan: every member once, alike members together, the same plan every time."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from lpreg.models import build
from lpreg.study import members, parse
from lpreg.study.network import Size, work
from lpreg.study.plan import Resources, Stack, agenda, memory, seconds, stacks, width
from tests.study.tiny import TINY

STUDY = parse(TINY)
ALL = members(STUDY)
OF = {member.id: member for member in ALL}
SIZES = {
    "digits/small": Size(444, 444, 16, 444, 64, 210),
    "digits/deep": Size(374, 360, 19, 360, 64, 210),
}
ONE = Resources()
RESOURCES = [
    Resources(workers=workers, width=width) for workers in (1, 2, 7) for width in (None, 3)
]


@pytest.mark.parametrize("resources", RESOURCES, ids=str)
def test_every_member_is_planned_once_among_its_like(resources: Resources):
    planned = stacks(ALL, SIZES, resources)
    assert sorted(id for stack in planned for id in stack.members) == sorted(OF)
    for stack in planned:
        assert len({OF[id].stackable() for id in stack.members}) == 1
        assert len(stack.members) <= (resources.width or 80)


@pytest.mark.parametrize("resources", RESOURCES, ids=str)
def test_a_plan_is_a_function_of_what_is_asked(resources: Resources):
    again = members(parse(TINY))
    assert stacks(ALL, SIZES, resources) == stacks(again, SIZES, resources)
    assert [s.id for s in stacks(ALL, SIZES, resources)] == [
        s.id for s in stacks(again, SIZES, resources)
    ]


def test_the_longest_stack_comes_first_and_none_outlasts_a_workers_share():
    wide = members(parse(TINY.replace("seeds = 2", "seeds = 40")))
    of = {member.id: member for member in wide}
    planned = stacks(wide, SIZES, Resources(workers=3))
    costs = [seconds([of[id] for id in stack.members], SIZES) for stack in planned]
    assert all(a >= b for a, b in pairwise(costs))
    assert costs[0] <= 1.3 * sum(costs) / 3


def test_dropout_is_no_other_network_unless_it_is_somebodys_own():
    rates = [{OF[id].arm.dropout for id in stack.members} for stack in stacks(ALL, SIZES, ONE)]
    assert {0.0, 0.3} in rates
    member = next(member for member in ALL if member.arm.dropout)
    without = replace(member, arm=member.arm.model_copy(update={"dropout": 0.0}))
    assert member.stackable() == without.stackable()
    own = member.model.model_copy(update={"kind": "mine:network"})
    assert replace(member, model=own).stackable() != replace(without, model=own).stackable()


def test_larger_networks_and_larger_batches_make_narrower_stacks():
    sizes = [Size(n, n, 200, n, 64, 1797) for n in (1_000, 300_000, 10_000_000)]
    assert [width(size, 64, "cpu") for size in sizes] == [80, 4, 1]
    assert width(sizes[0], 719, "cpu") < 80
    assert width(sizes[1], 64, "cuda") > 4


def test_convolutions_are_alone():
    filters = Size(9_000, 8_900, 10_000, 900_000, 3072, 1797)
    assert width(filters, 64, "cpu") == width(filters, 64, "cuda") == 1


def test_memory_does_not_grow_with_the_samples_for_ever():
    few, many = (Size(10**7, 10**7, 10**5, 10**8, 12288, n) for n in (1_000, 10**6))
    assert memory(few, 100, 1) == memory(many, 100, 1) < 2**30


IMAGE, TWO_HUNDRED = {"inputs": [3, 64, 64]}, {"outputs": 200}
MEASURED = {
    "mlp": ({"inputs": [1, 28, 28], "outputs": 10, "hidden": [100, 100]}, 256, 0.0031),
    "initial_cnn": (IMAGE | TWO_HUNDRED, 100, 0.280),
    "new_cnn": (IMAGE | TWO_HUNDRED, 100, 0.155),
    "resnet18": (IMAGE | TWO_HUNDRED, 100, 1.6),
}
"""Options, batch size, and seconds per step alone by `benchmarks/bench_studies.py --threads 1`."""


@pytest.mark.parametrize("kind", MEASURED)
def test_the_estimate_is_within_a_factor_of_two(kind: str):
    options, batch_size, measured = MEASURED[kind]
    model = build(kind, torch.Generator().manual_seed(0), **options)
    parameters = sum(p.numel() for p in model.parameters())
    units, products = work(model, torch.zeros(1, *options["inputs"]))
    size = Size(parameters, parameters, units, products, inputs=1, samples=0)
    recipe = ALL[0].recipe.model_copy(update={"batch_size": batch_size})
    member = replace(ALL[0], recipe=recipe)
    per_step = seconds([member], {"digits/small": size}) / member.steps
    assert 0.5 < per_step / measured < 2


def planned() -> list[Stack]:
    return stacks(ALL, SIZES, Resources(width=3))


def finished(plan: list[Stack]) -> dict[str, tuple[str, ...]]:
    return {stack.id: stack.members for stack in plan}


def test_nothing_is_left_when_all_is_finished():
    plan = planned()
    work = agenda(ALL, plan, finished(plan), SIZES, Resources())
    assert work.todo == []
    assert work.plan == plan


@pytest.mark.parametrize("done", [0, 1, 4])
def test_a_resumed_run_repeats_the_stacks_as_they_were_planned(done: int):
    plan = planned()
    work = agenda(ALL, plan, finished(plan[:done]), SIZES, Resources(workers=2))
    assert {stack.id for stack in work.todo} == {stack.id for stack in plan[done:]}
    assert {stack.id for stack in work.plan} == {stack.id for stack in plan}


def test_a_part_dissolves_the_stacks_that_it_cuts_and_leaves_the_others_for_later():
    plan = planned()
    wanted = [m for m in ALL if m.model.name == "small" and m.seed == 0]
    work = agenda(wanted, plan, {}, SIZES, Resources())
    trained = sorted(id for stack in work.todo for id in stack.members)
    assert trained == sorted(m.id for m in wanted)
    kept = {stack.id for stack in work.plan} & {stack.id for stack in plan}
    asked = set(trained)
    assert kept >= {stack.id for stack in plan if asked.isdisjoint(stack.members)}
    rest = agenda(ALL, work.plan, finished(work.todo), SIZES, Resources())
    assert sorted(trained + [id for stack in rest.todo for id in stack.members]) == sorted(OF)


def test_what_is_stored_is_not_planned_again_when_the_plan_is_lost():
    assert agenda(ALL, [], finished(planned()), SIZES, Resources()).todo == []


def test_more_seeds_are_planned_beside_what_there_is():
    plan = planned()
    more = members(parse(TINY.replace("seeds = 2", "seeds = 3")))
    work = agenda(more, plan, finished(plan), SIZES, Resources())
    assert sorted(id for stack in work.todo for id in stack.members) == sorted(
        member.id for member in more if member.seed == 2
    )
