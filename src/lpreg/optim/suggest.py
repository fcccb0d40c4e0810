"""How strong: strengths at which a penalty pulls with a given share of the task loss's force."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn

from lpreg.optim.value import joined, together
from lpreg.penalties.base import Penalty, precise
from lpreg.select import Where, match

SHARES = (0.001, 0.01, 0.1)


def suggest(
    model: nn.Module,
    loss: Tensor,
    penalty: Penalty,
    where: Where = "weights",
    share: float | Iterable[float] = SHARES,
) -> tuple[float, ...]:
    """Strengths at which the penalty's gradient is as long as that share of the task loss's.

    Both gradients are over all penalised tensors together, at the weights that the model has. The
    strength that `penalty` has does not matter, all else of it does. The `grad` of the parameters
    stays as it is, and the graph of `loss` stays for a `backward()`.

    Args:
        model: with weights as training starts with, or anywhere on the way.
        loss: the task loss, a scalar computed with this model, over as much data as is at hand.
        penalty: one penalty, as `lpreg.L1(0)`; for the terms of a sum or a mapping ask one by one.
        where: as everywhere, see `lpreg.describe`.
        share: of the length of the loss's gradient, above 0; one or several.

    Returns:
        One strength per share, in their order: `lpreg.L1(strengths[1])`.

    Raises:
        ValueError: one of the two gradients is zero (L0 has none anywhere) or not finite, `loss`
            has no graph, a share is not above 0, or for the reasons of `where`.
    """
    if not isinstance(loss, Tensor) or loss.numel() != 1 or not loss.requires_grad:
        raise ValueError(
            "loss must be the scalar tensor on which you would call backward(), computed with this "
            "model outside torch.no_grad()."
        )
    _check_single(penalty)
    parameters = {name: held for name, (held, _) in match(model, penalty, where).items()}
    slopes = torch.autograd.grad(
        loss.sum(), list(parameters.values()), retain_graph=True, allow_unused=True
    )
    pairs = zip(parameters, slopes, strict=True)
    gradients = {name: slope for name, slope in pairs if slope is not None}
    return matched(model, gradients, penalty, where, share)


@torch.no_grad()
def matched(
    model: nn.Module,
    gradients: Mapping[str, Tensor],
    penalty: Penalty,
    where: Where = "weights",
    share: float | Iterable[float] = SHARES,
) -> tuple[float, ...]:
    """`suggest` for a gradient that the caller has, as one summed up over many batches.

    Args:
        gradients: parameter name -> gradient of the task loss, shaped like it. Those of parameters
            that `where` does not select are ignored; one that is left out is zero.
        model, penalty, where, share: as for `suggest`.

    Raises:
        ValueError: as `suggest`.
    """
    shares = _checked(share)
    _check_single(penalty)
    held = match(model, penalty, where)
    parameters = [parameter for parameter, _ in held.values()]
    task = _length(gradients[name] for name in held if name in gradients)
    pull = _length(_pulls(_with_strength_one(penalty), parameters))
    if not 0 < task < math.inf:
        raise ValueError(
            f"the gradient of the loss on the penalised tensors ({', '.join(held)}) is "
            f"{'zero' if task == 0 else 'not finite'}: compute the loss with this model, where it "
            "can be trained."
        )
    if not 0 < pull < math.inf:
        raise ValueError(_no_pull(penalty, parameters, pull))
    return tuple(each * task / pull for each in shares)


def _checked(share: float | Iterable[float]) -> tuple[float, ...]:
    shares = tuple(share) if isinstance(share, Iterable) else (share,)
    if not shares or not all(0 < each < math.inf for each in shares):
        raise ValueError(f"share = {share!r}, but it must be numbers above 0, as {SHARES}.")
    return tuple(map(float, shares))


def _check_single(penalty: object) -> None:
    terms = penalty.addends() if isinstance(penalty, Penalty) else ()
    if isinstance(penalty, Mapping) or len(terms) > 1:
        ask = "where=glob for each of its globs" if isinstance(penalty, Mapping) else "each term"
        raise ValueError(
            f"{penalty!r} has several strengths, and a share decides one: call this with {ask}."
        )


def _with_strength_one(penalty: Penalty) -> Penalty:
    """The same penalty with lam = 1."""
    (term,) = penalty.addends()
    data = zip(term.strengths, term.data(), strict=True)
    return term.with_data(tuple(1.0 if name == "lam" else value for name, value in data))


def _pulls(penalty: Penalty, parameters: list[nn.Parameter]) -> Iterator[Tensor]:
    """The gradients of a penalty on the tensors that it sees."""
    for term, tensors in together((parameter, penalty) for parameter in parameters):
        seen = joined(tensors)
        yield term.gradient(seen.to(precise(seen.device)))


def _length(tensors: Iterable[Tensor]) -> float:
    """The Euclidean norm of all tensors together."""
    each = (tensor.detach().to(precise(tensor.device)) for tensor in tensors)
    return math.hypot(*(float(torch.linalg.vector_norm(tensor)) for tensor in each))


def _no_pull(penalty: Penalty, parameters: list[nn.Parameter], pull: float) -> str:
    name = type(penalty).__name__
    if pull != 0:
        return f"the gradient of {name} at these weights is not finite: a weight is not, or nearly."
    if not any(bool((parameter != 0).any()) for parameter in parameters):
        return (
            f"all penalised weights are zero, where {name} has no slope: give them initial values."
        )
    return (
        f"{name} has no gradient at these weights, so that no strength gives it a share. For L0 "
        "choose by size: a prox with step s drops the weights below t if lam = t^2 / (2 s)."
    )
