"""Permutation importance against numbers that are known, scikit-learn's, and of trained members."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression
from torch import nn

import lpreg
from lpreg.cli import main
from lpreg.data import load, split
from lpreg.study import FolderError
from lpreg.study.importance import Permutations, importance, importances
from lpreg.train import LOSSES, score
from tests.study.tiny import write

SLOPES = [3.0, 0.0, -1.0, 0.5]


class Linear(NamedTuple):
    """y = x slopes + noise, and the network that says so."""

    model: nn.Module
    x: torch.Tensor
    y: torch.Tensor


@pytest.fixture(scope="module")
def linear() -> Linear:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(400, len(SLOPES), generator=random, dtype=torch.float64)
    x[:, 3] = 7.0
    model = nn.Sequential(nn.Flatten(), nn.Linear(len(SLOPES), 1, bias=False))
    with torch.no_grad():
        model[1].weight = nn.Parameter(torch.tensor([SLOPES], dtype=torch.float64))
        y = model(x)[:, 0] + 0.1 * torch.randn(400, generator=random, dtype=torch.float64)
    return Linear(model, x, y)


def test_the_numbers_of_a_known_permutation(linear: Linear):
    orders = torch.stack([torch.arange(400).roll(1), torch.arange(400).flip(0)])
    found = importance(*linear, LOSSES["mse"], orders)
    misses = linear.model(linear.x)[:, 0].detach() - linear.y
    for i, slope in enumerate(SLOPES):
        for repeat, order in enumerate(orders):
            moved = slope * (linear.x[order, i] - linear.x[:, i])
            rise = (misses + moved).square().mean() - misses.square().mean()
            assert found[i, repeat].item() == pytest.approx(rise.item())


def test_the_identity_changes_nothing(linear: Linear):
    assert not importance(*linear, LOSSES["mse"], torch.arange(400)[None]).any()


def test_what_is_not_read_and_what_is_constant_have_exactly_none(linear: Linear):
    found = importance(*linear, LOSSES["mse"], Permutations().orders(400))
    assert found.shape == (4, 5)
    assert not found[1].any() and not found[3].any()
    assert (found[0] > found[2]).all() and (found[2] > 0).all()


def test_nothing_is_changed(linear: Linear):
    before = linear.x.clone()
    importance(*linear, LOSSES["mse"], Permutations().orders(400))
    assert torch.equal(linear.x, before)


def test_the_shape_of_a_sample_is_kept(linear: Linear):
    orders = Permutations().orders(400)
    flat = importance(*linear, LOSSES["mse"], orders)
    images = linear.x.view(400, 1, 2, 2)
    assert torch.equal(importance(linear.model, images, linear.y, LOSSES["mse"], orders), flat)


def test_scikit_learn_finds_the_same(linear: Linear):
    x, y = linear.x.numpy(), linear.y.numpy()
    theirs = LinearRegression(fit_intercept=False).fit(x, y)
    theirs.coef_ = np.array(SLOPES)
    expected: Any = permutation_importance(
        theirs, x, y, scoring="neg_mean_squared_error", n_repeats=30, random_state=1
    )
    orders = Permutations(repeats=30).orders(400)
    ours = importance(*linear, LOSSES["mse"], orders).numpy()
    noise = 4 * np.hypot(expected.importances_std, ours.std(1)) / np.sqrt(30)
    assert (np.abs(ours.mean(1) - expected.importances_mean) <= noise + 1e-12).all()
    assert ours.std(1, ddof=1)[[0, 2]] == pytest.approx(expected.importances_std[[0, 2]], rel=0.5)


def test_permutations():
    orders = Permutations(repeats=3, seed=4).orders(50)
    assert torch.equal(orders.sort(1).values, torch.arange(50).expand(3, 50))
    assert len({tuple(order) for order in orders.tolist()}) == 3
    assert torch.equal(orders, Permutations(repeats=3, seed=4).orders(50))
    assert not torch.equal(orders, Permutations(repeats=3, seed=5).orders(50))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("trained")
    small = ["--only", "model=deep,arm=none,arm=L1-proximal,lam=0.001", "--seeds", "1"]
    assert main(["run", str(write(home)), *small, "--out", str(home / "run")]) == 0
    return home / "run"


def test_the_importances_of_members(trained: Path):
    results = lpreg.read(trained).results
    how = Permutations(repeats=2, samples=40)
    table = importances(trained, results["member"], how)
    assert list(table["member"].unique()) == list(results["member"])
    assert table.groupby("member").size().tolist() == [64] * len(results)

    digits = load("digits")
    x, y = split(digits, {"train": 100, "val": 50, "test": 60}, seed=0)["test"]
    _, accuracy = score("cross_entropy")
    for member, rows in table.groupby("member"):
        model = lpreg.load(trained, member=member)
        falls = -importance(model, x[:40] / 16, y[:40], accuracy, how.orders(40))
        assert rows["importance"].to_numpy() == pytest.approx(falls.mean(1).numpy())
        assert rows["sd"].to_numpy() == pytest.approx(falls.std(1).numpy(), abs=1e-7)
    assert table["importance"].max() > 0


def test_a_member_that_is_not_there(trained: Path):
    with pytest.raises(FolderError, match="unknown member 'nobody'"):
        importances(trained, ["nobody"])
    assert importances(trained, []).empty
