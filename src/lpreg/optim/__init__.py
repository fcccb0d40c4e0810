"""Couplings of a penalty to training, and the wrapper for people's own loops."""

from lpreg.optim.certificate import Certificate, certificate
from lpreg.optim.couplings import COUPLINGS, Coupling, Decoupled, DualAveraging, Loss, Proximal
from lpreg.optim.metric import METRICS, metric
from lpreg.optim.regularized import Regularized
from lpreg.optim.schedules import Ramp, Schedule
from lpreg.optim.suggest import matched, suggest
from lpreg.optim.value import penalty_value

__all__ = [
    "COUPLINGS",
    "METRICS",
    "Certificate",
    "Coupling",
    "Decoupled",
    "DualAveraging",
    "Loss",
    "Proximal",
    "Ramp",
    "Regularized",
    "Schedule",
    "certificate",
    "matched",
    "metric",
    "penalty_value",
    "suggest",
]
