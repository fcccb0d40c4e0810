"""A share of exact zeros in the place of a strength, which is then found during training.

For every penalty that makes zeros, the share of zeros rises with the strength. So the strength
need not be learned by trial: whenever it is due, it is solved for, as the multiplier of all
strengths at which the prox gives the share that is asked for by then (bisection, begun at the last
one). That share rises as in Zhu & Gupta (2017), "To prune, or not to prune".

Noise of mini-batches wakes a few weights in every step. Under `proximal` with a convex penalty, a
strength that undoes all of that at once shrinks the others far too much: there it is the one at
which the prox of `HORIZON` steps would give the share, for what is so near to zero is on its way.
`dual_averaging` averages the noise away, and at p < 1 zeros sleep deep: there, a single step.

Tried on the digits (perceptrons, Adam, cosine decay, share 0.95 or 0.9, two seeds): L1 and
`proximal` had test errors of 6.2, 5.8 and 5.3 % at horizons of 1, 10 and 100. Of rises over 0.1,
0.3, 0.6 and all of the steps, 0.6 is the middle: L0 and p = 1/2 gain from long ones, the training
loss of L1 from short ones. A controller that moves the strength by what is missing of the share
(gains of 0.02 and 0.1 per step) overshoots: all weights die, and no strength brings them back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lpreg.optim.couplings import Coupling, Step
from lpreg.optim.schedules import Schedule
from lpreg.penalties.base import Penalty

HORIZON = 100
"""Steps whose prox counts, for convex penalties in couplings without a memory of their own."""
EVERY = 10
"""Steps from one strength to the next, fewer in runs of less than five hundred."""
RAMP = 0.6
"""The part of the steps in which the share rises."""
NEAR = 1e-3
"""By how much the share may be missed on the way."""
FAINTEST, STRONGEST, REACH = 1e-20, 1e20, 1e15

Per = Literal["model", "layer"]


@dataclass(frozen=True)
class Moved:
    """A penalised tensor as the base step left it, and the `step` of the prox that counts.

    None: the tensor had no gradient and did not move.
    """

    name: str
    w: Tensor
    penalty: Penalty
    coupling: Coupling
    step: Step | None
    latent: Mapping[str, Tensor]

    def zero(self, factor: float) -> Tensor:
        """Where the prox of `factor` times the penalty leaves zeros, like w."""
        if self.step is None:
            return self.w == 0
        penalty = self.penalty.scaled(factor)
        return self.coupling.update(penalty, self.w, self.step, self.latent)[0] == 0

    def group(self) -> int:
        """How many entries go to zero at once."""
        blank = torch.zeros_like(self.w)
        return self.w.numel() // self.penalty.distance(blank, blank).numel()


@dataclass(frozen=True)
class Target:
    """What `Regularized(..., target=share, steps=steps, per=per)` asks for; pure functions."""

    share: float
    steps: int | None
    per: Per = "model"

    def __post_init__(self) -> None:
        if isinstance(self.share, bool) or not 0 < self.share < 1:
            raise ValueError(
                f"target={self.share!r}, but it must be a share of zeros above 0 and below 1, as "
                "0.95 (at 1 no weight would be left)."
            )
        if self.steps is None:
            raise ValueError(
                f"target={self.share!r} needs steps=N, the number of calls of step() in the whole "
                "run (batches times epochs, divided by the batches that you accumulate): the zeros "
                "are held in its last tenth. If you do not know it, train without target and call "
                "hold() when enough weights are zero."
            )
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or self.steps < 1:
            raise ValueError(f"steps={self.steps!r}, but it must be a whole number above 0.")
        if self.per not in ("model", "layer"):
            raise ValueError(f"per={self.per!r}, but it must be 'model' or 'layer'.")

    @property
    def last(self) -> int:
        """The step, counted from 1, after which the zeros are held."""
        assert self.steps is not None
        return self.steps - self.steps // 10

    def due(self, count: int) -> bool:
        """Whether the strength is to be solved for in this step, `count` having been made."""
        every = max(1, min(EVERY, self.last // 50))
        return count % every == 0 or self.ends(count)

    def ends(self, count: int) -> bool:
        return count + 1 >= self.last

    def ahead(self, penalty: Penalty, latent: Mapping[str, Tensor]) -> int:
        """How many steps the prox that counts is long."""
        return 1 if latent or not penalty.convex else max(1, min(HORIZON, self.last // 10))

    def by_now(self, count: int) -> float:
        """The share that is asked for in this step."""
        left = max(0.0, 1 - (count + 1) / (RAMP * self.last))
        return self.share if self.ends(count) else self.share * (1 - left**3)

    def factors(
        self, count: int, moved: Sequence[Moved], near: float | Mapping[str, float]
    ) -> float | dict[str, float]:
        """The multiplier of the strengths, or one per tensor, from those of the last time."""
        found, start = (near, 1.0) if isinstance(near, Mapping) else ({}, near)
        if self.per == "model":
            return self._factor(count, moved, start)
        return {
            each.name: self._factor(count, [each], found.get(each.name, start)) for each in moved
        }

    def missed(self, moved: Sequence[Moved]) -> Iterator[str]:
        """In words, where the share of zeros is off by more than 0.01 and more than a group."""
        together = [("the model", moved)] if self.per == "model" else []
        for name, parts in together or [(each.name, [each]) for each in moved]:
            size = sum(each.w.numel() for each in parts)
            zeros = count_true(each.w == 0 for each in parts)
            if abs(zeros - self.share * size) > max(0.01 * size, *(each.group() for each in parts)):
                yield f"{name} has {zeros / size:.1%} zeros"

    def _factor(self, count: int, moved: Sequence[Moved], near: float) -> float:
        size = sum(each.w.numel() for each in moved)
        exact = self.ends(count)
        return solve(
            lambda factor: count_true(each.zero(factor) for each in moved),
            self.by_now(count) * size,
            near,
            slack=0.5 if exact else NEAR * size,
            ratio=1 + 1e-9 if exact else 1.05,
        )


def target_of(
    share: float | None, per: Per, steps: int | None, schedule: Schedule | None
) -> Target | None:
    """The target that these arguments ask for, if any; `ValueError` where they disagree."""
    if share is None:
        if steps is not None or per != "model":
            raise ValueError(f"steps={steps!r} and per={per!r} say how to reach target=..., none.")
        return None
    if schedule is not None:
        raise ValueError(
            "target finds the strength by itself, and schedule changes it too: leave one out."
        )
    return Target(share, steps, per)


def solve(
    zeros: Callable[[float], int], goal: float, near: float, slack: float, ratio: float
) -> float:
    """The factor at which `zeros`, which never falls with it, is nearest to `goal`.

    `near` itself if it does within `slack`, or if no factor has so many zeros (a learning rate of
    0). If every factor has more, the faintest. Two factors nearer than `ratio` are one.
    """
    found = zeros(near)
    if abs(found - goal) <= slack:
        return near
    rising, reach = found < goal, 1.1
    inner, inner_zeros = near, found
    while True:
        outer = min(max(near * reach if rising else near / reach, FAINTEST), STRONGEST)
        outer_zeros = zeros(outer)
        if (outer_zeros < goal) != rising:
            break
        if reach > REACH:
            return near if rising else outer
        inner, inner_zeros, reach = outer, outer_zeros, reach**2
    ends = [(inner, inner_zeros), (outer, outer_zeros)]
    (low, below), (high, above) = ends if rising else ends[::-1]
    while high > low * ratio:
        middle = math.sqrt(low * high)
        found = zeros(middle)
        if abs(found - goal) <= slack:
            return middle
        if found < goal:
            low, below = middle, found
        else:
            high, above = middle, found
    return low if goal - below < above - goal else high


def count_true(masks: Iterable[Tensor]) -> int:
    """How many entries are true; one transfer from the device."""
    return int(torch.stack([mask.sum() for mask in masks]).sum())


def check_zeros(penalty: Penalty, coupling: Coupling, w: Tensor) -> None:
    """`ValueError` if no strength of this penalty can give `w` a share of exact zeros."""
    if coupling.step(1.0, lambda: 1.0) is None:
        raise ValueError(
            f"coupling {coupling.name!r} makes no exact zeros, so that no target can be met: use "
            "'proximal' or 'dual_averaging'."
        )
    some = torch.ones_like(w, requires_grad=False)
    if not torch.isfinite(penalty.lam_max(some)):
        raise ValueError(
            f"{penalty!r} shrinks weights and makes no zeros, whatever its strength: a target "
            "needs a penalty that does (L1, ElasticNet, Group, L0, Lp with p <= 1)."
        )
    if bool((penalty.scaled(STRONGEST).prox(some) != 0).any()):
        raise ValueError(
            f"{penalty!r} has strength 0, which no factor makes stronger: with a target use 1, "
            "the strength is found during training."
        )
    if penalty.distance(torch.zeros_like(some), some).numel() == 1 < w.numel():
        raise ValueError(
            f"{penalty!r} takes this tensor as one group, which can only be zero as a whole: no "
            "share of it can be asked for; leave it out by where=..., or choose L1 or smaller "
            "groups."
        )
