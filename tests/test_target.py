"""A share of zeros in the place of a strength, and support that is held."""

import copy
import io
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR

from lpreg import L0, L1, L2, ElasticNet, Group, LInf, Lp, Norm, Regularized
from lpreg.optim.target import solve
from lpreg.penalties.base import Penalty
from lpreg.views import Columns, Rows, Whole

STEPS = 30

ZEROS: list[tuple[Penalty, str]] = [
    (L1(1.0), "proximal"),
    (L1(1.0), "dual_averaging"),
    (L1(1.0), "decoupled"),
    (ElasticNet(1e-2, 0.5), "proximal"),
    (ElasticNet(1e-2, 0.5), "dual_averaging"),
    (L0(1.0), "proximal"),
    (Lp(1.0, 0.5), "proximal"),
    (Lp(1.0, 0.8), "proximal"),
    (Lp(1.0, 1), "dual_averaging"),
    (L1(1e-3) + L2(1e-3), "proximal"),
    (Group(1.0, Columns()), "proximal"),
    (Group(1.0, Columns()), "dual_averaging"),
    (L1(0.1) + Group(1.0, Rows()), "proximal"),
]
EACH = pytest.mark.parametrize(("penalty", "coupling"), ZEROS, ids=str)


def net() -> nn.Sequential:
    model = nn.Sequential(nn.Linear(24, 32), nn.Tanh(), nn.Linear(32, 16), nn.ReLU())
    model.append(nn.Linear(16, 3))
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3, generator=generator)
    return model


def adam(model: nn.Module) -> Optimizer:
    return Adam(model.parameters(), lr=0.01)


def sgd(model: nn.Module) -> Optimizer:
    return SGD(model.parameters(), lr=0.05, momentum=0.9)


