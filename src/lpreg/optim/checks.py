"""What `Regularized` refuses or warns of, in words."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from lpreg.optim.couplings import COUPLINGS, Coupling


def check_types(optimizer: object, model: object) -> None:
    if not isinstance(optimizer, Optimizer) or not isinstance(model, nn.Module):
        raise TypeError(
            "Regularized(optimizer, model, penalty) needs a torch.optim.Optimizer and an "
            f"nn.Module, in this order, not {type(optimizer).__name__} and {type(model).__name__}."
        )
    if type(optimizer).__module__.partition(".")[0] == "accelerate":
        raise ValueError(
            "this optimizer was prepared by accelerate, which skips steps without saying so: give "
            "Regularized the bare one, and prepare what it gives."
        )


def coupling_named(name: str) -> Coupling:
    if name not in COUPLINGS:
        near = difflib.get_close_matches(str(name), COUPLINGS, n=1, cutoff=0.3)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ValueError(f"coupling={name!r} is none of {', '.join(COUPLINGS)}{hint}.")
    return COUPLINGS[name]


def warn_of_decay(
    optimizer: Optimizer, groups: Iterable[dict[str, Any]], names: Mapping[Tensor, str]
) -> None:
    decays = {
        names[parameter]: group["weight_decay"]
        for group in groups
        for parameter in group["params"]
        if parameter in names and group.get("weight_decay", 0) != 0
    }
    if decays:
        kind = type(optimizer).__name__
        numbers = ", ".join(f"{decay:g}" for decay in sorted(set(decays.values())))
        warnings.warn(
            f"weight_decay={numbers} of {kind} also shrinks {len(decays)} of the penalised "
            f"tensors ({', '.join(decays)}): training then minimises something else than the task "
            f"loss + penalty; build {kind} with weight_decay=0 unless you mean it.",
            UserWarning,
            stacklevel=4,
        )


def warn_of_miss(target: float, missed: Iterable[str]) -> None:
    """Say where the zeros that are held are not as many as were asked for."""
    if where := ", ".join(missed):
        warnings.warn(
            f"target={target!r} is missed: {where}, which are held now. A strength can make none "
            "where the learning rate is 0 or a tensor has no gradient, and cannot spare weights "
            "whose gradient is always 0.",
            UserWarning,
            stacklevel=5,
        )
