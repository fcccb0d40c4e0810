"""Numbers and formulas that others have published, and skglm's maps."""

import math
from typing import Any

import numpy as np
import pytest
import skglm.penalties as skglm
import torch
from skglm.utils import prox_funcs
from torch import Tensor

from lpreg.penalties import L0, L1, L2, ElasticNet, Group, LInf, Lp, Norm, Penalty
from lpreg.views import Rows
from tests.penalties.laws import some

F64 = torch.float64
POINTS = torch.tensor([0.2, 0.5, 1, 2, 3], dtype=F64)

# lam -> the prox at POINTS, to ten digits
TABLE: dict[str, dict[float, list[float]]] = {
    "L0": {0.1: [0, 0.5, 1, 2, 3], 1: [0, 0, 0, 2, 3]},
    "1/2": {
        0.1: [0, 0.4231346305, 0.9486650001, 1.9643250538, 2.9709919009],
        1: [0, 0, 0, 1.6053779405, 2.6954531510],
    },
    "1": {0.1: [0.1, 0.4, 0.9, 1.9, 2.9], 1: [0, 0, 0, 1, 2]},
    "3/2": {
        0.1: [0.1432311607, 0.4045890301, 0.8608287166, 1.7988198644, 2.7511989233],
        1: [0.0151813103, 0.0788353904, 0.25, 0.7238284110, 1.2938120868],
    },
    "3": {
        0.1: [0.1892547876, 0.4415184401, 0.8053994957, 1.4065148191, 1.9079350983],
        1: [0.1406514819, 0.2742918852, 0.4342585459, 0.6666666667, 0.8471270884],
    },
}
OF_TABLE = {
    "L0": L0,
    "1/2": lambda lam: Lp(lam, 0.5),
    "1": L1,
    "3/2": lambda lam: Lp(lam, 1.5),
    "3": lambda lam: Lp(lam, 3),
}


@pytest.mark.parametrize("lam", [0.1, 1])
@pytest.mark.parametrize("name", TABLE)
def test_the_table(name: str, lam: float) -> None:
    expected = torch.tensor(TABLE[name][lam], dtype=F64)
    for sign in (1, -1):
        torch.testing.assert_close(
            OF_TABLE[name](lam).prox(sign * POINTS), sign * expected, rtol=0, atol=5.1e-11
        )


def test_the_largest_entries_are_cut() -> None:
    v = torch.tensor([3, -1, 0.5, 2, -4], dtype=F64)
    assert LInf(2).prox(v).tolist() == [2.5, -1, 0.5, 2, -2.5]
    assert LInf(10.5).prox(v).tolist() == LInf(99).prox(v).tolist() == [0] * 5
    assert LInf(10.4).prox(v).abs().amax() > 0


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 2 / 3, 0.8, 0.95])
@pytest.mark.parametrize("lam", [1e-3, 1.0, 50.0])
def test_the_jump(p: float, lam: float) -> None:
    """Zero up to h, from there at least beta: Marjanovic and Solo (2012), "On l_q optimization"."""
    beta = (2 * lam * (1 - p)) ** (1 / (2 - p))
    h = beta + lam * p * beta ** (p - 1)
    below, above = Lp(lam, p).prox(torch.tensor([h * (1 - 1e-9), h * (1 + 1e-9)], dtype=F64))
    assert below == 0
    assert above == pytest.approx(beta, rel=1e-6)


V = 2 * some(3).flatten()
SKGLM: dict[str, tuple[Penalty, Any]] = {
    "L1": (L1(0.3), skglm.L1(0.3)),
    "ElasticNet": (ElasticNet(0.3, 0.7), skglm.L1_plus_L2(0.3, 0.7)),
    "L1 + L2": (L1(0.21) + L2(0.045), skglm.L1_plus_L2(0.3, 0.7)),
    "Lp 1/2": (Lp(0.3, 0.5), skglm.L0_5(0.3)),
    "Lp 2/3": (Lp(0.3, 2 / 3), skglm.L2_3(0.3)),
}


