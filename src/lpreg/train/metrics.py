"""Task losses and what is measured of a network, for one member: outputs (n, k), targets (n,).

The softmax losses work on the transposed outputs: reducing over the last dimension is about 20
times slower on a CPU when it holds only the 10 classes.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean over the samples of -log q[target], q the softmax over the classes."""
    return F.cross_entropy(outputs.T[None], targets[None])


def bce_softmax(outputs: Tensor, targets: Tensor) -> Tensor:
    """-mean over samples and classes of y log q + (1 - y) log(1 - q), q the softmax, y one-hot.

    The loss of the document SHAPES. log(1 - q) of the most probable class is the log-sum-exp of
    the others minus that of all, so that it stays finite and exact when q rounds to 1.
    """
    z = outputs.T
    log_q = z.log_softmax(0)
    is_top = F.one_hot(outputs.argmax(-1), len(z)).T.bool()
    others = z.masked_fill(is_top, -torch.inf).logsumexp(0)
    log_rest_of_top = others - z.logsumexp(0)
    log_rest_of_others = torch.log1p(-log_q.exp().masked_fill(is_top, 0.0))
    log_rest = torch.where(is_top, log_rest_of_top, log_rest_of_others)
    is_target = F.one_hot(targets, len(z)).T.bool()
    return -torch.where(is_target, log_q, log_rest).mean()


def mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error, without 1/2; outputs (n, 1)."""
    return (outputs.squeeze(-1) - targets).square().mean()


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Share of the samples whose largest output is the target's, in [0, 1]."""
    return (outputs.argmax(-1) == targets).to(outputs.dtype).mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross_entropy": cross_entropy,
    "bce_softmax": bce_softmax,
    "mse": mse,
}


def score(loss: str) -> tuple[str, Callable[[Tensor, Tensor], Tensor]]:
    """The name and function of the measure that goes with a loss: "accuracy" or "mse"."""
    return ("mse", mse) if loss == "mse" else ("accuracy", accuracy)


def constant_inputs(x: Tensor) -> Tensor:
    """Which inputs never change over the samples x (n, features...): bool, (features,)."""
    flat = x.flatten(1)
    return (flat == flat[0]).all(0)
