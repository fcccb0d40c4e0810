"""The four couplings and the metric, as pure functions of one tensor."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import (
    ASGD,
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
    SparseAdam,
)

from lpreg import L0, L1, L2, ElasticNet, Group, LInf, Lp, Norm
from lpreg.optim import COUPLINGS, metric
from lpreg.penalties.base import Penalty
from lpreg.views import Rows

F64 = torch.float64

# --- the metric: the step that a constant gradient takes in the long run ---

BASES: dict[str, tuple[type[Optimizer], dict[str, Any]]] = {
    "sgd": (SGD, {}),
    "sgd, dampening ignored": (SGD, {"dampening": 0.5}),
    "momentum": (SGD, {"momentum": 0.9}),
    "dampening": (SGD, {"momentum": 0.8, "dampening": 0.3}),
    "nesterov": (SGD, {"momentum": 0.9, "nesterov": True}),
    "adam": (Adam, {}),
    "adam, large eps": (Adam, {"eps": 0.1, "betas": (0.8, 0.95)}),
    "amsgrad": (Adam, {"amsgrad": True, "betas": (0.9, 0.95)}),
    "adamw": (AdamW, {"weight_decay": 0.0}),
    "adamw, amsgrad": (AdamW, {"weight_decay": 0.0, "amsgrad": True, "foreach": True}),
    "adamw, fused": (AdamW, {"weight_decay": 0.0, "fused": True}),
    "rmsprop": (RMSprop, {}),
    "rmsprop, momentum": (RMSprop, {"alpha": 0.9, "momentum": 0.7}),
    "rmsprop, centered": (RMSprop, {"centered": True, "eps": 0.1}),
    "rmsprop, foreach": (RMSprop, {"alpha": 0.9, "momentum": 0.7, "foreach": True}),
    "adagrad": (Adagrad, {}),
    "adagrad, decay": (Adagrad, {"lr_decay": 0.01, "initial_accumulator_value": 0.5}),
    "adagrad, fused": (Adagrad, {"lr_decay": 0.01, "fused": True}),
    "nadam": (NAdam, {}),
    "nadam, decay": (NAdam, {"momentum_decay": 0.1, "foreach": True}),
    "radam": (RAdam, {}),
    "radam, soon": (RAdam, {"betas": (0.8, 0.9), "eps": 0.1, "foreach": True}),
    "adamax": (Adamax, {}),
    "adamax, large eps": (Adamax, {"eps": 0.1, "foreach": True}),
}
Metric = Callable[[type[Optimizer], Mapping[str, Any], Mapping[str, Any]], float | Tensor]


def long_run(case: str, asked: Metric, burst: float, steps: int) -> tuple[Tensor, Tensor]:
    """The last move under a gradient that is constant after a burst, and what `asked` predicts."""
    kind, options = BASES[case]
    w = torch.zeros(3, dtype=F64, requires_grad=True)
    optimizer = kind([w], lr=0.01, **options)  # pyright: ignore[reportCallIssue]
    constant = torch.tensor([1.0, -0.3, 1e-6], dtype=F64)
    before = w.detach().clone()
    for step in range(steps):
        w.grad = constant * (burst if step < 3 else 1.0)
        before = w.detach().clone()
        optimizer.step()
    step_size = asked(kind, optimizer.param_groups[0], optimizer.state.get(w, {}))
    return w.detach() - before, -step_size * constant


@pytest.mark.parametrize("burst", [1.0, 20.0])
@pytest.mark.parametrize("case", BASES)
def test_the_metric_is_the_step_of_a_lasting_gradient(case: str, burst: float) -> None:
    moved, predicted = long_run(case, metric, burst, steps=400)
    torch.testing.assert_close(moved, predicted, rtol=1e-8, atol=0)


@pytest.mark.parametrize("steps", [1, 2, 5, 6, 30])
@pytest.mark.parametrize(
    "case", [case for case, (kind, options) in BASES.items() if "momentum" not in options]
)
def test_it_is_the_step_of_a_gradient_constant_from_the_start(case: str, steps: int) -> None:
    """Whatever of momentum is corrected for its start: rectification and NAdam's mix included."""
    moved, predicted = long_run(case, metric, burst=1.0, steps=steps)
    torch.testing.assert_close(moved, predicted, rtol=1e-6, atol=0)