def batch(step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(32, 24, generator=generator)
    return x, x[:, :3].argmax(dim=1)


def train(model: nn.Module, optimizer: Any, steps: range, scheduler: Any = None) -> None:
    for step in steps:
        optimizer.zero_grad()
        x, y = batch(step)
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()


def penalised(model: nn.Module) -> dict[str, Tensor]:
    return {name: w.detach() for name, w in model.named_parameters() if name.endswith("weight")}


def shares(model: nn.Module) -> list[float]:
    return [float((w == 0).float().mean()) for w in penalised(model).values()]


def share(model: nn.Module) -> float:
    weights = torch.cat([w.flatten() for w in penalised(model).values()])
    return float((weights == 0).float().mean())


def group_sizes(model: nn.Module, penalty: Penalty) -> list[int]:
    return [
        w.numel() // penalty.distance(torch.zeros_like(w), torch.zeros_like(w)).numel()
        for w in penalised(model).values()
    ]


# --- the share is met ---


@EACH
def test_the_share_of_the_model_is_met(penalty: Penalty, coupling: str) -> None:
    model = net()
    optimizer = Regularized(sgd(model), model, penalty, coupling, target=0.8, steps=STEPS)
    train(model, optimizer, range(STEPS), CosineAnnealingLR(optimizer, STEPS))
    size = sum(w.numel() for w in penalised(model).values())
    allowed = max(0.5, 0.5 * max(group_sizes(model, penalty))) / size
    assert abs(share(model) - 0.8) <= allowed + 1e-6


@EACH
def test_the_share_of_each_layer_is_met(penalty: Penalty, coupling: str) -> None:
    model = net()
    optimizer = Regularized(
        adam(model), model, penalty, coupling, target=0.7, per="layer", steps=STEPS
    )
    train(model, optimizer, range(STEPS))
    for w, group, found in zip(
        penalised(model).values(), group_sizes(model, penalty), shares(model), strict=True
    ):
        assert abs(found - 0.7) * w.numel() <= max(0.5, 0.5 * group) + 1e-4


@pytest.mark.parametrize("coupling", ["proximal", "dual_averaging"])
@pytest.mark.parametrize("target", [0.05, 0.5, 0.98])
def test_convolutions_and_shares_small_and_large(target: float, coupling: str) -> None:
    model = nn.Sequential(nn.Unflatten(1, (1, 4, 6)), nn.Conv2d(1, 8, 3), nn.ReLU())
    model.extend([nn.Conv2d(8, 8, (1, 2)), nn.Flatten(), nn.Linear(48, 3)])
    optimizer = Regularized(adam(model), model, L1(1.0), coupling, target=target, steps=50)
    train(model, optimizer, range(50))
    assert share(model) == pytest.approx(target, abs=1e-3)


def test_the_share_rises_on_the_way_and_the_strength_follows() -> None:
    model = net()
    optimizer = Regularized(adam(model), model, L0(1.0), "proximal", target=0.9, steps=100)
    found = []
    for step in range(60):
        train(model, optimizer, range(step, step + 1))
        found.append(share(model))
    assert 0.1 < found[4] < found[14] < found[29] < found[59] < 0.91
    assert optimizer.scale != 1.0
    assert not optimizer.held


def test_only_ratios_of_strengths_matter() -> None:
    ours, theirs = net(), net()
    for model, lam in ((ours, 1.0), (theirs, 1e-6)):
        optimizer = Regularized(adam(model), model, L1(lam), "proximal", target=0.8, steps=50)
        train(model, optimizer, range(50))
        assert share(model) == pytest.approx(0.8, abs=1e-3)
    both = [torch.cat([w.flatten() for w in penalised(m).values()]) == 0 for m in (ours, theirs)]
    assert (both[0] == both[1]).float().mean() > 0.95


def test_a_layer_with_a_larger_strength_has_more_zeros() -> None:
    model = net()
    penalty = {"0.weight": L1(1.0), "*.weight": L1(0.1)}
    train(
        model, Regularized(adam(model), model, penalty, "proximal", target=0.6, steps=50), range(50)
    )
    assert share(model) == pytest.approx(0.6, abs=1e-3)
    first, *others = shares(model)
    assert first > 0.7 > max(others)


def test_a_learning_rate_that_begins_at_zero() -> None:
    model = net()
    optimizer = Regularized(adam(model), model, L1(1.0), "dual_averaging", target=0.8, steps=50)
    train(model, optimizer, range(50), LambdaLR(optimizer, lambda step: min(1.0, step / 20)))
    assert share(model) == pytest.approx(0.8, abs=1e-3)


def test_tensors_without_a_gradient_count_and_stay() -> None:
    model = net()
    optimizer = Regularized(adam(model), model, L1(1.0), "proximal", target=0.5, steps=50)
    kept = model.get_parameter("0.weight").detach().clone()

    def unreached(step: int) -> None:
        optimizer.zero_grad()
        x, y = batch(step)
        nn.functional.cross_entropy(model[1:](model[0](x).detach()), y).backward()
        optimizer.step()

    for step in range(44):
        unreached(step)
    with pytest.warns(UserWarning, match="missed: the model has 42.2% zeros"):
        unreached(44)
    assert model.get_parameter("0.weight").equal(
        kept
    )  # 768 of 1328 weights: the others cannot make the half
    assert all(found > 0.9 for found in shares(model)[1:])


def test_a_learning_rate_of_zero_makes_no_zeros_and_says_so() -> None:
    model = net()
    optimizer = Regularized(sgd(model), model, L1(1.0), "proximal", target=0.9, steps=STEPS)
    optimizer.param_groups[0]["lr"] = 0.0
    with pytest.warns(UserWarning, match="the model has 0.0% zeros.*learning rate is 0"):
        train(model, optimizer, range(STEPS))


def test_bfloat16() -> None:
    model = net().bfloat16()
    optimizer = Regularized(sgd(model), model, L1(1.0), "proximal", target=0.8, steps=50)
    for step in range(50):
        optimizer.zero_grad()
        x, y = batch(step)
        nn.functional.cross_entropy(model(x.bfloat16()), y).backward()
        optimizer.step()
    assert share(model) == pytest.approx(0.8, abs=0.01)


def test_accumulated_batches_are_one_step() -> None:
    model = net()
    optimizer = Regularized(adam(model), model, L1(1.0), "proximal", target=0.8, steps=STEPS)
    for step in range(STEPS):
        optimizer.zero_grad()
        for part in range(4):
            x, y = batch(4 * step + part)
            (nn.functional.cross_entropy(model(x), y) / 4).backward()
        assert optimizer.held == (step >= 0.9 * STEPS)
        optimizer.step()
    assert share(model) == pytest.approx(0.8, abs=1e-3)


# --- what is held ---


@pytest.mark.parametrize("build", [adam, sgd])
@pytest.mark.parametrize("coupling", ["loss", "decoupled", "proximal", "dual_averaging"])
def test_held_zeros_stay_and_the_rest_trains_as_without_penalty(coupling: str, build: Any) -> None:
    model = net()
    optimizer = Regularized(build(model), model, ElasticNet(0.02, 0.5), coupling)
    train(model, optimizer, range(20))
    with torch.no_grad():
        model.get_parameter("0.weight")[:, 3] = 0.0
    bare, masks = copy.deepcopy(model), [w == 0 for w in penalised(model).values()]
    plain = build(bare)
    plain.load_state_dict(copy.deepcopy(optimizer.base.state_dict()))
    assert not optimizer.held
    optimizer.hold()
    assert optimizer.held
    for step in range(20, 30):
        train(model, optimizer, range(step, step + 1))
        train(bare, plain, range(step, step + 1))
        for w, mask in zip(penalised(bare).values(), masks, strict=True):
            w[mask] = 0.0
    for ours, theirs in zip(model.parameters(), bare.parameters(), strict=True):
        assert ours.equal(theirs)
    assert all(found >= float(mask.float().mean()) > 0 for found, mask in
               zip(shares(model)[:1], masks[:1], strict=True))  # fmt: skip


def test_closures_see_the_task_loss_alone_once_held() -> None:
    model = net()
    optimizer = Regularized(torch.optim.LBFGS(model.parameters(), max_iter=4), model, L1(1.0))
    optimizer.hold()
    x, y = batch(0)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(6)]
    assert losses[-1] < 0.1 * losses[0]  # L1(1.0) would not let it


