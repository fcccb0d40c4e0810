"""Layers of few outputs are the same function, and stacks see no difference."""

import pytest
import torch
from torch import nn

from lpreg.train import Recipe
from lpreg.train.stack import Stack
from lpreg.train.thin import ThinLinear, thin


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("shape", [(7, 5), (2, 7, 5), (5,)], ids=str)
@pytest.mark.parametrize("outputs", [1, 10, 15])
def test_a_thin_layer_has_the_outputs_and_slopes_of_the_plain_one(outputs, shape, bias):
    plain, other = (nn.Linear(5, outputs, bias).double() for _ in range(2))
    other.load_state_dict(plain.state_dict())
    thin(other)
    assert isinstance(other, ThinLinear)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    pulls = torch.randn(*shape[:-1], outputs, dtype=torch.float64)
    slopes = []
    for layer in (plain, other):
        y = layer(x)
        assert y.shape == pulls.shape
        slopes.append([y, *torch.autograd.grad((y * pulls).sum(), [x, *layer.parameters()])])
    for left, right in zip(*slopes, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-13, atol=1e-13)


def test_only_plain_layers_of_few_outputs_are_changed():
    class Own(nn.Linear):
        pass

    model = nn.Sequential(nn.Linear(3, 16), Own(16, 4), nn.Linear(4, 2))
    thin(model)
    assert [type(each) for each in model] == [nn.Linear, Own, ThinLinear]


def test_networks_that_were_in_a_stack_can_be_in_another():
    models = [nn.Sequential(nn.Linear(4, 2)) for _ in range(3)]
    Stack(models[:2], Recipe(), "cpu")
    stack = Stack(models[::-1], Recipe(), "cpu")
    x = torch.randn(5, 4)
    torch.testing.assert_close(stack(x, shared=True)[0], models[2](x))
