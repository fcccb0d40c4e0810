"""What the state of a `Regularized` has beside that of its base optimizer, and how it comes back.

Names are those of the bare model, strengths numbers: a state holds nothing that `torch.load` with
`weights_only` refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lpreg.optim.regularized import Regularized


def saved_of(optimizer: Regularized) -> dict[str, Any]:
    """Coupling, count and scale, and of each tensor kind, strengths, latent state and zeros."""
    tensors = {
        name: {
            "penalty": repr(penalty.structure()),
            "strengths": [float(strength) for strength in penalty.data()],
            "latent": dict(optimizer.latent.get(name, {})),
            "zeros": optimizer.zeros.get(name),
        }
        for name, penalty in optimizer.penalties.items()
    }
    scale = dict(optimizer.scale) if isinstance(optimizer.scale, dict) else optimizer.scale
    ours = {"coupling": optimizer.coupling.name, "count": optimizer.count, "scale": scale}
    return {**ours, "on": tensors}


def restore(saved: Mapping[str, Any], optimizer: Regularized) -> None:
    """Take back what `saved_of` gave, and `check_saved` has seen, as copies."""
    optimizer.scale, optimizer.count = saved.get("scale", 1.0), saved.get("count", 0)
    optimizer.zeros = {}
    for parameter, name in optimizer.names.items():
        entry, device = saved["on"][name], parameter.device
        penalty = optimizer.penalties[name]
        optimizer.penalties[name] = penalty.with_data(tuple(entry["strengths"]))
        if entry.get("zeros") is not None:
            optimizer.zeros[name] = entry["zeros"].to(device, copy=True)
        optimizer.latent[name] = {
            key: value.to(device, copy=True) for key, value in entry["latent"].items()
        }


def check_saved(state: Mapping[str, Any], optimizer: Regularized) -> None:
    """`ValueError` for a state of another coupling, of other tensors or kinds of penalty."""
    if "lpreg" not in state:
        raise ValueError(
            "this state was not saved by lpreg.Regularized: a bare optimizer's goes to "
            "regularized.base.load_state_dict(...)."
        )
    saved, coupling = state["lpreg"], optimizer.coupling.name
    if saved["coupling"] != coupling:
        raise ValueError(
            f"the state was saved with coupling {saved['coupling']!r} and this optimizer has "
            f"{coupling!r}: build it with the same."
        )
    theirs = {name: entry["penalty"] for name, entry in saved["on"].items()}
    ours = {name: repr(penalty.structure()) for name, penalty in optimizer.penalties.items()}
    if theirs != ours:
        odd = sorted(theirs.items() ^ ours.items())
        raise ValueError(
            f"the state was saved with other penalties or tensors: {odd[0][0]!r} has "
            f"{theirs.get(odd[0][0])} there and {ours.get(odd[0][0])} here; build the "
            "optimizer as it was."
        )
