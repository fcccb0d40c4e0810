"""A penalty in a Lightning training: a callback that wraps what `configure_optimizers` returned."""

from __future__ import annotations

import math
from collections.abc import Container
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from lpreg.optim import Regularized, penalty_value
from lpreg.optim.value import Penalties
from lpreg.select import Where, match

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
    from lightning.pytorch.strategies import DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] != "lightning":
        raise
    install = "lpreg.integrations.lightning: lightning is not installed: pip install lightning"
    raise ModuleNotFoundError(install, name=error.name) from None


class Regularization(Callback):
    """Trains with `penalty`, as `lpreg.Regularized(optimizer, module, penalty, ...)` does.

    Every optimizer of the module that holds something of what `where` selects is wrapped before
    training starts; learning rate schedulers stay with the optimizer that they were made for, which
    shares its `param_groups` with the wrapper. The state of the wrapper is part of the checkpoint's
    optimizer states: a resumed training gives the same numbers.

    Names in `where` are those of the LightningModule, "model.0.weight" for instance; `options` are
    the further keyword arguments of `Regularized` (`steps`, for a `target`, are those of the
    Trainer unless given or stepped by hand). At the end of each training epoch `penalty_value`
    (over all penalised tensors) and `zeros` (the share of exact ones) are logged.

    Raises in `Trainer.fit` the errors of `Regularized`, and `ValueError` for a strategy that splits
    tensors between processes: a penalty is a function of whole tensors.
    """

    def __init__(
        self,
        penalty: Penalties,
        coupling: str = "loss",
        where: Where = "weights",
        **options: Any,
    ) -> None:
        self.penalty = penalty
        self.coupling = coupling
        self.where = where
        self.options = options

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # By now the optimizers are there, and no checkpoint has been loaded into them yet.
        if isinstance(trainer.strategy, _SHARDED):
            raise ValueError(
                f"{type(trainer.strategy).__name__} cuts tensors into pieces, and a penalty is a "
                "function of whole ones: train on one device or with DDP."
            )
        penalised = {w for w, _ in match(pl_module, self.penalty, self.where).values()}
        held = [_holds(optimizer, penalised) for optimizer in trainer.optimizers]
        trainer.optimizers = [
            self._wrapped(optimizer, trainer) if holds or not any(held) else optimizer
            for optimizer, holds in zip(trainer.optimizers, held, strict=True)
        ]  # where none holds any, Regularized raises its own error

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        acting = {
            name: optimizer.acting(name)
            for optimizer in trainer.optimizers
            if isinstance(optimizer, Regularized)
            for name in optimizer.penalties
        }
        weights = [w for w, _ in match(pl_module, acting).values()]
        zeros = sum(int((w == 0).sum()) for w in weights) / sum(w.numel() for w in weights)
        with torch.no_grad():
            value = penalty_value(pl_module, acting)
        pl_module.log_dict({"penalty_value": value, "zeros": zeros}, sync_dist=True)

    def _wrapped(self, optimizer: Optimizer, trainer: Trainer) -> Regularized:
        options, module = dict(self.options), trainer.lightning_module
        if options.get("target") is not None and module.automatic_optimization:
            steps = trainer.estimated_stepping_batches  # infinity or -1: nobody knows
            options.setdefault("steps", int(steps) if 0 < steps < math.inf else None)
        return _Wrapped(optimizer, module, self.penalty, self.coupling, self.where, **options)


class _Wrapped(Regularized):
    """As Lightning likes its wrappers: `LearningRateMonitor` looks here for the scheduler's own."""

    @property
    def optimizer(self) -> Optimizer:
        return self.base


_SHARDED = (FSDPStrategy, ModelParallelStrategy, DeepSpeedStrategy)


def _holds(optimizer: Optimizer, parameters: Container[Tensor]) -> bool:
    return any(w in parameters for group in optimizer.param_groups for w in group["params"])
