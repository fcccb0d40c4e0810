"""Penalties: the mathematics of one tensor and one strength."""

from lpreg.penalties.base import Penalty
from lpreg.penalties.lp import L0, L1, L2, ElasticNet, Lp

__all__ = ["L0", "L1", "L2", "PENALTIES", "ElasticNet", "Lp", "Penalty"]

PENALTIES: dict[str, type[Penalty]] = {
    penalty.__name__: penalty for penalty in (L0, L1, L2, Lp, ElasticNet)
}
