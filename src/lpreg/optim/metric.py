"""The metric of an optimizer: the step that a constant gradient would take in the long run.

A base step w - metric * gradient followed by the prox with that same metric as its step leaves a
weight where it is exactly when w is stationary for task loss + penalty: without the metric a
strength means something else under every optimizer (the bare lr under momentum 0.9 shrinks ten
times too little).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adagrad, Adam, Adamax, AdamW, NAdam, Optimizer, RAdam, RMSprop

from lpreg.penalties.base import like

Group = Mapping[str, Any]
State = Mapping[str, Any]


def metric(optimizer_type: type[Optimizer], group: Group, state: State) -> float | Tensor:
    """The step per unit of a lasting gradient, a number or a tensor like the parameter.

    `group` is an entry of `param_groups`, `state` the parameter's own state, read AFTER the step;
    its tensors may be slices of a stack, as long as `group["lr"]` broadcasts against them.
    `ValueError` for an optimizer that is not in `METRICS` (subclasses are not: they may step
    otherwise than their parents) and for `maximize=True`.
    """
    if optimizer_type not in METRICS:
        known = ", ".join(kind.__name__ for kind in METRICS)
        raise ValueError(
            f"{optimizer_type.__name__} has no known metric: {_why_not(optimizer_type)}. Use one "
            f"of {known}, or coupling 'loss' or 'decoupled', which need no metric."
        )
    if group.get("maximize", False):
        raise ValueError(
            "maximize=True steps uphill, where a penalty has no meaning: minimise the negative."
        )
    return METRICS[optimizer_type](group, state)


def blank_state(w: Tensor) -> State:
    """A state as the registered optimizers leave it, to try a step before training."""
    numbers = {"step": 1.0, "mu_product": 0.0}
    moments = ("exp_avg_sq", "max_exp_avg_sq", "square_avg", "grad_avg", "sum")
    return {**numbers, **dict.fromkeys(moments, torch.zeros_like(w)), "exp_inf": torch.ones_like(w)}


def _sgd(group: Group, state: State) -> float | Tensor:
    # The buffer settles at (1 - dampening) / (1 - momentum) gradients. Nesterov steps along
    # gradient + momentum * buffer, and allows no dampening: 1 + m / (1 - m) = 1 / (1 - m) again.
    if group["momentum"] == 0:  # torch ignores the dampening then
        return group["lr"]
    return group["lr"] * (1 - group["dampening"]) / (1 - group["momentum"])


def _adam(group: Group, state: State) -> Tensor:
    _, beta2 = group["betas"]
    second = state["max_exp_avg_sq"] if group["amsgrad"] else state["exp_avg_sq"]
    root = (1 - beta2 ** _read(state["step"])) ** 0.5
    # lr / (second.sqrt() / root + eps), in three passes instead of six
    return like(second, group["lr"] * root) / (second.sqrt() + group["eps"] * root)


def _nadam(group: Group, state: State) -> Tensor:
    # A mix of the gradient and of its running mean, which is not corrected by its own weights,
    # 1 - beta1^t, but by products of mu: the mix is above 1 at first and settles at 1.
    beta1, beta2 = group["betas"]
    count, product = _exact(state["step"]), _exact(state["mu_product"])
    decay = group["momentum_decay"]
    now, then = (beta1 * (1 - 0.5 * 0.96 ** (t * decay)) for t in (count, count + 1))
    mix = (1 - now) / (1 - product) + then * (1 - beta1**count) / (1 - product * then)
    root = torch.sqrt(1 - beta2**count)
    return group["lr"] * mix / (state["exp_avg_sq"].sqrt() / root + group["eps"])


def _radam(group: Group, state: State) -> Tensor:
    # While its second moment is too uncertain (rho <= 5, the first five steps under the defaults),
    # it steps by lr alone, without a denominator.
    _, beta2 = group["betas"]
    count = _exact(state["step"])
    limit, weights = 2 / (1 - beta2) - 1, 1 - beta2**count
    rho = limit - 2 * count * beta2**count / weights
    certain = (rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)
    adaptive = torch.sqrt(certain * weights) / (state["exp_avg_sq"].sqrt() + group["eps"])
    return group["lr"] * torch.where(rho > 5, adaptive, 1.0)


def _adamax(group: Group, state: State) -> Tensor:
    return group["lr"] / state["exp_inf"]  # which has eps inside


def _rmsprop(group: Group, state: State) -> Tensor:
    # The buffer of the momentum sums normalised gradients, without dampening.
    mean = state["square_avg"]
    if group["centered"]:
        mean = mean.addcmul(state["grad_avg"], state["grad_avg"], value=-1)
    return group["lr"] / (1 - group["momentum"]) / (mean.sqrt() + group["eps"])


def _adagrad(group: Group, state: State) -> Tensor:
    lr = group["lr"] / (1 + (_exact(state["step"]) - 1) * group["lr_decay"])
    return lr / (state["sum"].sqrt() + group["eps"])


def _exact(number: float | Tensor) -> Tensor:
    """As float64: step counts are float32 tensors, in which 1 - 0.999**1 has lost four digits."""
    return torch.as_tensor(number, dtype=torch.float64)


def _read(number: float | Tensor) -> float | Tensor:
    """As float64, a float where that waits for nothing: it saves the calls for tiny tensors."""
    elsewhere = isinstance(number, Tensor) and number.device.type != "cpu"
    if elsewhere or torch.compiler.is_compiling():
        return _exact(number)
    return float(number)


METRICS: dict[type[Optimizer], Callable[[Group, State], float | Tensor]] = {
    SGD: _sgd,
    Adam: _adam,
    AdamW: _adam,
    RMSprop: _rmsprop,
    Adagrad: _adagrad,
    NAdam: _nadam,
    RAdam: _radam,
    Adamax: _adamax,
}
"""Of the optimizers that step entry by entry. Others may be added: METRICS[MyOptimizer] = ..."""

WHY_NOT = {
    "LBFGS": "it steps along a mix of all entries, not each by its own gradient",
    "Muon": "it moves a matrix as a whole, not each entry by its own gradient",
    "Adafactor": "it scales a whole tensor, and one step size per entry does not describe it",
    "Rprop": "it follows the sign of the gradient, whatever its size",
    "ASGD": "it shrinks the weights by itself (lambd), and its rate follows from that",
    "Adadelta": "its rate follows from its own past moves, and the prox is none of them",
    "SparseAdam": "it moves only the entries of a sparse gradient, and a prox moves all",
}


def _why_not(kind: type[Optimizer]) -> str:
    parent = next((known for known in METRICS if issubclass(kind, known)), None)
    if parent is not None:
        name, base = kind.__name__, parent.__name__
        return (
            f"it is a subclass of {base} and may step otherwise (if it does not: "
            f"lpreg.optim.METRICS[{name}] = lpreg.optim.METRICS[{base}])"
        )
    return WHY_NOT.get(kind.__name__, "lpreg does not know how it steps")