def test_a_group_that_comes_after_holding_trains() -> None:
    model = net()
    optimizer = Regularized(SGD(model[0].parameters(), lr=0.1), model, L1(0.1), "proximal")
    optimizer.hold()
    late = model.get_parameter("4.weight")
    before = late.detach().clone()
    optimizer.add_param_group({"params": list(model[4].parameters())})
    train(model, optimizer, range(3))
    assert bool((late != before).all())


# --- what is saved ---


@pytest.mark.parametrize("stop", [7, 20, 28], ids=["rising", "at the share", "held"])
@pytest.mark.parametrize("per", ["model", "layer"])
@pytest.mark.parametrize("coupling", ["proximal", "dual_averaging"])
def test_a_resumed_run_gives_the_same_bits(coupling: str, per: Any, stop: int) -> None:
    def fresh() -> tuple[nn.Module, Regularized, Any]:
        model = net()
        optimizer = Regularized(
            adam(model), model, L1(1.0), coupling, target=0.8, per=per, steps=STEPS
        )
        return model, optimizer, CosineAnnealingLR(optimizer, STEPS)

    model, optimizer, scheduler = fresh()
    train(model, optimizer, range(stop), scheduler)
    file = io.BytesIO()
    torch.save([x.state_dict() for x in (model, optimizer, scheduler)], file)
    train(model, optimizer, range(stop, STEPS), scheduler)
    file.seek(0)
    again = fresh()
    for each, state in zip(again, torch.load(file, weights_only=True), strict=True):
        each.load_state_dict(state)
    assert again[1].held == (stop >= 27)
    train(again[0], again[1], range(stop, STEPS), again[2])
    for ours, theirs in zip(model.parameters(), again[0].parameters(), strict=True):
        assert ours.equal(theirs)
    assert optimizer.scale == again[1].scale


