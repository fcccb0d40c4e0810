"""Every penalty that the laws are tried on: a new one is a line here.

Strengths and steps are sums of few powers of two, so that lam * step is exact in float32 too.
"""

import math

from lpreg.penalties import L0, L1, L2, ElasticNet, Group, LInf, Lp, Norm, Penalty
from lpreg.views import Columns, Filters, Rows, Whole

SHAPE = (3, 2, 3)
"""Of the tensors of the laws: every view takes it."""

POWERS = (0.1, 0.25, 1 / 2, 2 / 3, 0.9, 1, 1.05, 1.25, 4 / 3, 3 / 2, 1.9, 2, 2.5, 3, 4, 7, 50)

SEPARABLE: dict[str, Penalty] = {
    "L0": L0(0.5),
    "L1": L1(0.5),
    "L2": L2(0.75),
    **{f"Lp {p:.4g}": Lp(0.75, p) for p in POWERS},
    "ElasticNet": ElasticNet(0.5, 0.25),
    "ElasticNet, no L1": ElasticNet(0.5, 0.0),
    "ElasticNet, no L2": ElasticNet(0.5, 1.0),
}
NEAR_THE_ENDS: dict[str, Penalty] = {
    f"Lp {p:.4g}": Lp(0.75, p) for p in (0.01, 0.99, 0.9999, 1.0001, 1.01, 1.99, 2.01, 1000)
}
"""Powers for which floating point reaches only some of the laws: the prox is exact for them too."""
NORMS: dict[str, Penalty] = {
    "LInf": LInf(0.5),
    "LInf, model": LInf(0.5, "model"),
    "Norm 1": Norm(0.5, 1),
    "Norm 2": Norm(0.75, 2),
    "Norm inf": Norm(0.5, math.inf),
    "Group rows": Group(0.5, Rows()),
    "Group columns": Group(0.25, Columns()),
    "Group filters": Group(0.75, Filters()),
    "Group whole": Group(0.125, Whole()),
}
SEPARABLE_SUMS: dict[str, Penalty] = {
    "L1 + L2": L1(0.5) + L2(0.25),
    "L1 + ElasticNet": L1(0.25) + ElasticNet(0.5, 0.5),
    "L0 + L2": L0(0.5) + L2(0.25),
    "Lp 1/2 + L2": Lp(0.5, 0.5) + L2(0.25),
    "Lp 1/2 + L1": Lp(0.5, 0.5) + L1(0.125),
    "L3 + ElasticNet": Lp(0.5, 3) + ElasticNet(0.5, 0.25),
}
OTHER_SUMS: dict[str, Penalty] = {
    "LInf + L2": LInf(0.5) + L2(0.25),
    "Norm 2 + L2": Norm(0.5, 2) + L2(0.25),
    "Group + L2": Group(0.25, Columns()) + L2(0.25),
    "L1 + Group": L1(0.25) + Group(0.25, Rows()),
    "L1 + LInf + L2": L1(0.125) + LInf(0.5) + L2(0.25),
    "ElasticNet + Norm 2": ElasticNet(0.25, 0.5) + Norm(0.5, 2),
}
WITHOUT_PROX: dict[str, Penalty] = {
    "Norm 3": Norm(0.5, 3),
    "Norm 1.5, model": Norm(0.5, 1.5, "model"),
    "L3 + LInf": Lp(0.5, 3) + LInf(0.25),
    "L0 + Group": L0(0.5) + Group(0.25, Rows()),
}
WITH_PROX = SEPARABLE | NORMS | SEPARABLE_SUMS | OTHER_SUMS
CASES = WITH_PROX | WITHOUT_PROX
