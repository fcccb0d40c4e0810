"""Penalties by the names that the estimators take, and the coupling that suits each."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from lpreg.optim import COUPLINGS
from lpreg.penalties import L0, L1, L2, ElasticNet, Group, LInf, Lp, Norm, Penalty
from lpreg.views import Columns

Act = Penalty | Mapping[str, Penalty] | None
"""What acts on the weights of one network: a penalty, a mapping glob -> penalty, or nothing."""


class Shape(NamedTuple):
    """What a penalty has besides its strength."""

    p: float | None
    l1_ratio: float


NAMES: dict[str, Callable[[float, Shape], Penalty]] = {
    "l1": lambda lam, _: L1(lam),
    "l2": lambda lam, _: L2(lam),
    "elasticnet": lambda lam, shape: ElasticNet(lam, shape.l1_ratio),
    "group": lambda lam, _: Group(lam, Columns()),
    "linf": lambda lam, _: LInf(lam),
    "l0": lambda lam, _: L0(lam),
    "lp": lambda lam, shape: Lp(lam, _given("lp", shape.p)),
    "norm": lambda lam, shape: Norm(lam, _given("norm", shape.p)),
}


def _given(name: str, p: float | None) -> float:
    if p is None:
        raise ValueError(f"penalty={name!r} needs its exponent: p=1.5, say")
    return p


def act(penalty: str | Act, lam: float, shape: Shape) -> Act:
    """What the parameters of an estimator ask for; objects keep their own strengths.

    Raises:
        ValueError: an unknown name, or an argument that the penalty refuses.
        TypeError: neither a name nor a penalty.
    """
    if penalty is None or isinstance(penalty, Penalty | Mapping):
        return penalty
    if not isinstance(penalty, str):
        raise TypeError(f"penalty={penalty!r} is no penalty; allowed: {_allowed()}")
    if penalty not in NAMES:
        raise ValueError(f"penalty={penalty!r} is unknown; allowed: {_allowed()}")
    return NAMES[penalty](lam, shape)


def _allowed() -> str:
    names = ", ".join(map(repr, NAMES))
    return f"{names}, None, or an object such as lpreg.L1(1e-3) or a mapping of globs to such"


def strengthened(penalty: str | Act, lam: float, shape: Shape) -> Penalty:
    """The penalty with this strength, in the place of the one that an object has.

    Raises:
        ValueError: there is no penalty, or it has more strengths than one.
    """
    one = act(penalty, lam, shape)
    if not isinstance(one, Penalty) or len(one.addends()) > 1:
        raise ValueError(
            f"penalty={penalty!r} does not have one strength to choose: give a single penalty, or "
            "search with GridSearchCV over the parameter penalty"
        )
    return replace(one, lam=lam)  # pyright: ignore


def coupling(name: str, penalty: Act) -> str:
    """The coupling, `"auto"` resolved.

    What is smooth acts by its gradient, which has the same stationary points and costs least. Of
    the others, `dual_averaging` where the penalty allows it, since it finds zeros in spite of the
    noise of batches; else `proximal`; and `loss` for what has no exact prox.

    Raises:
        ValueError: an unknown name, or a coupling that cannot take the penalty.
    """
    terms = list(penalty.values()) if isinstance(penalty, Mapping) else [penalty]
    penalties = [term for term in terms if isinstance(term, Penalty)]
    if name == "auto":
        smooth = all(term.smooth for term in penalties)
        fit = (each for each in ("dual_averaging", "proximal") if _takes(each, penalties))
        return "loss" if smooth else next(fit, "loss")
    if name not in COUPLINGS:
        raise ValueError(f"coupling={name!r} is unknown; allowed: auto, {', '.join(COUPLINGS)}")
    for each in penalties:
        COUPLINGS[name].check(each)
    return name


def _takes(coupling: str, penalties: list[Penalty]) -> bool:
    try:
        for penalty in penalties:
            COUPLINGS[coupling].check(penalty)
    except ValueError:
        return False
    return True