def test_a_state_from_before_holding_lets_go() -> None:
    model = net()
    optimizer = Regularized(sgd(model), model, L1(0.1), "proximal")
    state = copy.deepcopy(optimizer.state_dict())
    optimizer.hold()
    optimizer.load_state_dict(state)
    assert not optimizer.held


def test_copies_hold_too() -> None:
    model = net()
    optimizer = Regularized(sgd(model), model, L1(0.1), "proximal", target=0.5, steps=STEPS)
    train(model, optimizer, range(STEPS))
    assert copy.deepcopy(optimizer).held


# --- what is refused ---


@pytest.mark.parametrize("target", [0.0, 1.0, 1.5, -0.1, math.nan, math.inf, True])
def test_shares_that_are_none(target: float) -> None:
    model = net()
    with pytest.raises(ValueError, match="above 0 and below 1"):
        Regularized(adam(model), model, L1(1.0), "proximal", target=target, steps=100)


@pytest.mark.parametrize(
    ("penalty", "coupling", "message"),
    [
        (L1(1.0), "loss", "makes no exact zeros.*'proximal'"),
        (L2(1.0), "proximal", "makes no zeros, whatever its strength"),
        (Lp(1.0, 3), "proximal", "makes no zeros"),
        (Lp(1.0, 1.01), "proximal", "makes no zeros"),
        (ElasticNet(1.0, 0.0), "proximal", "makes no zeros"),
        (L1(0.0), "proximal", "strength 0"),
        (LInf(1.0), "proximal", "0.weight: .*as one group"),
        (Norm(1.0, 2), "dual_averaging", "as one group"),
        (Group(1.0, Whole()), "proximal", "as one group"),
        ({"0.weight": L1(1.0), "*.weight": L2(1.0)}, "proximal", "2.weight: .*makes no zeros"),
    ],
    ids=str,
)
def test_penalties_and_couplings_without_zeros(penalty: Any, coupling: str, message: str) -> None:
    model = net()
    with pytest.raises(ValueError, match=message):
        Regularized(adam(model), model, penalty, coupling, target=0.5, steps=100)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": 0.5}, "needs steps=N.*hold"),
        ({"target": 0.5, "steps": 0}, "steps=0, but"),
        ({"target": 0.5, "steps": 10.5}, "steps=10.5, but"),
        ({"target": 0.5, "steps": 100, "per": "tensor"}, "per='tensor', but"),
        ({"steps": 100}, "say how to reach"),
        ({"target": 0.5, "steps": 100, "schedule": lambda _: 1.0}, "leave one out"),
    ],
    ids=["no steps", "zero", "a fraction", "per", "steps alone", "a schedule"],
)
def test_arguments_that_do_not_go_together(arguments: dict[str, Any], message: str) -> None:
    model = net()
    with pytest.raises(ValueError, match=message):
        Regularized(adam(model), model, L1(1.0), "proximal", **arguments)


# --- the strength that is solved for ---


@pytest.mark.parametrize("near", [1e-9, 0.3, 1.0, 1e12])
def test_the_factor_is_found_from_anywhere(near: float) -> None:
    sizes = torch.logspace(-6, 6, 1000, dtype=torch.float64)

    def zeros(factor: float) -> int:
        return int((sizes <= factor).sum())

    found = solve(zeros, 700, near, slack=0.5, ratio=1 + 1e-9)
    assert zeros(found) == 700


def test_the_nearer_side_of_a_jump() -> None:
    for goal, expected in ((30.0, 0), (70.0, 100)):
        found = solve(lambda factor: 100 * (factor >= 2.0), goal, 1.0, slack=0.5, ratio=1 + 1e-9)
        assert 100 * (found >= 2.0) == expected


def test_shares_that_no_factor_gives() -> None:
    assert solve(lambda _: 0, 50.0, 3.0, slack=0.5, ratio=1.01) == 3.0  # a learning rate of zero
    faint = solve(lambda _: 100, 50.0, 3.0, slack=0.5, ratio=1.01)
    assert 0 < solve(lambda _: 100, 50.0, faint, slack=0.5, ratio=1.01) <= faint < 1e-9
