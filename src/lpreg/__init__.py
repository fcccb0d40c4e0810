"""Lp-norm regularization for PyTorch: exact penalties, and a lab that compares them.

The names below are imported when they are first used, so that `import lpreg` costs nothing and
the library part never asks for the packages of the lab.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lpreg import views as views
    from lpreg.comparison import Comparison as Comparison
    from lpreg.comparison import compare as compare
    from lpreg.estimators import LpMLPClassifier as LpMLPClassifier
    from lpreg.estimators import LpMLPClassifierCV as LpMLPClassifierCV
    from lpreg.estimators import LpMLPRegressor as LpMLPRegressor
    from lpreg.estimators import LpMLPRegressorCV as LpMLPRegressorCV
    from lpreg.optim import Ramp as Ramp
    from lpreg.optim import Regularized as Regularized
    from lpreg.optim import certificate as certificate
    from lpreg.optim import penalty_value as penalty_value
    from lpreg.optim import suggest as suggest
    from lpreg.penalties import L0 as L0
    from lpreg.penalties import L1 as L1
    from lpreg.penalties import L2 as L2
    from lpreg.penalties import ElasticNet as ElasticNet
    from lpreg.penalties import Group as Group
    from lpreg.penalties import LInf as LInf
    from lpreg.penalties import Lp as Lp
    from lpreg.penalties import Norm as Norm
    from lpreg.select import describe as describe
    from lpreg.structure import compact as compact
    from lpreg.structure import sparsity as sparsity
    from lpreg.study import load as load
    from lpreg.study import read as read
    from lpreg.study import snapshots as snapshots

__version__ = "0.1.0"

__all__ = [
    "L0",
    "L1",
    "L2",
    "Comparison",
    "ElasticNet",
    "Group",
    "LInf",
    "Lp",
    "LpMLPClassifier",
    "LpMLPClassifierCV",
    "LpMLPRegressor",
    "LpMLPRegressorCV",
    "Norm",
    "Ramp",
    "Regularized",
    "__version__",
    "certificate",
    "compact",
    "compare",
    "describe",
    "load",
    "penalty_value",
    "read",
    "snapshots",
    "sparsity",
    "suggest",
    "views",
]

_PENALTIES = ("L0", "L1", "L2", "ElasticNet", "Group", "LInf", "Lp", "Norm")
_LIBRARY = {
    **dict.fromkeys(_PENALTIES, "lpreg.penalties"),
    **dict.fromkeys(
        ("Ramp", "Regularized", "certificate", "penalty_value", "suggest"), "lpreg.optim"
    ),
    **dict.fromkeys(("compact", "sparsity"), "lpreg.structure"),
    "describe": "lpreg.select",
}
_ESTIMATORS = ("LpMLPClassifier", "LpMLPClassifierCV", "LpMLPRegressor", "LpMLPRegressorCV")
_LAB: dict[str, str] = {
    **dict.fromkeys(("load", "read", "snapshots"), "lpreg.study"),
    **dict.fromkeys(("Comparison", "compare"), "lpreg.comparison"),
    **dict.fromkeys(_ESTIMATORS, "lpreg.estimators"),
}


def __getattr__(name: str) -> Any:
    if name == "views":
        return import_module("lpreg.views")
    if name in _LIBRARY:
        return getattr(import_module(_LIBRARY[name]), name)
    if name in _LAB:
        return getattr(_import_lab(name), name)
    raise AttributeError(f"module 'lpreg' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def _import_lab(name: str) -> Any:
    try:
        return import_module(_LAB[name])
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("lpreg"):
            raise
        install = f'lpreg.{name}: {error.name} is not installed: pip install "lpreg[lab]"'
        raise ModuleNotFoundError(install, name=error.name) from None
