"""Strengths by their share of the gradient: against formulas, and against autograd."""

from dataclasses import replace
from math import inf, sqrt

import pytest
import torch
from torch import Tensor, nn

import lpreg
from lpreg import L0, L1, L2, ElasticNet, Group, LInf, Lp, Norm
from lpreg.models import build
from lpreg.optim import matched, penalty_value
from lpreg.penalties import Penalty
from lpreg.select import Where, select
from lpreg.views import Columns, Filters, Rows

SHARE = (0.001, 0.02, 0.5)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 4)
        self.last.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x).relu())


def mlp():
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))


def normalized():
    return nn.Sequential(nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), nn.Linear(6, 2))


def convolutional():
    generator = torch.Generator().manual_seed(0)
    options = {"inputs": [1, 8, 8], "outputs": 3, "width": 2}
    return build("resnet18", generator, **options)


MODELS = {"mlp": mlp, "tied": Tied, "batch norm": normalized}
PENALTIES: dict[str, Penalty] = {
    "L1": L1(0),
    "L2": L2(7.0),
    "Lp half": Lp(1e-4, 0.5),
    "Lp 3": Lp(1e-4, 3),
    "Norm 1": Norm(1, 1),
    "Norm 2": Norm(1, 2),
    "Norm 3": Norm(1, 3),
    "Norm 3, model": Norm(1, 3, scope="model"),
    "LInf": LInf(1),
    "LInf, model": LInf(1, scope="model"),
    "ElasticNet": ElasticNet(1e-3, 0.25),
    "ElasticNet, ridge": ElasticNet(1e-3, 0.0),
    "Group": Group(1, Columns()),
    "Group, rows": Group(1e-2, Rows()),
}


def task(make, dtype=torch.float64, seed=0):
    """A model with its loss, over a batch of 10 x 4 inputs."""
    torch.manual_seed(seed)
    model = make().to(dtype)
    x = torch.randn(10, 4, dtype=dtype)
    return model, model(x).square().mean()


def lengths(model, loss, penalty, where: Where = "weights") -> tuple[float, float]:
    """Of the gradients of the loss and of the penalty, by autograd over all parameters."""
    value = penalty_value(model, penalty, where)
    chosen = list(select(model, where).values())
    return tuple(
        sqrt(sum(float(g.double().square().sum()) for g in grads))
        for grads in (torch.autograd.grad(f, chosen, retain_graph=True) for f in (loss, value))
    )  # pyright: ignore[reportReturnType]


def assert_shares(model, loss, penalty, where: Where = "weights", tolerance=1e-9):
    strengths = lpreg.suggest(model, loss, penalty, where, SHARE)
    for lam, share in zip(strengths, SHARE, strict=True):
        force, pull = lengths(model, loss, replace(penalty, lam=lam), where)
        assert pull / force == pytest.approx(share, rel=tolerance)


@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_the_gradients_have_that_ratio(make, penalty):
    assert_shares(*task(make), penalty)


