"""`lpreg.Regularized` in people's own loops: it behaves as the optimizer that it wraps."""

import copy
import io
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import (
    LBFGS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
    Rprop,
)
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR

import lpreg
from lpreg import L0, L1, L2, ElasticNet, Group, LInf, Lp, Norm, Regularized
from lpreg.optim import COUPLINGS
from lpreg.penalties.base import Penalty
from lpreg.views import Filters, Rows

Build = Callable[[Any], Optimizer]
BASES: dict[str, Build] = {
    "sgd": lambda parameters: SGD(parameters, lr=0.1),
    "momentum": lambda parameters: SGD(parameters, lr=0.02, momentum=0.9, nesterov=True),
    "adam": lambda parameters: Adam(parameters, lr=0.01),
    "amsgrad": lambda parameters: Adam(parameters, lr=0.01, amsgrad=True),
    "adamw": lambda parameters: AdamW(parameters, lr=0.01, weight_decay=0.0),
    "rmsprop": lambda parameters: RMSprop(parameters, lr=0.002, momentum=0.8),
    "centered": lambda parameters: RMSprop(parameters, lr=0.01, centered=True, eps=0.1),
    "adagrad": lambda parameters: Adagrad(parameters, lr=0.05, lr_decay=0.01),
    "nadam": lambda parameters: NAdam(parameters, lr=0.01),
    "radam": lambda parameters: RAdam(parameters, lr=0.01),
    "adamax": lambda parameters: Adamax(parameters, lr=0.02),
}


def net(dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """Two layers, and a third that no forward pass reaches."""
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2))
    model.append(nn.Identity())
    model[3].register_module("unused", nn.Linear(2, 2))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5, generator=generator)
    return model.to(dtype)