def bare_lr(kind: Any, group: Mapping[str, Any], state: Mapping[str, Any]) -> float:
    return group["lr"]


def without_correction(kind: Any, group: Mapping[str, Any], state: Mapping[str, Any]) -> Tensor:
    return group["lr"] / (state["exp_avg_sq"].sqrt() + group["eps"])


def with_correction(kind: Any, group: Mapping[str, Any], state: Mapping[str, Any]) -> Tensor:
    second = state["exp_avg_sq"] if "exp_avg_sq" in state else state["square_avg"]
    return group["lr"] / ((second / (1 - 0.999 ** state["step"])).sqrt() + group["eps"])


def without_maximum(kind: Any, group: Mapping[str, Any], state: Mapping[str, Any]) -> Any:
    return metric(kind, {**group, "amsgrad": False}, state)


@pytest.mark.parametrize(
    ("case", "wrong"),
    [
        ("momentum", bare_lr),
        ("nesterov", bare_lr),
        ("dampening", bare_lr),
        ("adam", bare_lr),
        ("adam", without_correction),
        ("amsgrad", without_maximum),
        ("rmsprop", bare_lr),
        ("rmsprop", with_correction),
        ("radam", with_correction),
        *[(case, bare_lr) for case in ("adagrad", "nadam", "radam", "adamax")],
    ],
)
def test_wrong_metrics_are_found_out(case: str, wrong: Metric) -> None:
    moved, predicted = long_run(case, wrong, burst=20.0, steps=400)
    assert (moved / predicted - 1).abs().max() > 0.05


@pytest.mark.parametrize("case", [case for case in BASES if BASES[case][0] is not SGD])
def test_the_metric_of_a_slice_is_the_slice_of_the_metric(case: str) -> None:
    kind, options = BASES[case]
    w = torch.zeros(4, 2, 3, requires_grad=True)
    optimizer = kind([w], lr=0.01, **options)  # pyright: ignore[reportCallIssue]
    w.grad = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(0))
    optimizer.step()
    state, group = optimizer.state[w], optimizer.param_groups[0]
    rates = torch.tensor([0.1, 0.2, 0.3, 0.4])
    stacked = metric(kind, {**group, "lr": rates.view(4, 1, 1)}, state)
    for member in range(4):
        sliced = {key: v[member] if v.ndim else v for key, v in state.items()}
        alone = metric(kind, {**group, "lr": rates[member]}, sliced)
        torch.testing.assert_close(torch.as_tensor(stacked)[member], alone, rtol=1e-6, atol=0)


class OwnAdam(Adam):
    """A subclass may step otherwise than its parent."""


class Own(Optimizer):
    """Of somebody."""


UNFIT = {
    LBFGS: "it steps along a mix of all entries",
    Rprop: "it follows the sign of the gradient",
    Adadelta: "its own past moves",
    ASGD: "it shrinks the weights by itself",
    SparseAdam: "it moves only the entries of a sparse gradient",
    OwnAdam: r"METRICS\[OwnAdam\] = lpreg.optim.METRICS\[Adam\]",
    Own: "lpreg does not know how it steps",
}


@pytest.mark.parametrize("kind", UNFIT, ids=lambda kind: kind.__name__)
def test_other_optimizers_are_refused_by_name_with_the_reason(kind: type[Optimizer]) -> None:
    with pytest.raises(ValueError, match=f"{kind.__name__} has no known metric: .*{UNFIT[kind]}"):
        metric(kind, {"lr": 0.1}, {})
    with pytest.raises(ValueError, match="one of SGD, Adam, AdamW, RMSprop, Adagrad, NAdam, RAdam"):
        metric(kind, {"lr": 0.1}, {})


def test_uphill_has_no_metric() -> None:
    with pytest.raises(ValueError, match="maximize=True"):
        metric(SGD, {"lr": 0.1, "momentum": 0.0, "maximize": True}, {})


# --- the couplings ---

HOMOGENEOUS = {
    "L1": L1(0.3),
    "Norm1": Norm(0.3, 1),
    "Norm2": Norm(0.8, 2),
    "LInf": LInf(0.9),
    "Group": Group(0.4, Rows()),
    "ElasticNet": ElasticNet(0.5, 0.6),
    "L1+L2": L1(0.3) + L2(0.2),
}
SEPARATE = {"L0": L0(0.1), "L2": L2(0.3), "Lhalf": Lp(0.2, 0.5), "L3": Lp(0.2, 3)}
CASES = [
    *[(name, coupling) for name in HOMOGENEOUS for coupling in COUPLINGS],
    *[(name, coupling) for name in SEPARATE for coupling in COUPLINGS if "dual" not in coupling],
]


