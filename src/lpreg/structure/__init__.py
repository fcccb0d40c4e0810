"""What zeros mean for a network: which units are dead, and the same function without them."""

from lpreg.structure.compact import compact
from lpreg.structure.paths import dead_units, effective
from lpreg.structure.sparsity import THRESHOLDS, Sparsity, counted, sparsity
from lpreg.structure.wiring import chain

__all__ = [
    "THRESHOLDS",
    "Sparsity",
    "chain",
    "compact",
    "counted",
    "dead_units",
    "effective",
    "sparsity",
]
