"""Losses against their formulas, at the edges where the plain formula breaks; schedules."""

from itertools import pairwise

import pytest
import torch

from lpreg.train import LOSSES, SCHEDULES
from lpreg.train.metrics import accuracy, constant_inputs
from lpreg.train.schedule import factor


def plain_bce(outputs, targets):
    """The formula of the document, in float64, with a right softmax."""
    q = outputs.double().softmax(-1)
    y = torch.nn.functional.one_hot(targets, outputs.shape[-1])
    return -(y * q.log() + (1 - y) * (1 - q).log()).mean()


@pytest.mark.parametrize("scale", [0.0, 0.1, 1.0, 8.0])
def test_bce_softmax_is_the_formula(scale):
    g = torch.Generator().manual_seed(0)
    outputs = scale * torch.randn(30, 10, generator=g, dtype=torch.float64)
    targets = torch.randint(0, 10, (30,), generator=g)
    torch.testing.assert_close(LOSSES["bce_softmax"](outputs, targets), plain_bce(outputs, targets))


def test_bce_softmax_has_the_gradient_of_the_formula():
    g = torch.Generator().manual_seed(0)
    outputs = torch.randn(12, 5, generator=g, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(0, 5, (12,), generator=g)
    [ours] = torch.autograd.grad(LOSSES["bce_softmax"](outputs, targets), outputs)
    [theirs] = torch.autograd.grad(plain_bce(outputs, targets), outputs)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("margin", [20.0, 60.0, 90.0])
@pytest.mark.parametrize("target", [0, 1])
def test_bce_softmax_is_finite_where_q_rounds_to_one(margin, target):
    outputs = torch.tensor([[margin, 0.0, 0.0]], requires_grad=True)
    loss = LOSSES["bce_softmax"](outputs, torch.tensor([target]))
    # Right: about nothing. Wrong: -log q is the margin, and so is -log(1 - q) less log 2.
    expected = 0.0 if target == 0 else (2 * margin - torch.tensor(2.0).log()) / 3
    assert loss.item() == pytest.approx(float(expected), rel=1e-6, abs=1e-8)
    [gradient] = torch.autograd.grad(loss, outputs)
    assert gradient.isfinite().all()


def test_cross_entropy_is_torchs():
    g = torch.Generator().manual_seed(0)
    outputs, targets = torch.randn(9, 4, generator=g), torch.randint(0, 4, (9,), generator=g)
    expected = torch.nn.functional.cross_entropy(outputs, targets)
    torch.testing.assert_close(LOSSES["cross_entropy"](outputs, targets), expected)


def test_mse_and_accuracy_by_hand():
    assert LOSSES["mse"](torch.tensor([[1.0], [4.0]]), torch.tensor([0.0, 1.0])) == 5.0
    outputs = torch.tensor([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0], [0.0, 1.0]])
    assert accuracy(outputs, torch.tensor([0, 1, 1, 1])) == 0.75


def test_constant_inputs():
    x = torch.tensor([[0.0, 1.0, 2.0], [0.0, 1.0, 3.0]])
    assert constant_inputs(x).tolist() == [True, True, False]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_start_at_one_after_the_warm_up(schedule):
    values = [factor(schedule, step, 100, warmup=10) for step in range(100)]
    assert values[:10] == pytest.approx([(k + 1) / 10 for k in range(10)])
    assert values[10] == 1.0
    assert all(a >= b > 0 for a, b in pairwise(values[10:]))


def test_cosine_is_half_in_the_middle_and_nothing_at_the_end():
    assert factor("cosine", 50, 100) == pytest.approx(0.5)
    assert SCHEDULES["cosine"](1.0) == pytest.approx(0.0)
