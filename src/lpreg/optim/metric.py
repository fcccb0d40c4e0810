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
from torch.optim import SGD, Adam, AdamW, Optimizer

Group = Mapping[str, Any]
State = Mapping[str, Any]


def metric(optimizer_type: type[Optimizer], group: Group, state: State) -> float | Tensor:
    """The step per unit of a lasting gradient, a number or a tensor like the parameter.

    `group` is an entry of `param_groups`, `state` the parameter's own state, read AFTER the step;
    its tensors may be slices of a stack, as long as `group["lr"]` broadcasts against them.
    `ValueError` for an optimizer that is not registered (subclasses are not: they may step
    otherwise than their parents) and for `maximize=True`.
    """
    if optimizer_type not in METRICS:
        known = ", ".join(kind.__name__ for kind in METRICS)
        raise ValueError(
            f"the metric of {optimizer_type.__name__} is not known, only those of {known}: use one "
            "of them, or coupling 'loss' or 'decoupled', which need no metric."
        )
    if group.get("maximize", False):
        raise ValueError(
            "maximize=True steps uphill, where a penalty has no meaning: minimise the negative."
        )
    return METRICS[optimizer_type](group, state)


def blank_state(w: Tensor) -> State:
    """A state as the registered optimizers leave it, to try a step before training."""
    blank = torch.zeros_like(w)
    return {"step": 1.0, "exp_avg_sq": blank, "max_exp_avg_sq": blank}


def _sgd(group: Group, state: State) -> float | Tensor:
    # The buffer settles at (1 - dampening) / (1 - momentum) gradients. Nesterov steps along
    # gradient + momentum * buffer, and allows no dampening: 1 + m / (1 - m) = 1 / (1 - m) again.
    if group["momentum"] == 0:  # torch ignores the dampening then
        return group["lr"]
    return group["lr"] * (1 - group["dampening"]) / (1 - group["momentum"])


def _adam(group: Group, state: State) -> Tensor:
    _, beta2 = group["betas"]
    second = state["max_exp_avg_sq"] if group["amsgrad"] else state["exp_avg_sq"]
    # The step count is a float32 tensor, in which 1 - 0.999**1 has lost four digits.
    count = torch.as_tensor(state["step"], dtype=torch.float64)
    root = torch.sqrt(1 - beta2**count)
    return group["lr"] / ((second.sqrt() / root) + group["eps"])


METRICS: dict[type[Optimizer], Callable[[Group, State], float | Tensor]] = {
    SGD: _sgd,
    Adam: _adam,
    AdamW: _adam,
}
