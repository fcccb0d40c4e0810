"""How a penalty acts on training: four couplings, each a few pure functions of one tensor.

Nothing here knows of models or optimizers, and everything vmaps: the wrapper for people's own loops
(`lpreg.Regularized`) and the stacked engine run this same code. One training step is

    gradient = task gradient + coupling.gradient(penalty, w)      # when it is not None
    the base optimizer moves w
    w, state = coupling.update(penalty, w, coupling.step(lr, metric), state)
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from lpreg.penalties.base import Penalty, nonzero

Step = float | Tensor
State = Mapping[str, Tensor]


class Coupling(ABC):
    """How a penalty acts on training. The defaults do nothing; a coupling says what it changes."""

    name: ClassVar[str]

    def check(self, penalty: Penalty) -> None:
        """Raise `ValueError` (why, and the way out) if this coupling cannot take this penalty."""
        if penalty.scope == "model":
            raise ValueError(
                f"coupling {self.name!r} works tensor by tensor and cannot take {penalty!r}: "
                "use coupling 'loss', or scope='tensor'."
            )

    def init(self, penalty: Penalty, w: Tensor) -> dict[str, Tensor]:
        """The latent state that the coupling keeps beside `w` (its tensors are shaped like `w`)."""
        return {}

    def explicit(self, penalty: Penalty) -> Penalty | None:
        """The part of the penalty that acts through its gradient, as a term of the loss would."""
        return None

    def gradient(self, penalty: Penalty, w: Tensor) -> Tensor | None:
        """What to add to the task gradient before the base step, like `w`; None for nothing."""
        part = self.explicit(penalty)
        return None if part is None else part.gradient(w)

    def step(self, lr: Step, metric: Callable[[], Step]) -> Step | None:
        """The step of the prox after the base step: a number or a tensor that broadcasts to `w`.

        `metric` is asked only when the coupling needs it; None means that there is no prox.
        """
        return None

    def update(self, penalty: Penalty, w: Tensor, step: Step, state: State) -> tuple[Tensor, State]:
        """The visible weight and the new state, from the `w` that the base optimizer left.

        Nothing is to be done, and this need not be called, where `step` gave None.
        """
        return w, state


@final
@dataclass(frozen=True)
class Loss(Coupling):
    """Adds the (sub)gradient of the penalty to the gradient: the textbook way, no exact zeros."""

    name: ClassVar[str] = "loss"

    def check(self, penalty: Penalty) -> None:
        """Every penalty has a value and a gradient: nothing is refused."""

    def explicit(self, penalty: Penalty) -> Penalty | None:
        return penalty


@final
@dataclass(frozen=True)
class Decoupled(Coupling):
    """Shrinks by the prox with step lr, whatever the optimizer: AdamW's idea, for every penalty.

    Exact zeros, but under an adaptive optimizer the fixed points belong to another objective.
    """

    name: ClassVar[str] = "decoupled"

    def step(self, lr: Step, metric: Callable[[], Step]) -> Step | None:
        return lr

    def update(self, penalty: Penalty, w: Tensor, step: Step, state: State) -> tuple[Tensor, State]:
        return penalty.prox(w, step), state


@final
@dataclass(frozen=True)
class Proximal(Coupling):
    """Applies the prox in the optimizer's own metric: exact zeros, stationary points kept."""

    name: ClassVar[str] = "proximal"

    def step(self, lr: Step, metric: Callable[[], Step]) -> Step | None:
        return metric()

    def update(self, penalty: Penalty, w: Tensor, step: Step, state: State) -> tuple[Tensor, State]:
        return penalty.prox(w, step), state


@final
@dataclass(frozen=True)
class DualAveraging(Coupling):
    """Keeps a latent dense copy z of w; the visible weight is prox(z, total step so far).

    The base optimizer, its weight decay included, moves the visible weight, and z moves by as much.
    z and the total step grow without bound while what they say stays small, so z is never stored:
    z = w + total * dual + residue, where `dual` is a subgradient of the penalty (bounded by its
    strength), `total` the accumulated step, and `residue` what rounding took from the two, without
    which float32 blurs z by total * 1e-8. For a weight at zero the dual is a running average of
    minus the task gradient, which is why mini-batch noise does not wake it (Xiao 2010, "Dual
    averaging methods for regularized stochastic learning", here in the optimizer's metric).

    Only what is positively homogeneous accumulates; a smooth rest acts through its gradient.
    The state is float32 or better, also for bfloat16 weights: 256 equal steps would stall there.
    """

    name: ClassVar[str] = "dual_averaging"

    def check(self, penalty: Penalty) -> None:
        super().check(penalty)
        homogeneous, rest = penalty.split()
        if homogeneous is None:
            raise ValueError(
                f"coupling 'dual_averaging' accumulates a positively homogeneous penalty (L1, "
                f"Group, LInf, Norm) and {penalty!r} has no such part: use coupling 'proximal'."
            )
        if rest is not None and not rest.smooth:
            raise ValueError(
                f"coupling 'dual_averaging' takes {rest!r} through its gradient, which does not "
                f"exist at zero: use coupling 'proximal' for {penalty!r}."
            )

    def init(self, penalty: Penalty, w: Tensor) -> dict[str, Tensor]:
        dtype = torch.promote_types(w.dtype, torch.float32)
        blank = torch.zeros_like(w, dtype=dtype, requires_grad=False)
        return {"dual": blank, "total": blank.clone(), "residue": blank.clone()}

    def explicit(self, penalty: Penalty) -> Penalty | None:
        return penalty.split()[1]

    def step(self, lr: Step, metric: Callable[[], Step]) -> Step | None:
        return metric()

    def update(self, penalty: Penalty, w: Tensor, step: Step, state: State) -> tuple[Tensor, State]:
        homogeneous, _ = penalty.split()
        assert homogeneous is not None  # `check` refuses other penalties
        dual, total = state["dual"], state["total"] + step
        shifted = w + state["residue"] - step * dual  # z is shifted + total * dual
        shrunk, moved = homogeneous.prox_dual(shifted, dual, nonzero(total))
        moved = moved * total.sign()  # a warm-up from lr = 0 begins with steps of zero: no dual yet
        visible = shrunk.to(w.dtype)
        residue = (shifted - visible) - total * (moved - dual)
        return visible, {"dual": moved, "total": total, "residue": residue}


COUPLINGS: dict[str, Coupling] = {
    coupling.name: coupling for coupling in (Loss(), Decoupled(), Proximal(), DualAveraging())
}
