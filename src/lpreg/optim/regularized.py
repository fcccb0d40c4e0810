"""The wrapper for people's own loops: a `torch.optim.Optimizer` around another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lpreg.optim import blocks
from lpreg.optim.checks import check_types, coupling_named, warn_of_decay, warn_of_miss
from lpreg.optim.metric import blank_state, metric
from lpreg.optim.saved import check_saved, restore, saved_of
from lpreg.optim.schedules import Schedule
from lpreg.optim.target import Moved, Per, Target, check_zeros, target_of
from lpreg.optim.value import Penalties, joined, parted, together
from lpreg.penalties.base import Penalty
from lpreg.select import Where, match


class Regularized(Optimizer):
    """`optimizer` with `penalty` on the parameters of `model` that `where` selects.

    Minimises mean task loss + the sum of the penalty over the selected tensors, in the way that
    `coupling` names: "loss", "decoupled", "proximal" or "dual_averaging" (docs/own-loop.md says
    which to choose). `penalty` may be a mapping from name globs to penalties, without `where`.

    Use it as the bare optimizer, whose `param_groups`, `state` and `defaults` it shares: learning
    rate schedulers may hold either. What `step` does beside the bare step:

    - selected parameters without a gradient are left alone, as the bare optimizer leaves them;
    - a penalty that acts through its gradient ("loss") is there during the step only: before and
      after it, and for whoever accumulates, `grad` holds the task gradient alone;
    - a closure returns the task loss, and so does `step`.

    `penalties` maps parameter names to penalties: replace an entry to change a strength on the way.
    `scale` multiplies the strengths: a number, or a mapping from names to numbers (1 where it has
    none). So does `schedule`, a function of the number of steps made so far (`Ramp(1000)`, or
    `lambda count: min(count / 1000, 1)`). `latent` holds what "dual_averaging" keeps per name.
    `zeros` holds where `hold` found zeros. All of it travels in `state_dict` but the function,
    which is code: its count does.

    With `target`, a share such as 0.95, the strengths are found during training: only how the
    penalties' strengths relate to each other matters, as one factor, `scale`, multiplies all of
    them. Over the first steps the share rises to the asked one, of all penalised weights together
    or, with `per="layer"`, of each tensor; nine tenths through the `steps` (calls of `step`, also
    counted when a run is resumed) the zeros are chosen to meet it exactly and held, see `hold`.
    With whole groups it is met to within half a group. Ask for fewer steps than the run has to
    train longer without the penalty.

    Raises `ValueError` for an unknown coupling, a `where` that selects nothing, an optimizer that
    holds nothing of what is selected, a penalty that the coupling cannot take, an optimizer whose
    metric is unknown (for "proximal" and "dual_averaging"), and `maximize=True`; with `target` for
    a share outside 0 to 1, no `steps`, and a penalty or coupling that makes no zeros.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        model: nn.Module,
        penalty: Penalties,
        coupling: str = "loss",
        where: Where = "weights",
        *,
        schedule: Schedule | None = None,
        target: float | None = None,
        per: Per = "model",
        steps: int | None = None,
    ) -> None:
        if isinstance(optimizer, Regularized):
            raise ValueError(
                "this optimizer is Regularized already: give one a sum of penalties, or a mapping "
                "from name globs to penalties."
            )
        check_types(optimizer, model)
        self.base = optimizer
        self.coupling = coupling_named(coupling)
        self.penalties: dict[str, Penalty] = {}
        self.scale: float | dict[str, float] = 1.0
        self.schedule = schedule
        self.target = target_of(target, per, steps, schedule)
        self.count = 0
        self.latent: dict[str, dict[str, Tensor]] = {}
        self.zeros: dict[str, Tensor] = {}
        self.names: dict[Tensor, str] = {}
        self._select = partial(match, model, penalty, where)
        self.__setstate__({})
        self._admit(optimizer.param_groups)
        self._scheduled()
        if not self.names:
            raise ValueError(
                f"the optimizer holds none of the penalised parameters "
                f"({', '.join(self._select())}): build it from this model's parameters, or choose "
                "others with where=..."
            )

    @property
    def param_groups(self) -> list[dict[str, Any]]:  # pyright: ignore
        return self.base.param_groups

    @property
    def state(self) -> Any:  # pyright: ignore
        return self.base.state

    @property
    def defaults(self) -> dict[str, Any]:  # pyright: ignore
        return self.base.defaults

    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # pyright: ignore
        """One step of the base optimizer and of the coupling; returns the task loss of `closure`.

        A closure is called as often as the base optimizer wishes; the base optimizer (LBFGS's line
        search asks) is told the loss with what the coupling adds to it.
        """
        task: dict[Tensor, Tensor] = {}
        losses = []

        def objective() -> Any:
            _put_back(task)
            losses.append(closure())  # pyright: ignore[reportOptionalCall]
            self._add_gradients(task)
            return None if losses[-1] is None else losses[-1] + self._added()

        try:
            if closure is None:
                self._add_gradients(task)
                result = self.base.step()
            else:
                result = self.base.step(objective)
        finally:
            _put_back(task)
        self._update()
        self.count += 1
        return losses[0] if losses else result

    @torch.no_grad()
    def hold(self) -> None:
        """From now on zeros of penalised tensors stay zero, and all else trains unpenalised.

        That takes away what the penalty took from the weights that it kept. There is no way back:
        what "dual_averaging" knew of the weights at zero is dropped.
        """
        self.zeros = {name: parameter == 0 for parameter, name in self.names.items()}
        self.latent.clear()

    @property
    def held(self) -> bool:
        """Whether `hold` was called, by hand or at the end of a target."""
        return bool(self.zeros)

    def acting(self, name: str) -> Penalty:
        """The penalty that acts on a parameter now: its own times `scale` and `schedule`."""
        scale = self.scale.get(name, 1.0) if isinstance(self.scale, dict) else self.scale
        return self.penalties[name].scaled(scale * self._scheduled())

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.base.zero_grad(set_to_none)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds to the base optimizer. What `where` selects is looked up anew, for it now."""
        self.base.add_param_group(param_group)
        self._admit(self.base.param_groups[-1:])

    def state_dict(self) -> dict[str, Any]:
        """The base optimizer's, and under "lpreg" the coupling, strengths and latent state."""
        return {**self.base.state_dict(), "lpreg": saved_of(self)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores all that `state_dict` gave, strengths included.

        `ValueError` for a state of another coupling, of other tensors or of other kinds of penalty,
        before anything has changed.
        """
        check_saved(state_dict, self)
        self.base.load_state_dict({k: v for k, v in state_dict.items() if k != "lpreg"})
        restore(state_dict["lpreg"], self)

    def __getstate__(self) -> dict[str, Any]:
        # As in Optimizer, hooks stay behind, and so does the `step` that a scheduler replaced.
        kept = (
            *("base", "coupling", "penalties", "scale", "schedule", "target", "count"),
            *("latent", "zeros", "names", "_select"),
        )
        return {key: self.__dict__[key] for key in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Optimizer.__init__ would build groups and state of its own, while its __setstate__ only
        # sets up what else an optimizer must have. The hooks of state dicts are the base's.
        self.__dict__.update(state)
        super().__setstate__({name: getattr(self.base, name) for name in _SHARED_HOOKS})

    def __repr__(self) -> str:
        return f"Regularized({self.coupling.name}, {self.penalties}, {self.base!r})"

    def _admit(self, groups: Sequence[dict[str, Any]]) -> None:
        """Take the penalised parameters of new groups, if coupling, penalty and metric agree."""
        selected = {parameter: (name, term) for name, (parameter, term) in self._select().items()}
        for group in groups:
            if group.get("maximize", False):
                raise ValueError(
                    "maximize=True would drive the penalty uphill too: minimise the negative."
                )
            for parameter in group["params"]:
                if parameter in selected:
                    name, penalty = selected[parameter]
                    self._rehearse(name, penalty, parameter, group)
                    self.names[parameter] = name
                    self.penalties[name] = penalty
        warn_of_decay(self.base, groups, self.names)

    def _rehearse(self, name: str, penalty: Penalty, w: Tensor, group: dict[str, Any]) -> None:
        """Let what cannot work fail now and not in the first step."""
        if w.is_complex():
            raise ValueError(f"{name}: a penalty is of real weights, and these are {w.dtype}.")
        blank = torch.zeros_like(w, requires_grad=False)
        try:
            self.coupling.check(penalty)
            if self.target is not None:
                check_zeros(penalty, self.coupling, w)
            step = self._step_of(group, blank_state(blank))
            self.coupling.gradient(penalty, blank)
            self.coupling.update(penalty, blank, step, self.coupling.init(penalty, blank))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error

    def _step_of(self, group: dict[str, Any], state: Mapping[str, Any]) -> Any:
        return self.coupling.step(group["lr"], partial(metric, type(self.base), group, state))

    def _penalised(self) -> Iterator[tuple[Tensor, Penalty]]:
        return ((parameter, self.acting(name)) for parameter, name in self.names.items())

    def _scheduled(self) -> float:
        factor = 1.0 if self.schedule is None else self.schedule(self.count)
        if not 0 <= factor < math.inf:
            raise ValueError(
                f"schedule({self.count}) is {factor!r}, but a strength can only be multiplied by a "
                "finite number >= 0."
            )
        return factor

    @torch.no_grad()
    def _add_gradients(self, task: dict[Tensor, Tensor]) -> None:
        """Add what acts through its gradient; `task` takes the gradients that were there."""
        for part, parameters in self._explicit():
            for parameter, gradient in parted(part.gradient(joined(parameters)), parameters):
                if parameter.grad is not None:
                    task[parameter] = parameter.grad
                    parameter.grad = parameter.grad + gradient

    @torch.no_grad()
    def _added(self) -> Tensor | float:
        """The value of what acts through its gradient."""
        return sum(part.value(joined(parameters)) for part, parameters in self._explicit())

    def _explicit(self) -> Iterator[tuple[Penalty, list[Tensor]]]:
        """What acts through its gradient, and on what it acts together."""
        if self.held:
            return
        for penalty, parameters in together(self._penalised()):
            part = self.coupling.explicit(penalty)
            if part is not None and any(parameter.grad is not None for parameter in parameters):
                yield part, parameters

    @torch.no_grad()
    def _update(self) -> None:
        """The coupling's part after the base step, for the parameters that it moved."""
        if self.target is not None and not self.held and self.target.due(self.count):
            self._aim(self.target)
        if self.held:
            for parameter, name in self.names.items():
                if name in self.zeros:  # and not in a group that came later
                    parameter.masked_fill_(self.zeros[name], 0)
            return
        for group, parameter, name in self._moved():
            state = self.state.get(parameter, {})  # reading must not add empty states
            penalty, step_of = self.acting(name), partial(self._step_of, group)
            latent = self.latent.get(name) or self.coupling.init(penalty, parameter)
            if blocks.update(self.coupling, penalty, parameter, latent, state, step_of):
                self.latent[name] = latent

    def _moved(self) -> Iterator[tuple[dict[str, Any], Tensor, str]]:
        """The penalised parameters that have a gradient, with group and name."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter in self.names and parameter.grad is not None:
                    yield group, parameter, self.names[parameter]

    def _aim(self, target: Target) -> None:
        """Solve for the strengths; at the end, choose the zeros and hold them."""
        steps = {
            name: self._step_of(group, self.state.get(parameter, {}))
            for group, parameter, name in self._moved()
        }
        moved = []
        for parameter, name in self.names.items():
            penalty, step = self.penalties[name], steps.get(name)
            latent = self.latent.get(name) or self.coupling.init(penalty, parameter)
            if step is not None:
                step = step * target.ahead(penalty, latent)
            moved.append(Moved(name, parameter, penalty, self.coupling, step, latent))
        self.scale = target.factors(self.count, moved, self.scale)
        if target.ends(self.count):
            for each in moved:
                factor = self.scale[each.name] if isinstance(self.scale, dict) else self.scale
                each.w.masked_fill_(each.zero(factor), 0)
            warn_of_miss(target.share, target.missed(moved))
            self.hold()


_SHARED_HOOKS = (
    "_optimizer_state_dict_pre_hooks",
    "_optimizer_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks",
    "_optimizer_load_state_dict_post_hooks",
)


def _put_back(task: dict[Tensor, Tensor]) -> None:
    for parameter, gradient in task.items():
        parameter.grad = gradient
    task.clear()
