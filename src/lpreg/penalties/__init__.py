"""Penalties: the mathematics of one tensor and one strength."""

from lpreg.penalties.base import Penalty
from lpreg.penalties.compose import Sum
from lpreg.penalties.group import Group, View
from lpreg.penalties.lp import L0, L1, L2, ElasticNet, Lp
from lpreg.penalties.norms import LInf, Norm

__all__ = [
    "L0",
    "L1",
    "L2",
    "PENALTIES",
    "ElasticNet",
    "Group",
    "LInf",
    "Lp",
    "Norm",
    "Penalty",
    "Sum",
    "View",
]

PENALTIES: dict[str, type[Penalty]] = {
    penalty.__name__: penalty for penalty in (L0, L1, L2, Lp, LInf, Norm, ElasticNet, Group)
}
"""The penalties by the names that studies use."""
