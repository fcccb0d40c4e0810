"""Strengths that change on the way: `scale`, and functions of the number of steps."""

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam

from lpreg import L1, L2, ElasticNet, Ramp, Regularized
from lpreg.penalties.base import Penalty

from .cases import EACH_COUPLING, assert_close, assert_same, net, train


def wrap(model: nn.Module, penalty: Any, coupling: str = "proximal", **options: Any) -> Regularized:
    return Regularized(Adam(model.parameters(), lr=0.01), model, penalty, coupling, **options)


@pytest.mark.parametrize("coupling", EACH_COUPLING)
def test_a_schedule_is_the_strengths_replaced_by_hand(coupling: str) -> None:
    def schedule(count: int) -> float:
        return (0.0, 1.0, 0.5)[count % 3]

    model, plain = net(), net()
    train(model, wrap(model, L1(0.4), coupling, schedule=schedule), range(7))
    optimizer = wrap(plain, L1(0.4), coupling)
    for step in range(7):
        for name in optimizer.penalties:
            optimizer.penalties[name] = L1(0.4 * schedule(step))
        train(plain, optimizer, [step])
    assert_same(model, plain)


@pytest.mark.parametrize(
    ("penalty", "twice"),
    [
        (L1(0.2), L1(0.4)),
        (ElasticNet(0.2, 0.7), ElasticNet(0.4, 0.7)),
        (L1(0.1) + L2(0.3), L1(0.2) + L2(0.6)),
    ],
    ids=repr,
)
def test_scale_multiplies_every_strength_and_nothing_else(penalty: Penalty, twice: Penalty) -> None:
    model, plain = net(), net()
    optimizer = wrap(model, penalty)
    optimizer.scale = 2.0
    assert_same(train(model, optimizer, range(4)), train(plain, wrap(plain, twice), range(4)))


def test_a_mapping_scales_tensor_by_tensor_on_top_of_the_schedule() -> None:
    model, plain = net(), net()
    optimizer = wrap(model, L1(0.1), schedule=lambda count: 2.0)
    optimizer.scale = {"0.weight": 3.0}
    other = wrap(plain, {"0.weight": L1(0.6), "2.weight": L1(0.2)})
    assert_close(train(model, optimizer, range(4)), train(plain, other, range(4)))


@pytest.mark.parametrize("coupling", EACH_COUPLING)
def test_a_run_resumed_in_the_middle_of_a_ramp_continues_bit_for_bit(coupling: str) -> None:
    ramp = Ramp(8, start=2, power=3)
    straight, stopped, resumed = net(), net(), net()
    optimizer = wrap(straight, L1(0.3), coupling, schedule=ramp)
    optimizer.scale = {"0.weight": 0.5}
    train(straight, optimizer, range(12))

    optimizer = wrap(stopped, L1(0.3), coupling, schedule=ramp)
    optimizer.scale = {"0.weight": 0.5}
    train(stopped, optimizer, range(5))
    other = wrap(resumed, L1(0.1), coupling, schedule=ramp)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    resumed.load_state_dict(stopped.state_dict())
    assert_same(straight, train(resumed, other, range(5, 12)))


def test_a_copy_keeps_scale_schedule_and_count() -> None:
    model = net()
    optimizer = wrap(model, L1(0.3), schedule=Ramp(8))
    optimizer.scale = 0.5
    train(model, optimizer, range(3))
    for again in (copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))):
        other, copied = again((model, optimizer))
        twin, wrapped = copy.deepcopy((model, optimizer))
        assert_same(train(other, copied, range(3, 9)), train(twin, wrapped, range(3, 9)))
        assert copied.count == 9 and copied.scale == 0.5


def test_a_state_from_before_there_was_a_scale_loads() -> None:
    model = net()
    optimizer = wrap(model, L1(0.3))
    saved = optimizer.state_dict()
    del saved["lpreg"]["scale"], saved["lpreg"]["count"]
    optimizer.scale, optimizer.count = 2.0, 3
    optimizer.load_state_dict(saved)
    assert optimizer.scale == 1.0 and optimizer.count == 0


def test_what_is_skipped_is_not_counted() -> None:
    model = net(torch.float32)
    optimizer = wrap(model, L1(0.3), schedule=Ramp(8))
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    for inf in (False, True, False):
        optimizer.zero_grad()
        scaler.scale(model(torch.ones(1, 6)).sum() * (torch.inf if inf else 1.0)).backward()
        scaler.step(optimizer)
        scaler.update()
    assert optimizer.count == 2


def test_the_ramp_is_the_one_of_its_formula() -> None:
    assert [Ramp(4, start=1)(count) for count in range(7)] == [0, 0, 0.25, 0.5, 0.75, 1, 1]
    assert Ramp(2, power=3)(1) == 1 - 0.5**3


@pytest.mark.parametrize(
    "options", [{"over": 0}, {"over": 1, "start": -1}, {"over": 1, "power": 0}]
)
def test_ramps_that_are_none_are_refused(options: dict) -> None:
    with pytest.raises(ValueError, match="over > 0, start >= 0 and power > 0"):
        Ramp(**options)


@pytest.mark.parametrize("factor", [-1.0, torch.inf, torch.nan])
def test_a_factor_that_is_no_strength_is_refused_at_once(factor: float) -> None:
    model = net()
    with pytest.raises(ValueError, match=r"schedule\(0\) is .*finite number >= 0"):
        wrap(model, L1(0.3), schedule=lambda count: factor)


def test_under_a_line_search_the_loss_is_told_with_the_scaled_penalty() -> None:
    model, told = net(), []

    class Asks(SGD):
        def step(self, closure: Any = None) -> Any:
            told.append(closure())

    optimizer = Regularized(Asks(model.parameters(), 0.1), model, L1(0.3), schedule=Ramp(4))
    optimizer.scale = 2.0
    optimizer.count = 1

    def closure() -> torch.Tensor:
        return torch.zeros((), dtype=torch.float64)

    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step(closure)
    weight = sum(float(p.detach().abs().sum()) for p in model.parameters() if p.dim() == 2)
    assert float(told[0]) == pytest.approx(0.3 * 2.0 * 0.25 * weight)