@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)
@pytest.mark.parametrize(("dtype", "digits"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_in_short_numbers_too(penalty, dtype, digits):
    assert_shares(*task(mlp, dtype), penalty, tolerance=digits)


@pytest.mark.parametrize("where", ["first", "all", ["0.weight", "2.bias"]])
def test_only_what_is_penalised_counts(where):
    model, loss = task(mlp)
    for penalty in (L1(1), Norm(1, 3, "model")):
        assert_shares(model, loss, penalty, where)
    assert lpreg.suggest(model, loss, L1(1), where) != lpreg.suggest(model, loss, L1(1))


def test_convolutions():
    model = convolutional().double()
    x = torch.randn(6, 1, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    loss = model(x).logsumexp(1).mean()
    for penalty in (L1(1), Group(1, Filters()), LInf(1, "model")):
        assert_shares(model, loss, penalty, ["conv1.weight", "layer*.conv?.weight"])


def formulas(w: list[Tensor]) -> list[tuple[Penalty, float]]:
    """The length of each penalty's gradient at strength 1, for tensors without zeros."""
    whole = torch.cat([each.flatten() for each in w])
    a, n = whole.abs(), whole.numel()
    columns = sum(each.shape[1] * each.shape[0] for each in w)  # each a vector of length sqrt(size)
    return [
        (L1(1), sqrt(n)),
        (L2(1), 2 * float(whole.norm())),
        (Lp(1, 3), 3 * float((a**2).norm())),
        (Norm(1, 1, "model"), sqrt(n)),
        (Norm(1, 2, "model"), 1.0),
        (Norm(1, 2), sqrt(len(w))),
        (Norm(1, 3, "model"), float((a**2).norm() / (a**3).sum() ** (2 / 3))),
        (ElasticNet(1, 0.25), float((0.25 + 0.75 * a).norm())),
        (Group(1, Columns()), sqrt(columns)),
        (LInf(1, "model"), 1.0),
        (LInf(1), sqrt(len(w))),
    ]


def test_against_formulas():
    model, loss = task(mlp)
    weights = [model[0].weight, model[2].weight]
    grads = torch.autograd.grad(loss, weights, retain_graph=True)
    force = float(torch.cat([g.flatten() for g in grads]).norm())
    for penalty, pull in formulas([w.detach() for w in weights]):
        assert lpreg.suggest(model, loss, penalty, share=SHARE) == pytest.approx(
            [share * force / pull for share in SHARE], rel=1e-12
        )


class Biased(L1):
    """A wrong version: its gradient is not that of its value."""

    def gradient(self, w: Tensor) -> Tensor:
        return self.lam * (w.sign() + 0.01)


class Deaf(L1):
    """A wrong version: its gradient does not follow the strength."""

    def gradient(self, w: Tensor) -> Tensor:
        return w.sign() * 0.5


@pytest.mark.parametrize("wrong", [Biased(1), Deaf(1)])
def test_the_law_fails_on_a_wrong_gradient(wrong):
    with pytest.raises(AssertionError):
        assert_shares(*task(mlp), wrong)


def test_the_law_fails_on_a_gradient_per_tensor_and_on_other_tensors():
    model, loss = task(mlp)
    (lam,) = lpreg.suggest(model, loss, Norm(1, 2, "model"), share=[0.1])
    force, pull = lengths(model, loss, Norm(lam, 2))
    assert pull / force != pytest.approx(0.1, rel=0.1)
    force, pull = lengths(model, loss, Norm(lam, 2, "model"), "all")
    assert pull / force != pytest.approx(0.1, rel=0.01)


def test_the_strength_that_a_penalty_has_does_not_matter_and_all_else_does():
    model, loss = task(mlp)
    assert lpreg.suggest(model, loss, L1(0)) == lpreg.suggest(model, loss, L1(1e9))
    one, other = (lpreg.suggest(model, loss, ElasticNet(1, ratio)) for ratio in (0.2, 0.8))
    assert one != other


def test_results_are_plain_numbers_in_the_order_asked():
    model, loss = task(mlp)
    small, large = lpreg.suggest(model, loss, L1(0), share=[0.1, 0.01])
    assert small == pytest.approx(10 * large)
    assert L1(small).lam == small
    assert [type(lam) for lam in lpreg.suggest(model, loss, L1(0))] == [float] * 3


def test_gradients_and_graph_stay():
    model, loss = task(mlp)
    model[0].weight.grad = kept = torch.ones_like(model[0].weight)
    lpreg.suggest(model, loss, L1(1))
    assert model[0].weight.grad is kept and (kept == 1).all() and model[2].weight.grad is None
    loss.backward()
    assert model[2].weight.grad is not None


def test_gradients_summed_up_over_batches():
    model, _ = task(mlp)
    x = torch.randn(12, 4, dtype=torch.float64)
    whole = lpreg.suggest(model, model(x).square().mean(), L1(1))
    for rows in (slice(8), slice(8, 12)):
        (model(x[rows]).square().sum() / (2 * len(x))).backward()
    gradients = {name: w.grad for name, w in model.named_parameters() if w.grad is not None}
    assert matched(model, gradients, L1(1)) == pytest.approx(whole)
    assert matched(model, {"0.weight": gradients["0.weight"]}, L1(1)) != pytest.approx(whole)


def test_a_layer_that_the_loss_does_not_use_counts_as_zero():
    model, loss = task(mlp)
    model.add_module("spare", nn.Linear(3, 3).double())
    n = sum(w.numel() for w in select(model).values())
    force, _ = lengths(*task(mlp), L1(1))
    assert lpreg.suggest(model, loss, L1(1), share=[1]) == pytest.approx((force / sqrt(n),))


def refused(named, model, loss, penalty, *rest):
    with pytest.raises(ValueError, match=named) as raised:
        lpreg.suggest(model, loss, penalty, *rest)
    assert "\n" not in str(raised.value)


def test_what_has_no_share_is_refused_with_what_to_do():
    model, loss = task(mlp)
    refused("L0 has no gradient.*by size", model, loss, L0(1))
    refused("L1.*L2.*several strengths.*each term", model, loss, L1(1) + L2(1))
    refused("several strengths.*where=glob", model, loss, {"*.weight": L1(1)})
    refused("matches no parameter", model, loss, L1(1), "conv*")
    for share in ((), (0.0,), (-1, 0.1), (inf,), (float("nan"),)):
        refused("share = .* above 0", model, loss, L1(1), "weights", share)
    with pytest.raises(TypeError, match="a penalty such as"):
        lpreg.suggest(model, loss, 1e-4)  # pyright: ignore[reportArgumentType]


def test_one_share_need_not_be_a_list():
    model, loss = task(mlp)
    assert lpreg.suggest(model, loss, L1(1), share=0.1) == lpreg.suggest(model, loss, L1(1))[2:]


def test_losses_without_a_gradient_are_refused():
    model, loss = task(mlp)
    for wrong in (loss.item(), loss.detach(), torch.stack([loss, loss])):
        refused(r"scalar tensor.*backward\(\)", model, wrong, L1(1))
    refused("gradient of the loss.*0.weight.*is zero", mlp().double(), loss, L1(1))
    refused("gradient of the loss.*is zero", model, loss * 0, L1(1))
    refused("gradient of the loss.*is not finite", model, loss * inf, L1(1))


@pytest.mark.parametrize("penalty", [L1(1), L2(1), LInf(1, "model"), Group(1, Columns())])
def test_weights_of_zero_are_refused(penalty):
    model, _ = task(mlp)
    with torch.no_grad():
        for w in (model[0].weight, model[2].weight):
            w.zero_()
        model[2].bias.fill_(1.0)
    with torch.no_grad():
        model[0].bias.fill_(1.0)
    loss = model(torch.ones(3, 4, dtype=torch.float64)).square().mean()
    refused("all penalised weights are zero.*initial values", model, loss, penalty)
