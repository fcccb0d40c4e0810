"""What people may write, and what they are told otherwise; views."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from lpreg.penalties import L0, L1, L2, PENALTIES, ElasticNet, Group, LInf, Lp, Norm, Penalty
from lpreg.views import Columns, Filters, Rows, Whole

NAN, INF = float("nan"), float("inf")
STRENGTH = "a finite number >= 0"
BAD: dict[str, tuple[Callable[[], Penalty], str]] = {
    "negative": (lambda: L1(-1), f"L1: lam = -1, but it must be {STRENGTH}."),
    "nan": (lambda: L0(NAN), f"L0: lam = nan, but it must be {STRENGTH}."),
    "infinite": (lambda: L2(INF), f"L2: lam = inf, but it must be {STRENGTH}."),
    "text": (lambda: LInf("0.1"), f"LInf: lam = '0.1', but it must be {STRENGTH}."),  # pyright: ignore
    "none": (lambda: L1(None), f"L1: lam = None, but it must be {STRENGTH}."),  # pyright: ignore
    "many": (lambda: L1(torch.ones(2)), f"tensor([1., 1.]), but it must be {STRENGTH}."),
    "negative tensor": (lambda: L1(torch.tensor(-1.0)), f"must be {STRENGTH}."),
    "group": (lambda: Group(-1, Rows()), f"Group: lam = -1, but it must be {STRENGTH}."),
    "p = 0": (lambda: Lp(1, 0), "Lp: p = 0, but it must be a finite number > 0"),
    "p = inf": (lambda: Lp(1, INF), "Lp: p = inf, but it must be a finite number > 0"),
    "p nan": (lambda: Lp(1, NAN), "Lp: p = nan"),
    "Norm p": (lambda: Norm(1, 0.5), "Norm: p = 0.5, but it must be from 1 to inf."),
    "Norm p nan": (lambda: Norm(1, NAN), "Norm: p = nan, but it must be from 1 to inf."),
    "ratio": (lambda: ElasticNet(1, 1.5), "l1_ratio = 1.5, but it must be a number from 0 to 1."),
    "ratio nan": (lambda: ElasticNet(1, NAN), "l1_ratio = nan, but it must be a number from 0"),
    "scope": (lambda: LInf(1, "all"), "LInf: scope = 'all', but it must be 'tensor' or"),  # pyright: ignore
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(name: str) -> None:
    build, message = BAD[name]
    with pytest.raises(ValueError) as error:
        build()
    assert message in str(error.value) and "\n" not in str(error.value)


def test_numbers_of_any_kind_are_strengths() -> None:
    assert L1(1) == L1(1.0) == L1(np.float32(1)) == L1(np.int64(1))  # pyright: ignore
    assert hash(L1(1)) == hash(L1(1.0)) and repr(L1(1)) == "L1(lam=1.0)"
    assert Lp(1, 2).p == 2.0 and L1(1) != L2(1) and L1(1) != L1(2)
    learned = torch.tensor(0.5, requires_grad=True)
    L1(learned).value(torch.ones(3)).backward()
    assert float(learned.grad) == 3  # pyright: ignore


def test_penalties_are_frozen() -> None:
    with pytest.raises(AttributeError):
        L1(1).lam = 2  # pyright: ignore


def test_the_registry_has_every_penalty() -> None:
    assert set(PENALTIES) == {"L0", "L1", "L2", "Lp", "LInf", "Norm", "ElasticNet", "Group"}
    assert all(kind.__name__ == name for name, kind in PENALTIES.items())


VIEWS = {
    Rows(): lambda w, i: w[i],
    Columns(): lambda w, i: w[:, i],
    Filters(): lambda w, i: w[i // w.shape[1], i % w.shape[1]],
    Whole(): lambda w, i: w,
}


@pytest.mark.parametrize("view", VIEWS, ids=repr)
@pytest.mark.parametrize("shape", [(2, 3, 4), (3, 2, 5, 5)], ids=str)
def test_views_show_groups_and_put_them_back(view, shape: tuple[int, ...]) -> None:
    w = torch.arange(float(np.prod(shape))).view(shape)
    groups = view.groups(w)
    assert groups.dim() == 2 and groups.numel() == w.numel()
    for i, group in enumerate(groups):
        assert torch.equal(group, VIEWS[view](w, i).flatten())
    assert torch.equal(view.back(groups, w), w)
    assert torch.equal(view.back(2 * groups, w), 2 * w)


@pytest.mark.parametrize("view", [Rows(), Columns(), Filters()], ids=repr)
def test_a_bias_has_no_rows(view) -> None:
    with pytest.raises(ValueError, match=r"dimensions or more, not one of shape \(5,\).*Whole"):
        Group(1.0, view).prox(torch.ones(5))
    assert Group(1.0, Whole()).value(torch.ones(5)) == 5


def test_a_matrix_has_no_filters() -> None:
    with pytest.raises(ValueError, match="Filters"):
        Filters().groups(torch.ones(2, 3))


def test_views_are_values() -> None:
    assert Rows() == Rows() != Columns() and len({Rows(), Rows(), Whole()}) == 2
