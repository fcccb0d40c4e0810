"""What is kept of a stack's training: its curves, and what became of each member."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from lpreg.train.evaluation import Evaluation
from lpreg.train.metrics import LOSSES, score
from lpreg.train.recipe import Outcome, Recipe
from lpreg.train.samples import Samples
from lpreg.train.segments import Segment
from lpreg.train.snapshots import Snapshots
from lpreg.train.stack import Stack


class Record:
    """Evaluations of all members, in evaluation mode, on every part as a whole; snapshots."""

    def __init__(
        self,
        stack: Stack,
        segments: Sequence[Segment],
        samples: Samples,
        recipe: Recipe,
        rows: Tensor | None = None,
    ) -> None:
        """`rows` are as in `Evaluation`."""
        self._stack, self._segments, self._samples = stack, segments, samples
        self._recipe, self.snapshots = recipe, Snapshots(stack, recipe.snapshots)
        self._steps: list[int] = []
        self._rows: list[dict[str, Tensor]] = []
        name, measure = score(recipe.loss)
        measures = {"loss": LOSSES[recipe.loss], name: measure}
        self._evaluation = Evaluation(stack, samples, measures, rows)

    def look(self, step: int) -> None:
        """What the recipe asks for after this many steps."""
        if self._recipe.evaluates(step):
            self._evaluate(step)
        if self._recipe.snaps(step):
            self.snapshots.take(step)

    @torch.no_grad()
    def _evaluate(self, step: int) -> None:
        self._stack.model.eval()
        row = {}
        for part in self._samples.parts:
            for name, mean in self._evaluation.means(part).items():
                row[f"{part}_{name}"] = mean
        weights = self._stack.flat[:, : self._stack.weights]
        row["zeros"] = (weights == 0).sum(1)
        row["penalty_value"] = torch.zeros_like(row["train_loss"])
        for segment in self._segments:
            row["penalty_value"][segment.rows] += segment.value(self._stack)
        row["total_loss"] = row["train_loss"] + row["penalty_value"]
        self._steps.append(step)
        self._rows.append({name: values.cpu() for name, values in row.items()})
        self._stack.model.train()

    def saved(self) -> dict[str, Tensor]:
        """All that was measured, (evaluations, members)."""
        return {"step": torch.tensor(self._steps), **self._columns()}

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        """Take what `saved` gave."""
        self._steps = saved["step"].tolist()
        columns = {name: values.cpu().unbind() for name, values in saved.items() if name != "step"}
        self._rows = [
            {name: values[i] for name, values in columns.items()} for i in range(len(self._steps))
        ]

    def _columns(self) -> dict[str, Tensor]:
        return {name: torch.stack([row[name] for row in self._rows]) for name in self._rows[0]}

    def outcomes(self, constant: Sequence[Tensor]) -> list[Outcome]:
        """One outcome per member; `constant` marks the inputs that never change in its training."""
        curves = {name: values.numpy() for name, values in self._columns().items()}
        finite = np.logical_and.reduce([np.isfinite(c) for c in curves.values()])
        sound = torch.isfinite(self._stack.flat.detach()).all(1).tolist()
        return [
            self._outcome(i, curves, finite[:, i], sound[i], constant[i])
            for i in range(len(self._stack))
        ]

    def _outcome(self, i: int, curves: dict, finite: np.ndarray, sound: bool, constant) -> Outcome:
        upto = len(finite) if finite.all() else int(finite.argmin())
        state = self._stack.state(i)
        steps = np.array(self._steps[:upto], dtype=np.int64)
        return Outcome(
            status="ok" if sound and finite.all() else "diverged",
            step=int(steps[-1]) if upto else 0,
            seconds=0.0,
            curves={"step": steps} | {k: v[:upto, i] for k, v in curves.items()},
            zeros_dead=dead_zeros(state, next(iter(self._stack.columns)), constant.cpu()),
            state=state,
            snapshots=self.snapshots.of(i),
        )


def dead_zeros(state: dict[str, Tensor], first: str, constant: Tensor) -> int:
    """Zeros of the first weight tensor, named `first`, on the constant inputs."""
    weight = state[first]
    if weight.dim() != 2 or weight.shape[1] != len(constant):
        return 0
    return int((weight[:, constant] == 0).sum())
