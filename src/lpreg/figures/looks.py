"""How the arms look: one look for each in all pictures of a study.

The colour of an arm is that of its penalty, one of those that Okabe and Ito (2008) chose so that
the colour-blind tell them apart; its dash and its mark tell it from the other arms of that colour,
and all of them apart in grey print.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

GREY = "#7F7F7F"  # of what has no penalty; seen on white and on black
COLOURS = {
    "L1": "#0072B2",
    "L2": "#D55E00",
    "L3": "#009E73",
    "EN": "#E69F00",
    "L0": "#CC79A7",
    "Linf": "#56B4E9",
}
PLAIN = ("none", "dropout")
DASHES: dict[str, Any] = {  # Plotly's names, and what matplotlib makes of them
    "solid": "-",
    "dash": (0, (4.5, 1.6)),
    "dot": (0, (1.2, 1.2)),
    "dashdot": (0, (5, 1.3, 1.2, 1.3)),
    "longdash": (0, (9, 2)),
}
HATCHES = {"solid": "", "dash": "///", "dot": "...", "dashdot": "\\\\\\", "longdash": "---"}
MARKS = {  # the same of marks, by colour
    GREY: ("circle", "o"),
    COLOURS["L1"]: ("square", "s"),
    COLOURS["L2"]: ("diamond", "D"),
    COLOURS["L3"]: ("triangle-up", "^"),
    COLOURS["EN"]: ("triangle-down", "v"),
    COLOURS["L0"]: ("x", "X"),
    COLOURS["Linf"]: ("star", "*"),
}


class Look(NamedTuple):
    """How an arm looks.

    Attributes:
        color: of Okabe and Ito.
        dash: a key of `DASHES`.
        place: among the arms of its colour. The mark of the first is full, of the second empty, of
            the others half full.
    """

    color: str
    dash: str
    place: int

    @property
    def line(self) -> dict[str, Any]:
        """For a line of matplotlib."""
        return {"color": self.color, "linestyle": DASHES[self.dash]}

    @property
    def mark(self) -> dict[str, Any]:
        """For a mark of matplotlib."""
        style = {"markeredgecolor": self.color, "markeredgewidth": 1.2}
        style |= {"markerfacecolor": "white" if self.place == 1 else self.color}
        style |= {"fillstyle": "left", "markerfacecoloralt": "white"} if self.place > 1 else {}
        return {"marker": MARKS[self.color][1], **style}

    @property
    def web_line(self) -> dict[str, Any]:
        """For a line of Plotly."""
        return {"color": self.color, "dash": self.dash, "width": 2}

    @property
    def web_mark(self) -> dict[str, Any]:
        """For a mark of Plotly."""
        kind = ("", "-open", "-open-dot")[min(self.place, 2)]
        return {"color": self.color, "symbol": f"{MARKS[self.color][0]}{kind}"}

    @property
    def bar(self) -> dict[str, Any]:
        """For a bar of matplotlib: pale, so that what lies on it is seen."""
        edge = {"edgecolor": self.color, "linewidth": 1, "hatch": HATCHES[self.dash]}
        return {"facecolor": f"{self.color}26" if self.place else f"{self.color}80", **edge}

    @property
    def web_bar(self) -> dict[str, Any]:
        """For a bar of Plotly."""
        edge = {"color": self.color, "width": 1}
        pattern = {"shape": HATCHES[self.dash][:1], "fgcolor": self.color, "size": 7}
        pattern |= {"fillmode": "overlay", "solidity": 0.15, "bgcolor": f"{self.color}26"}
        opaque = {"color": f"{self.color}26" if self.place else f"{self.color}80"}
        return {**opaque, "line": edge, "pattern": pattern if self.place else None}


def look(arm: str, arms: Sequence[str]) -> Look:
    """How an arm looks among all arms of its study, in their order."""
    colours = _colours(arms)
    before = [other for other in arms[: arms.index(arm)] if colours[other] == colours[arm]]
    return Look(colours[arm], [*DASHES][len(before) % len(DASHES)], len(before))


def looks(frame: pd.DataFrame) -> dict[str, Look]:
    """The looks of the arms in a frame, in the order of the study.

    Args:
        frame: its column `arm` is categorical, with all arms of the study as its categories.
    """
    arms, shown = list(frame["arm"].cat.categories), set(frame["arm"])
    return {arm: look(arm, arms) for arm in arms if arm in shown}


def _colours(arms: Sequence[str]) -> Mapping[str, str]:
    """Of the known penalties their own; of the others those that are left, in turn."""
    families = list(dict.fromkeys(arm.partition("-")[0] for arm in arms))
    known = {**COLOURS, **dict.fromkeys(PLAIN, GREY)}
    taken = {known[family] for family in families if family in known}
    others = [family for family in families if family not in known]
    free = [colour for colour in COLOURS.values() if colour not in taken] or [*COLOURS.values()]
    given = {family: free[i % len(free)] for i, family in enumerate(others)}
    return {arm: {**known, **given}[arm.partition("-")[0]] for arm in arms}