def batch(step: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(100 + step)
    x = torch.randn(16, 5, generator=generator)
    return x.to(dtype), torch.randn(16, 2, generator=generator).to(dtype)


def task_loss(model: nn.Module, step: int = 0) -> Tensor:
    x, y = batch(step, next(model.parameters()).dtype)
    return nn.functional.mse_loss(model(x), y)


def train(model: nn.Module, optimizer: Optimizer, steps: range) -> None:
    for step in steps:
        optimizer.zero_grad()
        task_loss(model, step).backward()
        optimizer.step()


def weights(model: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in model.parameters()]


def assert_same(ours: nn.Module, theirs: nn.Module) -> None:
    for a, b in zip(weights(ours), weights(theirs), strict=True):
        assert a.equal(b)


EACH_COUPLING = pytest.mark.parametrize("coupling", COUPLINGS)
EACH_BASE = pytest.mark.parametrize("base", BASES)


# --- the step ---


@EACH_COUPLING
@EACH_BASE
def test_strength_zero_is_the_bare_optimizer(base: str, coupling: str) -> None:
    ours, bare = net(), net()
    train(ours, Regularized(BASES[base](ours.parameters()), ours, L1(0.0), coupling), range(20))
    train(bare, BASES[base](bare.parameters()), range(20))
    for a, b in zip(weights(ours), weights(bare), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


def test_loss_is_the_penalty_in_the_loss() -> None:
    penalty = ElasticNet(0.1, 0.3)
    ours, plain = net(torch.float64), net(torch.float64)
    train(ours, Regularized(Adam(ours.parameters()), ours, penalty), range(20))
    optimizer = Adam(plain.parameters())
    for step in range(20):
        optimizer.zero_grad()
        (task_loss(plain, step) + lpreg.penalty_value(plain[:3], penalty)).backward()
        optimizer.step()
    for a, b in zip(weights(ours), weights(plain), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def soft(w: Tensor, threshold: Tensor | float) -> Tensor:
    return w.sign() * (w.abs() - threshold).clamp(min=0)


@pytest.mark.parametrize("coupling", ["decoupled", "proximal"])
def test_a_step_of_adam_is_followed_by_the_shrinkage(coupling: str) -> None:
    ours, bare = net(torch.float64), net(torch.float64)
    optimizer, plain = Adam(ours.parameters(), lr=0.01), Adam(bare.parameters(), lr=0.01)
    wrapped = Regularized(optimizer, ours, L1(0.5), coupling)
    for step in range(5):
        train(bare, plain, range(step, step + 1))
        with torch.no_grad():
            for name in ("0.weight", "2.weight"):
                w = bare.get_parameter(name)
                second = plain.state[w]["exp_avg_sq"] / (1 - 0.999 ** (step + 1))
                metric = 0.01 / (second.sqrt() + 1e-8)
                w.copy_(soft(w, 0.5 * (0.01 if coupling == "decoupled" else metric)))
        train(ours, wrapped, range(step, step + 1))
        for a, b in zip(weights(ours), weights(bare), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-12)


@EACH_COUPLING
def test_what_has_no_gradient_is_left_alone(coupling: str) -> None:
    model = net()
    untouched = model.get_parameter("3.unused.weight").detach().clone()
    train(model, Regularized(SGD(model.parameters(), 0.1), model, L1(1.0), coupling), range(3))
    assert model.get_parameter("3.unused.weight").equal(untouched)


@EACH_COUPLING
def test_the_gradient_after_a_step_is_the_task_gradient_itself(coupling: str) -> None:
    model = net()
    optimizer = Regularized(SGD(model.parameters(), 0.1), model, ElasticNet(1.0, 0.5), coupling)
    task_loss(model).backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    values = [None if gradient is None else gradient.clone() for gradient in gradients]
    optimizer.step()
    for parameter, gradient, value in zip(model.parameters(), gradients, values, strict=True):
        assert parameter.grad is gradient
        assert value is None or (gradient is not None and gradient.equal(value))


@EACH_COUPLING
def test_two_backward_passes_accumulate(coupling: str) -> None:
    twice, once = net(torch.float64), net(torch.float64)
    for model, parts in ((twice, 2), (once, 1)):
        optimizer = Regularized(Adam(model.parameters(), 0.01), model, L1(0.1), coupling)
        for _ in range(5):
            optimizer.zero_grad()
            for _ in range(parts):
                (task_loss(model) / parts).backward()
            optimizer.step()
    for a, b in zip(weights(twice), weights(once), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


def test_a_step_that_fails_leaves_the_gradient_as_it_was() -> None:
    model = net()
    optimizer = Regularized(SGD(model.parameters(), 0.1), model, L1(1.0))
    task_loss(model).backward()
    value = model.get_parameter("0.weight").grad
    optimizer.param_groups[0]["lr"] = "not a number"
    with pytest.raises(TypeError):
        optimizer.step()
    assert model.get_parameter("0.weight").grad is value


@pytest.mark.parametrize("coupling", ["decoupled", "proximal", "dual_averaging"])
@EACH_BASE
def test_weights_of_bfloat16_train_to_exact_zeros(base: str, coupling: str) -> None:
    model = net(torch.bfloat16)
    train(model, Regularized(BASES[base](model.parameters()), model, L1(2.0), coupling), range(60))
    w = model.get_parameter("0.weight")
    assert w.dtype == torch.bfloat16 and w.isfinite().all()
    assert (w == 0).any() or coupling == "decoupled"


@pytest.mark.parametrize(
    ("penalty", "zero_rows"), [(Group(0.4, Rows()), True), (LInf(0.1), False), (L0(0.05), False)]
)
def test_other_penalties_train(penalty: Penalty, zero_rows: bool) -> None:
    model = net()
    train(model, Regularized(Adam(model.parameters(), 0.01), model, penalty, "proximal"), range(90))
    dead = (model.get_parameter("0.weight") == 0).all(dim=1)
    assert dead.any() == zero_rows


@pytest.mark.parametrize("optimizer", [Adadelta, Rprop])
@pytest.mark.parametrize("coupling", ["loss", "decoupled"])
def test_any_optimizer_does_where_no_metric_is_needed(coupling: str, optimizer: type) -> None:
    model = net()
    train(model, Regularized(optimizer(model.parameters()), model, L1(0.5), coupling), range(3))


# --- closures ---


@EACH_COUPLING
@EACH_BASE
def test_a_closure_makes_the_same_step(base: str, coupling: str) -> None:
    plain, closed = net(), net()
    train(plain, Regularized(BASES[base](plain.parameters()), plain, L1(0.1), coupling), range(5))
    optimizer = Regularized(BASES[base](closed.parameters()), closed, L1(0.1), coupling)
    for step in range(5):

        def closure(step: int = step) -> Tensor:
            optimizer.zero_grad()
            loss = task_loss(closed, step)
            loss.backward()
            return loss

        expected = task_loss(closed, step).item()
        assert optimizer.step(closure).item() == expected
    assert_same(plain, closed)


def test_lbfgs_with_a_line_search_finds_ridge() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(40, k, generator=generator, dtype=torch.float64) for k in (5, 1))
    model = nn.Linear(5, 1, bias=False, dtype=torch.float64)
    nn.init.zeros_(model.weight)
    search = {"line_search_fn": "strong_wolfe", "tolerance_grad": 1e-10, "tolerance_change": 1e-14}
    base = LBFGS(model.parameters(), max_iter=100, **search)
    optimizer = Regularized(base, model, L2(0.1))

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = 0.5 * nn.functional.mse_loss(model(x), y)
        loss.backward()
        return loss

    optimizer.step(closure)
    exact = torch.linalg.solve(x.T @ x / 40 + 0.2 * torch.eye(5), x.T @ y / 40)
    torch.testing.assert_close(model.weight.detach(), exact.T, rtol=0, atol=1e-6)


# --- the face of an optimizer ---


def test_it_shares_the_face_of_the_base() -> None:
    model = net()
    base = SGD(model.parameters(), lr=0.1, momentum=0.9)
    optimizer = Regularized(base, model, L1(0.1))
    assert isinstance(optimizer, Optimizer)
    assert optimizer.param_groups is base.param_groups
    assert optimizer.state is base.state and optimizer.defaults is base.defaults
    train(model, optimizer, range(2))
    base.load_state_dict(base.state_dict())  # replaces the base's own lists
    assert optimizer.param_groups is base.param_groups and optimizer.state is base.state
    optimizer.zero_grad()
    assert all(parameter.grad is None for parameter in model.parameters())
    assert "L1(lam=0.1)" in repr(optimizer) and "momentum: 0.9" in repr(optimizer)


def test_a_bare_sgd_gets_no_empty_states() -> None:
    model = net()
    optimizer = Regularized(SGD(model.parameters(), lr=0.1), model, L1(0.1), "proximal")
    train(model, optimizer, range(2))
    assert optimizer.state_dict()["state"] == {}


@EACH_COUPLING
def test_a_scheduler_may_hold_either(coupling: str) -> None:
    models = []
    for hold in (lambda optimizer: optimizer, lambda optimizer: optimizer.base):
        model = net()
        optimizer = Regularized(Adam(model.parameters(), 0.05), model, L1(0.1), coupling)
        # From 0 and back to 0: neither the first step nor the last may divide by the rate.
        scheduler = LambdaLR(hold(optimizer), lambda step: min(step, 10 - step) / 5)
        for step in range(11):
            train(model, optimizer, range(step, step + 1))
            scheduler.step()
        models.append(model)
        assert all(parameter.isfinite().all() for parameter in model.parameters())
    assert_same(*models)


def test_step_hooks_run_once_and_see_the_task_gradient() -> None:
    model, seen = net(), []
    optimizer = Regularized(SGD(model.parameters(), 0.1), model, L1(0.1))
    optimizer.register_step_pre_hook(lambda *_: seen.append(model.get_parameter("0.weight").grad))
    optimizer.register_step_post_hook(lambda *_: seen.append("after"))
    task_loss(model).backward()
    gradient = model.get_parameter("0.weight").grad
    optimizer.step()
    assert len(seen) == 2 and seen[0] is gradient and seen[1] == "after"


def test_state_dict_hooks_run() -> None:
    model, seen = net(), []
    optimizer = Regularized(SGD(model.parameters(), 0.1), model, L1(0.1))
    optimizer.register_state_dict_pre_hook(lambda _: seen.append("saved"))
    optimizer.register_load_state_dict_post_hook(lambda _: seen.append("loaded"))
    optimizer.load_state_dict(optimizer.state_dict())
    assert seen == ["saved", "loaded"]


@EACH_COUPLING
def test_a_scaler_unscales_and_skips(coupling: str) -> None:
    scaled, plain = net(), net()
    for model, scaler in ((scaled, torch.amp.GradScaler("cpu", init_scale=2.0**10)), (plain, None)):
        optimizer = Regularized(Adam(model.parameters(), 0.01), model, L1(0.1), coupling)
        for step in range(6):
            optimizer.zero_grad()
            loss = task_loss(model, step)
            if scaler is None:
                loss.backward()
                optimizer.step() if step != 3 else None
                continue
            scaler.scale(loss).backward()
            if step == 3:
                model.get_parameter("0.bias").grad[0] = torch.inf  # pyright: ignore
            before = weights(model)
            scaler.step(optimizer)
            scaler.update()
            assert step != 3 or all(map(Tensor.equal, before, weights(model)))
    assert_same(scaled, plain)


def test_groups_added_later_are_penalised() -> None:
    model = net()
    model.get_parameter("2.weight").requires_grad_(False)
    optimizer = Regularized(SGD(model[0].parameters(), 0.1), model, L1(0.5), "proximal")
    assert list(optimizer.penalties) == ["0.weight"]
    model.get_parameter("2.weight").requires_grad_(True)
    optimizer.add_param_group({"params": model[2].parameters(), "lr": 0.2})
    assert list(optimizer.penalties) == ["0.weight", "2.weight"]
    train(model, optimizer, range(60))
    assert (model.get_parameter("2.weight") == 0).any()


def test_groups_have_their_own_rates() -> None:
    model = net(torch.float64)
    fast, slow = model.get_parameter("0.weight"), model.get_parameter("2.weight")
    base = SGD([{"params": [fast], "lr": 0.5}, {"params": [slow], "lr": 0.1}])
    optimizer = Regularized(base, model, L1(0.2), "proximal")
    before = [fast.detach().clone(), slow.detach().clone()]
    for parameter in (fast, slow):
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    torch.testing.assert_close(fast.detach(), soft(before[0], 0.1))
    torch.testing.assert_close(slow.detach(), soft(before[1], 0.02))


@EACH_COUPLING
def test_a_copy_trains_as_the_original(coupling: str) -> None:
    model = net()
    optimizer = Regularized(Adam(model.parameters(), 0.01), model, L1(0.1), coupling)
    CosineAnnealingLR(optimizer, 100)
    train(model, optimizer, range(5))
    other, copied = copy.deepcopy((model, optimizer))
    train(model, optimizer, range(5, 10))
    assert not weights(other)[0].equal(weights(model)[0])
    train(other, copied, range(5, 10))
    assert_same(model, other)


# --- saving ---


@pytest.mark.parametrize("penalty", [L1(0.1), ElasticNet(0.1, 0.4), Group(0.1, Rows())])
@EACH_COUPLING
@EACH_BASE
def test_resuming_is_not_stopping(base: str, coupling: str, penalty: Penalty) -> None:
    straight = net()
    optimizer = Regularized(BASES[base](straight.parameters()), straight, penalty, coupling)
    train(straight, optimizer, range(12))

    stopped = net()
    optimizer = Regularized(BASES[base](stopped.parameters()), stopped, penalty, coupling)
    train(stopped, optimizer, range(7))
    file = io.BytesIO()
    torch.save({"model": stopped.state_dict(), "optimizer": optimizer.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    resumed = net()
    resumed.load_state_dict(saved["model"])
    weaker = penalty.with_data((0.01, *penalty.data()[1:]))  # the saved strength is restored
    optimizer = Regularized(BASES[base](resumed.parameters()), resumed, weaker, coupling)
    optimizer.load_state_dict(saved["optimizer"])
    assert set(optimizer.penalties.values()) == {penalty}
    train(resumed, optimizer, range(7, 12))
    assert_same(straight, resumed)


def saved_by(penalty: Any = None, coupling: str = "proximal", where: Any = "weights") -> dict:
    model = net()
    return Regularized(
        SGD(model.parameters(), 0.1), model, penalty or L1(0.1), coupling, where
    ).state_dict()


STRANGERS = {
    "bare": (lambda: SGD(net().parameters(), 0.1).state_dict(), "regularized.base"),
    "coupling": (lambda: saved_by(coupling="decoupled"), "coupling 'decoupled'"),
    "penalty": (lambda: saved_by(Lp(0.1, 3)), "Lp(lam=0.0, p=3.0)"),
    "p": (lambda: saved_by(Norm(0.1, 2)), "Norm"),
    "where": (lambda: saved_by(where="first"), "'2.weight' has None there"),
}


@pytest.mark.parametrize("case", STRANGERS)
def test_a_state_of_something_else_is_refused(case: str) -> None:
    build, message = STRANGERS[case]
    model = net()
    optimizer = Regularized(SGD(model.parameters(), 0.3), model, L1(0.1), "proximal")
    with pytest.raises(ValueError) as caught:
        optimizer.load_state_dict(build())
    assert message in str(caught.value)
    assert optimizer.param_groups[0]["lr"] == 0.3


# --- strengths, mappings, values ---


def test_a_strength_may_change_on_the_way() -> None:
    model = net()
    optimizer = Regularized(SGD(model.parameters(), 0.1), model, L1(0.0), "dual_averaging")
    train(model, optimizer, range(20))
    assert not (model.get_parameter("0.weight") == 0).any()
    for name in optimizer.penalties:
        optimizer.penalties[name] = L1(10.0)
    train(model, optimizer, range(20))
    assert (model.get_parameter("0.weight") == 0).all()


@EACH_COUPLING
def test_a_mapping_gives_each_its_own(coupling: str) -> None:
    model, alone = net(), net()
    penalties = {"0.weight": L1(0.5), "*.weight": L1(0.05)}
    train(model, Regularized(SGD(model.parameters(), 0.1), model, penalties, coupling), range(9))
    optimizer = Regularized(SGD(alone.parameters(), 0.1), alone, L1(0.05), coupling)
    optimizer.penalties["0.weight"] = L1(0.5)
    train(alone, optimizer, range(9))
    assert_same(model, alone)


MODEL_WIDE = [LInf(0.3, scope="model"), Norm(0.3, 2, scope="model"), Norm(0.3, 3, scope="model")]


@pytest.mark.parametrize("penalty", [*MODEL_WIDE, L1(0.3), ElasticNet(0.3, 0.5), LInf(0.3)])
def test_the_value_is_differentiable_and_its_gradient_is_what_loss_adds(penalty: Penalty) -> None:
    model, bare = net(torch.float64), net(torch.float64)
    optimizer = Regularized(SGD(model.parameters(), 1.0), model, penalty)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    lpreg.penalty_value(bare, penalty).backward()
    for moved, still in zip(model.parameters(), bare.parameters(), strict=True):
        gradient = torch.zeros_like(still) if still.grad is None else still.grad
        torch.testing.assert_close(still.detach() - moved.detach(), gradient)


def test_scope_model_is_one_norm_over_all() -> None:
    model = net(torch.float64)
    flat = torch.cat([model.get_parameter(f"{n}.weight").flatten() for n in (0, 2, "3.unused")])
    value = lpreg.penalty_value(model, LInf(0.5, scope="model"))
    torch.testing.assert_close(value, 0.5 * flat.abs().max())
    both = {"0.weight": L1(0.5), "2.weight": L2(2.0)}
    expected = 0.5 * model.get_parameter("0.weight").abs().sum()
    expected = expected + 2.0 * model.get_parameter("2.weight").square().sum()
    torch.testing.assert_close(lpreg.penalty_value(model, both), expected)


# --- what is refused, and what is said once ---


def test_a_decay_of_the_base_is_told_once_with_the_numbers() -> None:
    model = net()
    with pytest.warns(UserWarning, match=r"weight_decay=0\.01 of AdamW.*3 .*0\.weight") as told:
        optimizer = Regularized(AdamW(model.parameters()), model, L1(0.1), "proximal")
        train(model, optimizer, range(3))
    assert len(told) == 1 and told[0].filename == __file__


def test_a_decay_of_what_is_not_penalised_is_not_told() -> None:
    model = net()
    weight, bias = model[0].weight, model[0].bias
    base = SGD([{"params": [weight]}, {"params": [bias], "weight_decay": 0.1}], lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Regularized(base, model, L1(0.1))


def build(
    optimizer: Build = lambda parameters: SGD(parameters, 0.1),
    penalty: Any = None,
    coupling: Any = "loss",
    where: Any = "weights",
) -> Regularized:
    model = net()
    return Regularized(optimizer(model.parameters()), model, penalty or L1(0.1), coupling, where)


REFUSALS: dict[str, tuple[Callable[[], object], str]] = {
    "coupling": (lambda: build(coupling="proximate"), "did you mean 'proximal'?"),
    "coupling of another kind": (lambda: build(coupling=3), "none of loss, decoupled"),
    "where": (lambda: build(where="lats"), "'last'"),
    "metric": (
        lambda: build(Adadelta, coupling="proximal"),
        "0.weight: Adadelta has no known metric",
    ),
    "uphill": (lambda: build(lambda p: Adam(p, maximize=True)), "maximize=True"),
    "no such part": (lambda: build(penalty=L2(0.1), coupling="dual_averaging"), "0.weight: "),
    "no exact prox": (
        lambda: build(penalty=Norm(0.1, 3), coupling="proximal"),
        "0.weight: ",
    ),
    "no exact prox of the sum": (
        lambda: build(penalty=Group(0.1, Rows()) + LInf(0.1), coupling="decoupled"),
        "0.weight: ",
    ),
    "no filters": (lambda: build(penalty=Group(0.1, Filters())), "0.weight: "),
    "another model": (
        lambda: Regularized(SGD(net().parameters(), 0.1), net(), L1(0.1)),
        "holds none of the penalised parameters (0.weight, 2.weight, 3.unused.weight)",
    ),
    "twice": (lambda: Regularized(build(), net(), L1(0.1)), "Regularized already"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_come_early_and_say_what_to_do(case: str) -> None:
    attempt, message = REFUSALS[case]
    with pytest.raises(ValueError) as caught:
        attempt()
    assert message in str(caught.value)


def test_swapped_arguments_are_a_type_error() -> None:
    model = net()
    with pytest.raises(TypeError, match="in this order, not Sequential and SGD"):
        Regularized(model, SGD(model.parameters(), 0.1), L1(0.1))  # pyright: ignore
    with pytest.raises(TypeError, match="float"):
        Regularized(SGD(model.parameters(), 0.1), model, 0.1)  # pyright: ignore