def named(name: str) -> Penalty:
    return {**HOMOGENEOUS, **SEPARATE}[name]


def randn(*shape: int, seed: int = 0, dtype: torch.dtype = F64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def prox_of_latent(penalty: Penalty, w: Tensor, moves: Tensor, steps: Tensor) -> Tensor:
    """Dual averaging as papers write it: a latent copy z, and w = prox(z, total step)."""
    homogeneous, rest = penalty.split()
    assert homogeneous is not None
    z, total = w.clone(), torch.zeros_like(w)
    for move, step in zip(moves, steps, strict=True):
        pull = 0.0 if rest is None else step * rest.gradient(w)
        z, total = z + move - pull, total + step
        w = homogeneous.prox(z, total)
    return w


def visible(penalty: Penalty, w: Tensor, moves: Tensor, steps: Tensor) -> Tensor:
    coupling = COUPLINGS["dual_averaging"]
    state: Mapping[str, Tensor] = coupling.init(penalty, w)
    for move, step in zip(moves, steps, strict=True):
        pull = coupling.gradient(penalty, w)
        moved = w + move - (0.0 if pull is None else step * pull)
        w, state = coupling.update(penalty, moved, step, state)
    return w


@pytest.mark.parametrize("name", HOMOGENEOUS)
def test_dual_averaging_shows_the_prox_of_the_latent_copy(name: str) -> None:
    w, moves = randn(3, 4), 0.05 * randn(60, 3, 4, seed=1)
    steps = 0.05 + 0.1 * randn(60, 3, 4, seed=2).abs()
    expected = prox_of_latent(named(name), w, moves, steps)
    torch.testing.assert_close(visible(named(name), w, moves, steps), expected, rtol=0, atol=1e-10)


def test_a_latent_copy_that_forgets_the_old_steps_is_found_out() -> None:
    w, moves, steps = randn(3, 4), 0.05 * randn(60, 3, 4, seed=1), torch.full((60, 3, 4), 0.1)
    forgetful = w
    for move, step in zip(moves, steps, strict=True):
        forgetful = L1(0.3).prox(forgetful + move, step)
    assert (forgetful - visible(L1(0.3), w, moves, steps)).abs().max() > 0.01


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_vmap_is_the_loop(name: str, kind: str) -> None:
    penalty, coupling = named(name), COUPLINGS[kind]
    structure = penalty.with_data((0.0,) * len(penalty.data()))
    w, step, dual = randn(5, 3, 4), randn(5, 3, 4, seed=1).abs(), 0.2 * randn(5, 3, 4, seed=2)
    strengths = tuple(torch.linspace(0.5, 1.0, 5, dtype=F64) * value for value in penalty.data())

    def one(data: tuple[Tensor, ...], w: Tensor, step: Tensor, dual: Tensor) -> tuple[Tensor, ...]:
        member = structure.with_data(data)
        state = {key: dual for key in coupling.init(member, w)}
        gradient = coupling.gradient(member, w)
        prox_step = coupling.step(step[0, 0], lambda: step)
        after, state = (
            (w, state) if prox_step is None else coupling.update(member, w, prox_step, state)
        )
        return w if gradient is None else gradient, after, *state.values()

    stacked = torch.func.vmap(one)(strengths, w, step, dual.abs())
    for member in range(5):
        data = tuple(value[member] for value in strengths)
        alone = one(data, w[member], step[member], dual[member].abs())
        for ours, theirs in zip(stacked, alone, strict=True):
            torch.testing.assert_close(ours[member], theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_each_coupling_does_what_its_sentence_says(name: str, kind: str) -> None:
    penalty, coupling = named(name), COUPLINGS[kind]
    w, metric_step, lr = randn(3, 4), torch.full((3, 4), 0.7, dtype=F64), 0.2
    gradient = coupling.gradient(penalty, w)
    step = coupling.step(lr, lambda: metric_step)
    state = coupling.init(penalty, w)
    after, _ = (w, state) if step is None else coupling.update(penalty, w, step, state)
    homogeneous, rest = penalty.split()
    pulled = {"loss": penalty, "dual_averaging": rest}.get(kind)
    shrunk = {"decoupled": penalty, "proximal": penalty, "dual_averaging": homogeneous}.get(kind)
    expected = w if shrunk is None else shrunk.prox(w, lr if kind == "decoupled" else 0.7)
    assert (gradient is None) == (pulled is None)
    if gradient is not None and pulled is not None:
        torch.testing.assert_close(gradient, pulled.gradient(w))
    torch.testing.assert_close(after, expected, rtol=1e-9, atol=1e-12)


def pull_of(base: str, w: Tensor, gradient: Tensor) -> tuple[Tensor, float | Tensor]:
    """The weight after the base step at rest under a constant gradient, and the metric there."""
    kind, options = BASES[base]
    parameter = w.clone().requires_grad_(True)
    optimizer = kind([parameter], lr=0.05, **options)  # pyright: ignore[reportCallIssue]
    for _ in range(400):  # until momentum and moments have settled
        with torch.no_grad():
            parameter.copy_(w)
        parameter.grad = gradient.clone()
        optimizer.step()
    step = metric(kind, optimizer.param_groups[0], optimizer.state.get(parameter, {}))
    return parameter.detach(), step


STATIONARY = [
    *[(n, kind) for n in ("L1", "ElasticNet") for kind in ("proximal", "dual_averaging")],
    ("Lhalf", "proximal"),
    ("L0", "proximal"),
]


@pytest.mark.parametrize(
    ("name", "kind", "base"),
    # L0 leaves the gradient of the task at exactly 0, where Adam's step has no bound.
    [
        (*case, base)
        for case in STATIONARY
        for base, (optimizer, _) in BASES.items()
        if "L0" not in case or optimizer is SGD
    ],
)
def test_a_stationary_point_of_the_objective_stays(name: str, base: str, kind: str) -> None:
    penalty, coupling = named(name), COUPLINGS[kind]
    w = torch.tensor([2.0, -3.0, 0.0, 0.0], dtype=F64)
    task = torch.where(w == 0, torch.tensor(0.02, dtype=F64), -penalty.gradient(w))
    added = coupling.gradient(penalty, w)
    left, step = pull_of(base, w, task if added is None else task + added)
    state: Mapping[str, Tensor] = coupling.init(penalty, w)
    if state:  # at rest the dual is minus the gradient of the task, less what acts as a gradient
        dual = -(task if added is None else task + added)
        state = {**state, "dual": dual, "total": torch.full_like(w, 50.0)}
    after, after_state = coupling.update(penalty, left, step, state)
    torch.testing.assert_close(after, w, rtol=1e-8, atol=1e-9)
    assert ((after == 0) == (w == 0)).all()
    if state:
        torch.testing.assert_close(after_state["dual"], state["dual"], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("base", ["momentum", "adam", "amsgrad"])
def test_decoupled_moves_away_from_a_stationary_point(base: str) -> None:
    w = torch.tensor([2.0, -3.0, 0.0], dtype=F64)
    left, _ = pull_of(base, w, -L1(0.3).gradient(w))
    after, _ = COUPLINGS["decoupled"].update(L1(0.3), left, 0.05, {})
    assert (after - w).abs().max() > 0.01


# --- dual averaging in low precision, and at its edges ---


def noisy_descent(
    penalty: Penalty, dtype: torch.dtype, age: float, noise: float, lossy: bool = False
) -> Tensor:
    """300 noisy steps on sum |w - target|^2 / 2 from where `age` steps had led.

    The targets crowd around the strength, where a weight is hard to tell from zero.
    """
    target = torch.linspace(-0.4, 0.4, 160, dtype=F64).view(20, 8).to(dtype)
    coupling, step = COUPLINGS["dual_averaging"], 0.05 + 0.1 * randn(20, 8, seed=4).abs().to(dtype)
    w = penalty.prox(target)
    state: Mapping[str, Tensor] = coupling.init(penalty, w)
    state = {**state, "dual": target - w, "total": step * age}
    for shake in noise * randn(300, 20, 8, seed=3).to(dtype):
        w, state = coupling.update(penalty, w - step * (w - target + shake), step, state)
        if lossy:
            state = {**state, "residue": torch.zeros_like(w)}
    return w.double()


OLD = {
    "L1": L1(0.2),
    "Group": Group(0.1, Rows()),
    "LInf": LInf(20.0),
    "Norm2": Norm(1.0, 2),
    "L1+Group": L1(0.1) + Group(0.05, Rows()),
}


@pytest.mark.parametrize(
    ("name", "age", "noise"),
    [("L1", 1e3, 0.3), ("L1", 1e6, 0.0), *[(name, 1e6, 0.3) for name in OLD]],
)
def test_float32_is_accurate_after_a_million_steps(name: str, age: float, noise: float) -> None:
    exact, single = (noisy_descent(OLD[name], t, age, noise) for t in (F64, torch.float32))
    assert (exact - single).abs().max() < 1e-5
    assert ((exact == 0) == (single == 0)).all()


@pytest.mark.parametrize("name", ["L1", "Group", "L1+Group"])
def test_a_dual_without_its_residue_loses_digits_in_float32(name: str) -> None:
    exact = noisy_descent(OLD[name], F64, 1e6, 0.3)
    lossy = noisy_descent(OLD[name], torch.float32, 1e6, 0.3, lossy=True)
    assert (exact - lossy).abs().max() > 1e-4


def test_a_stored_latent_copy_loses_its_digits_in_float32() -> None:
    def stored(dtype: torch.dtype) -> Tensor:
        target = torch.tensor([2.0, -1.0, 0.25], dtype=dtype)
        w, total = L1(0.2).prox(target), torch.tensor(1e6, dtype=dtype)
        z = w + total * (target - w)
        for _ in range(1000):
            z, total = z - 0.1 * (w - target), total + 0.1
            w = L1(0.2).prox(z, total)
        return w

    assert (stored(torch.float32).double() - stored(F64)).abs().max() > 1e-3


@pytest.mark.parametrize("name", HOMOGENEOUS)
@pytest.mark.parametrize("dtype", [torch.float32, F64, torch.bfloat16])
def test_steps_of_zero_change_nothing(name: str, dtype: torch.dtype) -> None:
    penalty, coupling = named(name), COUPLINGS["dual_averaging"]
    w = randn(3, 4).to(dtype)
    w[0] = 0
    state: Mapping[str, Tensor] = coupling.init(penalty, w)
    after, state = coupling.update(penalty, w, 0.0, state)
    assert after.equal(w) and not any(value.any() for value in state.values())
    begun, state = coupling.update(penalty, w, torch.full((3, 4), 0.1), state)
    later, after_state = coupling.update(penalty, begun, 0.0, state)
    assert begun.isfinite().all()
    torch.testing.assert_close(later, begun, rtol=0, atol=1e-6 if dtype != F64 else 1e-12)
    torch.testing.assert_close(after_state["dual"], state["dual"], rtol=1e-3, atol=1e-5)


def test_the_state_of_bfloat16_weights_does_not_stall() -> None:
    coupling, w = COUPLINGS["dual_averaging"], torch.zeros(2, dtype=torch.bfloat16)
    state: Mapping[str, Tensor] = coupling.init(L1(1.0), w)
    for _ in range(1000):
        w, state = coupling.update(L1(1.0), w, 0.5, state)
    assert w.dtype == torch.bfloat16
    assert (state["total"] == 500).all()


REFUSED = {
    "L2": (L2(0.1), "no such part: use coupling 'proximal'"),
    "L0": (L0(0.1), "L0"),
    "L3": (Lp(0.1, 3), "Lp"),
    "Lhalf": (Lp(0.1, 0.5), "use coupling 'proximal'"),
    "L1+Lhalf": (L1(0.1) + Lp(0.1, 0.5), "which does not exist at zero"),
    "model": (LInf(0.1, scope="model"), "use coupling 'loss'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_dual_averaging_refuses_by_name_with_the_way_out(name: str) -> None:
    penalty, message = REFUSED[name]
    with pytest.raises(ValueError) as caught:
        COUPLINGS["dual_averaging"].check(penalty)
    assert message in str(caught.value)


@pytest.mark.parametrize("kind", COUPLINGS)
def test_one_norm_over_the_model_is_for_the_loss_alone(kind: str) -> None:
    penalty = Norm(0.1, 2, scope="model")
    if kind == "loss":
        COUPLINGS[kind].check(penalty)
        return
    with pytest.raises(ValueError, match="coupling 'loss', or scope='tensor'"):
        COUPLINGS[kind].check(penalty)
