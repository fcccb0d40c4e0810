"""Task losses and what is measured of a network, for one member: outputs (n, k), targets (n,).

The softmax losses work on the transposed outputs: reducing over the last dimension is about 20
times slower on a CPU when it holds only the 10 classes.
"""

from collections.abc import Callable
from math import log

import torch
from torch import Tensor


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean over the samples of -log q[target], q the softmax over the classes."""
    own = outputs.gather(1, targets[:, None])[:, 0]
    return (outputs.T.contiguous().logsumexp(0) - own).mean()


def bce_softmax(outputs: Tensor, targets: Tensor) -> Tensor:
    """-mean over samples and classes of y log q + (1 - y) log(1 - q), q the softmax, y one-hot.

    The loss of the document SHAPES. At most one class of a sample has q > 1/2; its log(1 - q) is
    the log-sum-exp of the others minus that of all, finite and exact also when q rounds to 1.
    """
    z = outputs.T.contiguous()
    total = z.logsumexp(0)
    log_q = z - total
    likely = log_q > -log(2)
    log_rest_likely = z.masked_fill(likely, -torch.inf).logsumexp(0) - total
    log_rest = torch.log1p(-log_q.masked_fill(likely, -torch.inf).exp())
    target = targets[None]
    target_likely = likely.gather(0, target)[0]
    others = (likely.any(0) & ~target_likely) * log_rest_likely + log_rest.sum(0)
    own = log_q.gather(0, target)[0] - log_rest.gather(0, target)[0]
    return -(own + others).mean() / len(z)


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
    first = x[:1].flatten()
    few = [(each.flatten(1) == first).all(0) for each in x.split(1024)]  # x may be a file's memory
    return torch.stack(few).all(0)
