"""What people do in their loops, with the wrapper as with the bare optimizer."""

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn
from torch.optim import SGD, Adagrad, Adam, AdamW, NAdam, Optimizer, RMSprop, lr_scheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lpreg import L1, ElasticNet, Regularized

from . import work
from .cases import (
    EACH_COUPLING,
    assert_close,
    assert_same,
    batch,
    first,
    net,
    task_loss,
    train,
    zeros,
)

each_coupling = pytest.mark.parametrize("coupling", EACH_COUPLING)


def wrap(
    model: nn.Module,
    coupling: str = "proximal",
    base: Callable[..., Optimizer] = Adam,
    lr: float | Tensor = 0.02,
    lam: float = 0.1,
    **options: Any,
) -> Regularized:
    return Regularized(base(model.parameters(), lr=lr, **options), model, L1(lam), coupling)


# --- gradients ---


@each_coupling
def test_micro_batches_are_one_big_batch(coupling: str) -> None:
    parted, whole = net(), net()
    optimizer = wrap(parted, coupling)
    for number in range(6):
        optimizer.zero_grad()
        for part in range(4):
            (task_loss(parted, number, slice(4 * part, 4 * part + 4)) / 4).backward()
        optimizer.step()
    assert_close(parted, train(whole, wrap(whole, coupling), range(6)))


@pytest.mark.parametrize("coupling", ["loss", "proximal"])
def test_clipping_clips_the_task_gradient(coupling: str) -> None:
    model, lr, lam = net(), 0.1, 0.3
    before = first(model).detach().clone()
    optimizer = wrap(model, coupling, SGD, lr, lam)
    task_loss(model).backward()
    length = nn.utils.clip_grad_norm_(model.parameters(), 0.01)
    assert length > 0.01
    gradient = first(model).grad
    assert gradient is not None
    optimizer.step()
    if coupling == "loss":
        expected = before - lr * (gradient + lam * before.sign())
    else:
        moved = before - lr * gradient
        expected = moved.sign() * (moved.abs() - lr * lam).clamp(min=0)
    torch.testing.assert_close(first(model).detach(), expected)


@each_coupling
def test_zeroing_gradients_in_place_is_the_same(coupling: str) -> None:
    dropped, kept = net(), net()
    train(dropped, wrap(dropped, coupling), range(5))
    optimizer = wrap(kept, coupling)
    for number in range(5):
        held = first(kept).grad
        optimizer.zero_grad(set_to_none=False)
        assert first(kept).grad is held and (held is None or not held.any())
        task_loss(kept, number).backward()
        optimizer.step()
    assert_same(dropped, kept)


def test_tied_weights_are_shrunk_once() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.down = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
            self.down.weight = self.up.weight

    model = Tied()
    optimizer = wrap(model, base=SGD, lr=0.1, lam=0.2)
    assert list(optimizer.penalties) == ["up.weight"]
    before = model.up.weight.detach().clone()
    model.up.weight.grad = torch.zeros(3, 3)
    optimizer.step()
    expected = before.sign() * (before.abs() - 0.1 * 0.2).clamp(min=0)
    torch.testing.assert_close(model.down.weight.detach(), expected)


def test_weights_frozen_on_the_way_stay() -> None:
    model = net()
    optimizer = wrap(model)
    train(model, optimizer, range(2))
    first(model).requires_grad_(False)
    other = model.get_parameter("2.weight").detach().clone()
    still = first(model).clone()
    train(model, optimizer, range(2, 5))
    assert first(model).equal(still) and not model.get_parameter("2.weight").equal(other)


# --- learning rates and kinds of step ---

SCHEDULERS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "sequential": (
        Adam,
        lambda held: lr_scheduler.SequentialLR(
            held,
            [lr_scheduler.LinearLR(held, 0.1, 1.0, 3), lr_scheduler.CosineAnnealingLR(held, 5)],
            milestones=[3],
        ),
    ),
    "one cycle, betas": (Adam, lambda held: lr_scheduler.OneCycleLR(held, 0.1, total_steps=8)),
    "one cycle, momentum": (
        lambda parameters, lr: SGD(parameters, lr, momentum=0.9),
        lambda held: lr_scheduler.OneCycleLR(held, 0.1, total_steps=8),
    ),
    "warm restarts": (NAdam, lambda held: lr_scheduler.CosineAnnealingWarmRestarts(held, 3)),
    "plateau": (RMSprop, lambda held: lr_scheduler.ReduceLROnPlateau(held, patience=0)),
}


@pytest.mark.parametrize("case", SCHEDULERS)
def test_schedulers_of_torch_may_hold_either(case: str) -> None:
    base, scheduler_of = SCHEDULERS[case]
    ends, rates = [], []
    for of_base in (False, True):
        model = net()
        optimizer = wrap(model, base=base)
        scheduler = scheduler_of(optimizer.base if of_base else optimizer)
        for number in range(8):
            train(model, optimizer, [number])
            scheduler.step(*[1.0] * (case == "plateau"))
            rates.append(optimizer.param_groups[0]["lr"])
        ends.append(model)
    assert_same(*ends)
    assert len(set(rates)) > 2 and zeros(ends[0]) > 0


