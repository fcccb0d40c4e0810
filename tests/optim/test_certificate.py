"""certificate: zero where others solved the problem, and what it adds up elsewhere."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.linear_model import ElasticNet as SklearnElasticNet
from sklearn.linear_model import Lasso, Ridge
from torch import Tensor, nn
from torch.optim import SGD, Adadelta, Adam, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR

import lpreg
from lpreg import L0, L1, L2, ElasticNet, Group, LInf, Lp, Norm, Regularized
from lpreg.penalties.base import Penalty
from lpreg.views import Rows

LAM = 4.5  # a tenth of the strength at which the Lasso has no coefficient left


class Linear(nn.Module):
    """1/2 mean squared error of scikit-learn's diabetes data."""

    def __init__(self, start: Tensor | float = 0.0) -> None:
        super().__init__()
        x, y = map(torch.as_tensor, load_diabetes(return_X_y=True))
        self.x, self.y = (x - x.mean(0)) / x.std(0, correction=0), y - y.mean()
        self.w = nn.Parameter(torch.zeros(10, dtype=torch.float64) + start)

    def backward(self) -> "Linear":
        self.zero_grad()
        (0.5 * (self.x @ self.w - self.y).square().mean()).backward()
        return self

    def solved(self, solver: Lasso | Ridge | SklearnElasticNet) -> "Linear":
        solver.set_params(fit_intercept=False, tol=1e-12)
        if not isinstance(solver, Ridge):
            solver.set_params(max_iter=100_000)
        solver.fit(self.x.numpy(), self.y.numpy())
        return Linear(torch.as_tensor(solver.coef_)).backward()


EXACT: dict[str, tuple[Penalty, Callable[[], Lasso | Ridge | SklearnElasticNet]]] = {
    "lasso": (L1(LAM), lambda: Lasso(LAM)),
    "ridge": (L2(0.05), lambda: Ridge(0.05 * 2 * 442)),
    "elastic net": (ElasticNet(LAM, 0.6), lambda: SklearnElasticNet(alpha=LAM, l1_ratio=0.6)),
    "a sum": (
        L1(0.6 * LAM) + L2(0.2 * LAM),
        lambda: SklearnElasticNet(alpha=LAM, l1_ratio=0.6),
    ),
}


@pytest.mark.parametrize("name", EXACT)
def test_what_another_library_solved_is_stationary_and_little_else(name: str):
    penalty, solver = EXACT[name]
    model = Linear().solved(solver())
    found = lpreg.certificate(model, penalty, "all")
    assert found.relative < 1e-6
    assert found.stationary
    (row,) = found.rows
    assert (row.names, row.size, row.penalty) == (("w",), 10, penalty)
    assert row.zeros == int((model.w == 0).sum())
    with torch.no_grad():
        model.w[2] += 1.0
    away = lpreg.certificate(model.backward(), penalty, "all")
    assert not away.stationary
    assert away.distance > 0.5  # the curvature of the loss along any coefficient is 1
    assert away.relative == pytest.approx(away.distance / max(map(float, penalty.data())))


def test_a_zero_that_should_be_none_is_seen():
    """At w = 0 the distance is by how much the largest slope exceeds lam."""
    model = Linear().backward()
    assert model.w.grad is not None
    found = lpreg.certificate(model, L1(LAM), "all")
    assert found.distance == pytest.approx(float(model.w.grad.abs().max()) - LAM)
    top = float(L1(1).lam_max(model.w.grad))
    assert lpreg.certificate(model, L1(top), "all").distance == 0
    assert lpreg.certificate(model, L0(1e-9), "all").distance == 0  # every zero is
    assert lpreg.certificate(model, L2(1.0), "all").distance == pytest.approx(top)


def test_the_weight_decay_of_sgd_and_adam_counts_as_half_a_ridge():
    """scikit-learn: alpha * l1_ratio |w| + alpha (1 - l1_ratio) / 2 w^2."""
    l1, decay = 0.6 * LAM, 0.4 * LAM
    model = Linear().solved(SklearnElasticNet(alpha=LAM, l1_ratio=0.6))
    for kind in (SGD, Adam):
        optimizer = kind(model.parameters(), lr=0.1, weight_decay=decay)
        found = lpreg.certificate(model, L1(l1), "all", optimizer)
        assert found.relative < 1e-6
        assert found.rows[0].weight_decay == decay
        assert found.verdict.endswith("with weight_decay=1.8 counted")
    assert not lpreg.certificate(model, L1(l1), "all").stationary


