"""Training: many networks as one stack, and one network as the textbook does it."""

from lpreg.train.host import Checkpoint, Host
from lpreg.train.loop import train_stack
from lpreg.train.metrics import LOSSES, score
from lpreg.train.precision import PRECISIONS
from lpreg.train.recipe import DTYPES, OPTIMIZERS, Build, Outcome, Recipe, Run, generator
from lpreg.train.reference import train_reference
from lpreg.train.samples import Samples
from lpreg.train.schedule import SCHEDULES

__all__ = [
    "DTYPES",
    "LOSSES",
    "OPTIMIZERS",
    "PRECISIONS",
    "SCHEDULES",
    "Build",
    "Checkpoint",
    "Host",
    "Outcome",
    "Recipe",
    "Run",
    "Samples",
    "generator",
    "score",
    "train_reference",
    "train_stack",
]
