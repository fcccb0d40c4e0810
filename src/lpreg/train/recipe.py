"""What training takes and gives: a recipe, runs and outcomes, and their random generators."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

from lpreg.penalties import Penalty
from lpreg.select import Where

Build = Callable[[torch.Generator], nn.Module]
"""Makes a network with fresh weights from a generator."""

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}
DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Recipe:
    """How to train: what all members of a stack have in common.

    Attributes:
        optimizer: a name of `OPTIMIZERS`.
        momentum: of SGD. nesterov: its variant.
        weight_decay: the optimizer's own.
        batch_size: samples per step, None for the full batch; a last smaller batch is kept.
        steps: optimizer steps in all.
        schedule: a name of `SCHEDULES`. warmup: steps of linear rise before it.
        loss: a name of `LOSSES`.
        evaluate_every: steps between evaluations; the first is before step 1, the last at the end.
        dtype: of weights and inputs, a name of `DTYPES`.
        precision: of the products in the networks, a name of `PRECISIONS`; float32 is `dtype`'s.
        channels_last: images and the weights of their convolutions in that memory format, in a
            stack of one.
        snapshots: globs of the parameters to keep copies of.
        snapshot_every: steps between the copies; 0 for the first and the last alone, which are
            always kept.
    """

    optimizer: str = "adam"
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    batch_size: int | None = 64
    steps: int = 1800
    schedule: str = "constant"
    warmup: int = 0
    loss: str = "cross_entropy"
    evaluate_every: int = 12
    dtype: str = "float32"
    precision: str = "float32"
    channels_last: bool = False
    snapshots: tuple[str, ...] = ()
    snapshot_every: int = 0

    def make_optimizer(
        self, params: list[nn.Parameter], lr: float, *, fused: bool = False
    ) -> torch.optim.Optimizer:
        """The stock torch optimizer of this recipe over these parameters."""
        options: dict = {"lr": lr, "weight_decay": self.weight_decay, "fused": fused}
        if self.optimizer == "sgd":
            options |= {"momentum": self.momentum, "nesterov": self.nesterov}
        return OPTIMIZERS[self.optimizer](params, **options)

    def evaluates(self, step: int) -> bool:
        """Whether the networks are evaluated after this many steps."""
        return step % self.evaluate_every == 0 or step == self.steps

    def snaps(self, step: int) -> bool:
        """Whether copies of the snapshot tensors are kept after this many steps."""
        at_an_end = step in (0, self.steps)
        between = self.snapshot_every > 0 and step % self.snapshot_every == 0
        return bool(self.snapshots) and (at_an_end or between)


@dataclass(frozen=True)
class Run:
    """One network to train: what a member is to the engine.

    Attributes:
        seed: of the initial weights, the batch order and the dropout masks.
        lr: the learning rate.
        penalty: what acts on its weights, or a mapping glob -> penalty, or None.
        coupling: how, a name of `lpreg.optim.COUPLINGS`.
        where: which parameters, see `lpreg.select`; left out with a mapping.
        rows: of the training part, those that it trains on, None for all; its "train" columns are
            of these. Runs of one stack have equally many.
    """

    seed: int
    lr: float
    penalty: Penalty | Mapping[str, Penalty] | None = None
    coupling: str = "loss"
    where: Where = "weights"
    rows: tuple[int, ...] | None = None


@dataclass
class Outcome:
    """What became of a run.

    Attributes:
        status: "ok" or "diverged" (a loss or a weight was not finite).
        step: the last step whose evaluation was finite.
        seconds: its share of the stack's wall time.
        curves: column -> (evaluations,): "step", for each part "{part}_loss" (the task loss) and
            "{part}_accuracy" or "{part}_mse", "zeros" (exact, among the weights), "penalty_value",
            "total_loss" (training task loss + penalty value).
        zeros_dead: zeros in the first layer on inputs that are constant in the training part.
        state: the last weights and buffers, on the CPU.
        snapshots: name of a parameter -> (k, *shape) float32, and "step" -> (k,) the steps that
            they are from; empty if the recipe asks for none.
    """

    status: str
    step: int
    seconds: float
    curves: dict[str, np.ndarray]
    zeros_dead: int
    state: dict[str, Tensor]
    snapshots: dict[str, np.ndarray]


def generator(seed: int, stream: str, device: str | torch.device = "cpu") -> torch.Generator:
    """A generator of its own for each use of a seed ("init", "batches", "dropout")."""
    words = np.random.SeedSequence([seed, crc32(stream.encode())]).generate_state(2, np.uint32)
    return torch.Generator(device).manual_seed(int(words[0]) << 32 | int(words[1]) >> 1)