def trained(optimizer: torch.optim.Optimizer, model: Linear, steps: int) -> Linear:
    schedule = CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        model.backward()
        optimizer.step()
        schedule.step()
    return model.backward()


def test_the_decoupled_weight_decay_of_adamw_counts_as_it_acts():
    """Training ends where the certificate with it is zero, and not where that without it is."""
    model = Linear()
    adamw = AdamW(model.parameters(), lr=1.0, weight_decay=0.1, betas=(0.9, 0.99))
    with pytest.warns(UserWarning, match="weight_decay=0.1"):
        optimizer = Regularized(adamw, model, L1(LAM), coupling="proximal", where="all")
    with pytest.raises(ValueError, match=r"weight_decay=0.1 of AdamW .* before the first step"):
        lpreg.certificate(model.backward(), optimizer)
    trained(optimizer, model, 1500)
    assert adamw.param_groups[0]["lr"] == 0  # the schedule ended there, and it does not matter
    found = lpreg.certificate(model, optimizer)
    assert 0 < found.rows[0].zeros < 10
    assert found.stationary
    assert found.relative == lpreg.certificate(model, L1(LAM), "all", adamw).relative
    assert lpreg.certificate(model, L1(LAM), "all").relative > 1e-2


def test_a_weight_decay_that_cannot_be_counted_is_refused():
    model = Linear().backward()
    optimizer = Adadelta(model.parameters(), weight_decay=0.1)
    with pytest.raises(ValueError, match=r"weight_decay=0.1 of Adadelta cannot be counted"):
        lpreg.certificate(model, L1(LAM), "all", optimizer)
    plain = Adadelta(model.parameters())
    assert lpreg.certificate(model, L1(LAM), "all", plain).rows[0].weight_decay == 0


def network(dtype: torch.dtype = torch.float64) -> Any:
    """Two layers with gradients, half of the weights zero, a whole row among them."""
    random = torch.Generator().manual_seed(0)
    model: Any = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)).to(dtype)
    for parameter in model.parameters():
        weights = torch.randn(parameter.shape, generator=random)
        weights *= torch.rand(parameter.shape, generator=random) < 0.5
        parameter.data.copy_(weights)
        parameter.grad = torch.randn(parameter.shape, generator=random).to(dtype)
    model[0].weight.data[1] = 0
    return model


def test_a_mapping_has_a_penalty_and_a_strength_for_every_tensor():
    model = network()
    found = lpreg.certificate(model, {"2.*": Lp(0.25, 0.5), "0.weight": L1(0.5)})
    first, second, third = found.rows
    assert [row.names for row in found.rows] == [("0.weight",), ("2.weight",), ("2.bias",)]
    for row, layer in ((first, model[0]), (second, model[2])):
        alone = row.penalty.distance(layer.weight.detach(), layer.weight.grad)
        assert row.distance == float(alone.max())
    assert first.relative == first.distance / 0.5
    assert third.penalty == Lp(0.25, 0.5)
    assert found.worst is max(found.rows, key=lambda row: row.relative)


def test_groups_count_one_by_one():
    model = network()
    penalty = Group(0.5, Rows())
    (row,) = lpreg.certificate(model, penalty, "0.weight").rows
    each = []
    for w, grad in zip(model[0].weight.detach(), model[0].weight.grad, strict=True):
        lam = 0.5 * math.sqrt(len(w))
        if (w == 0).all():
            each.append(max(0.0, float(grad.norm()) - lam))
        else:
            each.append(float((grad + lam * w / w.norm()).norm()))
    assert row.distance == pytest.approx(max(each))