@pytest.mark.parametrize("name", SKGLM)
def test_separable_penalties_are_those_of_skglm(name: str) -> None:
    ours, theirs = SKGLM[name]
    w, slope, every = V.numpy().copy(), some(8).flatten().numpy().copy(), np.arange(len(V))
    w[7:9] = 0
    assert float(ours.value(torch.tensor(w))) == pytest.approx(theirs.value(w), rel=1e-12)
    for step in (0.1, 1.0, 4.0):
        expected = [theirs.prox_1d(value, step, 0) for value in w]
        torch.testing.assert_close(
            ours.prox(torch.tensor(w), step), tensor(expected), rtol=1e-9, atol=1e-12
        )
    if ours.convex:  # skglm's distances at p < 1 are of another kind
        expected = theirs.subdiff_distance(w, slope, every)
        torch.testing.assert_close(
            ours.distance(torch.tensor(w), torch.tensor(slope)), tensor(expected)
        )


def test_the_largest_useful_strength_is_that_of_skglm() -> None:
    slope = some(8).flatten()
    largest = skglm.L1(0.3).alpha_max(slope.numpy())
    assert float(L1(0.3).lam_max(slope)) == pytest.approx(largest)


def test_groups_are_those_of_skglm(monkeypatch: pytest.MonkeyPatch) -> None:
    v, slope = 2 * some(4).flatten(1), some(5).flatten(1)
    v[0] /= 50
    groups, size = v.shape
    weights = np.full(groups, math.sqrt(size))
    where: dict[str, Any] = {
        "grp_ptr": np.arange(0, groups * size + 1, size, dtype=np.int32),
        "grp_indices": np.arange(groups * size, dtype=np.int32),
    }
    plain = skglm.WeightedGroupL2(0.3, weights=weights, **where)
    sparse = skglm.WeightedL1GroupL2(0.3, weights, np.ones(groups * size), **where)
    # as plain Python: compiling them takes ten seconds
    monkeypatch.setattr(skglm.block_separable, "BST", prox_funcs.BST.py_func)
    monkeypatch.setattr(skglm.block_separable, "ST_vec", prox_funcs.ST_vec.py_func)
    for ours, theirs in (
        (Group(0.3, Rows()), plain),
        (L1(0.3) + Group(0.3, Rows()), sparse),
    ):
        assert float(ours.value(v)) == pytest.approx(theirs.value(v.flatten().numpy()))
        for step in (0.1, 0.5, 2.0):
            expected = [theirs.prox_1group(v[g].numpy(), step, g) for g in range(groups)]
            torch.testing.assert_close(ours.prox(v, step), tensor(expected), rtol=1e-12, atol=0)
    w = Group(0.3, Rows()).prox(v)
    expected = plain.subdiff_distance(w.flatten().numpy(), slope.flatten().numpy(), range(groups))
    torch.testing.assert_close(Group(0.3, Rows()).distance(w, slope), tensor(expected))


def tensor(values: Any) -> Tensor:
    return torch.tensor(np.array(values), dtype=F64)


def test_known_values() -> None:
    w = torch.tensor([[3.0, -4.0], [0.0, 1.0]], dtype=F64)
    for penalty, value in (
        (L0(2), 6),
        (L1(2), 16),
        (L2(2), 52),
        (Lp(2, 3), 184),
        (LInf(2), 8),
        (LInf(2, "model"), 8),
        (Norm(2, 2), 2 * math.sqrt(26)),
        (Norm(2, 1), 16),
        (Norm(2, 3), 2 * 92 ** (1 / 3)),
        (Norm(2, math.inf), 8),
        (ElasticNet(2, 0.25), 2 * (0.25 * 8 + 0.375 * 26)),
        (Group(2, Rows()), 2 * math.sqrt(2) * 6),
        (L1(2) + L2(2), 68),
    ):
        assert float(penalty.value(w)) == pytest.approx(value, rel=1e-12), penalty