VARIANTS: dict[str, tuple[Any, tuple[Mapping[str, Any], ...]]] = {
    "sgd": (SGD, ({"momentum": 0.9}, {"momentum": 0.9, "foreach": True}, {"fused": True})),
    "adam": (Adam, ({}, {"foreach": True}, {"fused": True}, {"lr": torch.tensor(0.02)})),
    "adamw": (AdamW, ({"weight_decay": 0.0}, {"weight_decay": 0.0, "fused": True})),
    "rmsprop": (RMSprop, ({}, {"foreach": True})),
    "adagrad": (Adagrad, ({}, {"foreach": True}, {"fused": True})),
    "nadam": (NAdam, ({}, {"foreach": True})),
}


@pytest.mark.parametrize("coupling", ["decoupled", "proximal", "dual_averaging"])
@pytest.mark.parametrize("kind", VARIANTS)
def test_each_implementation_of_an_optimizer_makes_the_same_steps(kind: str, coupling: str) -> None:
    base, variants = VARIANTS[kind]
    ends = []
    for options in variants:
        if kind == "sgd":
            options = {"momentum": 0.9, **options}
        model = net()
        ends.append(train(model, wrap(model, coupling, base, **{"lr": 0.02, **options}), range(6)))
    for end in ends[1:]:
        assert_close(ends[0], end, tolerance=1e-7)  # a rate that is a tensor is a float32


@pytest.mark.parametrize("coupling", ["proximal", "dual_averaging"])
@pytest.mark.parametrize("fused", [False, True])
def test_bfloat16_weights_that_are_zero_are_so_exactly(coupling: str, fused: bool) -> None:
    model = net(torch.bfloat16)
    optimizer = wrap(model, coupling, fused=fused, lam=0.3)
    x, y = (tensor.bfloat16() for tensor in batch(0))
    for _ in range(40):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
    assert first(model).dtype == torch.bfloat16 and first(model).isfinite().all()
    assert 0 < zeros(model) < 40
    assert not ((first(model) != 0) & (first(model).abs() < 1e-6)).any()


def test_complex_weights_are_refused() -> None:
    model = nn.Linear(2, 2, dtype=torch.complex64)
    with pytest.raises(ValueError, match=r"weight: .*complex"):
        wrap(model)


# --- averages of the weights ---


def test_an_average_loses_the_zeros_and_may_take_those_of_the_weights() -> None:
    model = net()
    optimizer = wrap(model, lam=0.3)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    train(model, optimizer, range(40), after=lambda: average.update_parameters(model))
    assert zeros(average) < zeros(model) // 2
    with torch.no_grad():
        for mean, weight in zip(average.module.parameters(), model.parameters(), strict=True):
            mean.mul_(weight != 0)
    assert zeros(average) == zeros(model)


def test_an_average_that_starts_when_zeros_are_held_has_all_of_them() -> None:
    model = net()
    optimizer = wrap(model, lam=0.3)
    train(model, optimizer, range(30))
    optimizer.hold()
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    train(model, optimizer, range(30, 40), after=lambda: average.update_parameters(model))
    assert zeros(average) == zeros(model) > 5


# --- wrapped models ---


@pytest.mark.skipif(
    shutil.which("c++") is None or sys.platform == "win32", reason="no C++ compiler is at hand"
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_model_trains_as_the_eager_one() -> None:
    eager, bare = net(), net()
    model: Any = torch.compile(bare)
    optimizer = wrap(model)
    assert list(optimizer.penalties) == ["0.weight", "2.weight"]
    train(model, optimizer, range(8))
    plain = wrap(eager)
    train(eager, plain, range(8))
    assert zeros(bare) > 0
    assert_close(bare, eager)

    other = net()  # a state saved by the one loads into the other, and goes on as it would have
    resumed = wrap(other)
    other.load_state_dict(bare.state_dict())
    resumed.load_state_dict(optimizer.state_dict())
    assert_close(train(other, resumed, range(8, 12)), train(eager, plain, range(8, 12)))
    optimizer.load_state_dict(resumed.state_dict())


def test_a_compiled_step_is_the_eager_one() -> None:
    ends = []
    for compiled in (False, True):
        model = net()
        optimizer = wrap(model)
        step = torch.compile(optimizer.step, backend="eager") if compiled else optimizer.step
        for number in range(5):
            optimizer.zero_grad()
            task_loss(model, number).backward()
            step()
        ends.append(model)
    assert_close(*ends, tolerance=1e-5)  # compiled, Adam counts in float32


def test_two_processes_are_one(tmp_path: Path) -> None:
    spawn(work.train_half, args=(str(tmp_path),), nprocs=work.WORLD)
    halves = [torch.load(tmp_path / f"{rank}.pt") for rank in range(work.WORLD)]
    for coupling in work.COUPLINGS:
        model = net()
        train(model, wrap(model, coupling), range(6))
        (weights, state), (others, _) = (half[coupling] for half in halves)
        for name, tensor in model.state_dict().items():
            assert weights[name].equal(others[name])
            torch.testing.assert_close(weights[name], tensor, rtol=1e-12, atol=1e-12)
            assert (weights[name] == 0).equal(tensor == 0)
        fresh = net()
        wrap(fresh, coupling).load_state_dict(state)  # of DDP, into a bare model


def test_a_penalty_of_every_kind_reports_the_decay_of_the_base_once() -> None:
    model = net()
    with pytest.warns(UserWarning, match=r"weight_decay=0\.1 of Adagrad also shrinks 2") as told:
        base = Adagrad(model.parameters(), lr=0.01, weight_decay=0.1)
        optimizer = Regularized(base, model, ElasticNet(0.1, 0.5), "proximal")
        train(model, optimizer, range(3))
        optimizer.load_state_dict(optimizer.state_dict())
    assert len(told) == 1