@pytest.mark.parametrize("penalty", [LInf(0.5, "model"), Norm(0.5, 2, "model")])
def test_tensors_that_a_penalty_takes_as_one_vector_share_a_row(penalty: Penalty):
    model = network()
    (row,) = lpreg.certificate(model, penalty).rows
    assert row.names == ("0.weight", "2.weight")
    weights, slopes = (
        torch.cat([t.flatten() for t in tensors])
        for tensors in (
            [model[0].weight.detach(), model[2].weight.detach()],
            [model[0].weight.grad, model[2].weight.grad],
        )
    )
    assert row.distance == float(penalty.distance(weights, slopes))
    assert row.size == 45


def test_a_separable_penalty_of_the_model_has_a_row_for_every_tensor():
    found = lpreg.certificate(network(), Norm(0.5, 1, "model"))
    assert [row.names for row in found.rows] == [("0.weight",), ("2.weight",)]
    assert [row.distance for row in found.rows] == [
        row.distance for row in lpreg.certificate(network(), L1(0.5)).rows
    ]


def test_tied_weights_count_once():
    model: Any = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    model[1].weight = model[0].weight
    model(torch.ones(1, 4)).sum().backward()
    (row,) = lpreg.certificate(model, L1(0.1)).rows
    assert row.names == ("0.weight",)
    expected = L1(0.1).distance(model[0].weight.detach(), model[0].weight.grad)
    assert row.distance == pytest.approx(float(expected.max()))


def test_bfloat16_is_not_rounded_once_more():
    model = network(torch.bfloat16)
    exact = network(torch.bfloat16).double()
    for a, b in zip(model.parameters(), exact.parameters(), strict=True):
        assert a.grad is not None
        b.grad = a.grad.double()
    found, expected = (lpreg.certificate(m, L1(0.3)) for m in (model, exact))
    assert [row.distance for row in found.rows] == [row.distance for row in expected.rows]
    assert found.rows[0].zeros == int((model[0].weight == 0).sum())


def test_an_optimizer_knows_the_strengths_by_now():
    model = network()
    sgd = SGD(model.parameters(), lr=0.1)
    optimizer = Regularized(sgd, model, L1(0.5), "proximal")
    assert str(lpreg.certificate(model, optimizer)) == str(lpreg.certificate(model, L1(0.5)))
    optimizer.scale = 0.5
    assert str(lpreg.certificate(model, optimizer)) == str(lpreg.certificate(model, L1(0.25)))
    optimizer.hold()
    with pytest.raises(ValueError, match="holds its zeros"):
        lpreg.certificate(model, optimizer)
    assert str(lpreg.certificate(model, optimizer.penalties)) == str(
        lpreg.certificate(model, L1(0.5))
    )


def test_the_table():
    model = Linear(torch.arange(10) // 5).backward()
    model.w.grad = torch.full_like(model.w, 0.75)
    found = lpreg.certificate(model, L1(0.5), "all")
    assert str(found).splitlines() == [
        "parameter  distance  / lam  zeros    penalty",
        "w          1.2       2.5    5 of 10  L1(lam=0.5)",
        "not stationary: farthest is w, by 1.2 (2.5 lam)",
    ]
    model.w.grad = torch.cat([torch.full((5,), 0.5), torch.full((5,), -0.5)]).double()
    assert (
        lpreg.certificate(model, L1(0.5), "all").verdict
        == "stationary: farthest is w, by 0 (0 lam)"
    )


def test_without_a_strength_the_distance_is_the_gradient():
    model = network()
    found = lpreg.certificate(model, L1(0.0))
    assert found.distance == max(float(m.weight.grad.abs().max()) for m in (model[0], model[2]))
    assert found.relative == math.inf
    assert not found.stationary


def test_what_is_not_finite_is_not_stationary():
    model = network()
    model[2].weight.grad[0, 0] = math.nan
    found = lpreg.certificate(model, L1(0.5))
    assert not found.stationary
    assert math.isnan(found.distance)
    assert found.verdict == "not stationary: weights or gradients of 2.weight are not finite"


def test_without_gradients_it_says_what_to_do():
    model = network()
    model[2].weight.grad = None
    with pytest.raises(ValueError, match=r"no gradient in 2.weight: call backward\(\)"):
        lpreg.certificate(model, L1(0.5))
    assert len(lpreg.certificate(model, L1(0.5), "first").rows) == 1
