"""What all figures of the page share, which Plotly draws.

They have no background, no width and no colour of text: those are the page's.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from lpreg.figures.looks import GREY
from lpreg.figures.style import number

GRID = "rgba(128, 128, 128, 0.25)"  # seen on white and on black
CLEAR = "rgba(0, 0, 0, 0)"
POINTS = 150  # of a line on the page: more cannot be seen, and would only make it heavy


def safe(text: object) -> str:
    """Text of the data as Plotly shows it letter by letter, which reads tags in all its texts."""
    return escape(str(text), quote=False)


def web(height: int, **layout: Any) -> go.Figure:
    """An empty figure for the page, as wide as its place, with the legend under it.

    It has no background, and no colour of text: those are the page's.

    Args:
        height: in pixels.
        layout: more of Plotly's layout.
    """
    figure = go.Figure()
    figure.update_layout(
        template=go.layout.Template(),
        height=height,
        autosize=True,
        margin={"l": 8, "r": 12, "t": 12, "b": 8},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        hovermode="closest",
        hoverlabel={"namelength": -1},
        modebar={"bgcolor": CLEAR, "color": GREY},
        legend={
            "orientation": "h",
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
            "x": 0,
            "itemwidth": 36,
            "entrywidth": 84,
            "tracegroupgap": 0,
            "font": {"size": 12},
        },
    )
    figure.update_layout(layout)
    return figure


def rule(**axis: Any) -> dict[str, Any]:
    """An axis of a figure for the page."""
    colour = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": GRID}
    return {**colour, "automargin": True, "zeroline": False, "tickfont": {"size": 12}, **axis}


def log_rule(low: float, high: float, **axis: Any) -> dict[str, Any]:
    """A logarithmic axis from here to there, for the page: its type, range and ticks."""
    powers = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    steps = (1.0, 3.0) if high / low < 1000 else (1.0,)
    ticks = [step * 10.0**power for power in powers for step in steps]
    ends = [float(np.log10(low)), float(np.log10(high))]
    known = {"type": "log", "range": ends, "tickvals": ticks}
    return {**known, "ticktext": [number(tick) for tick in ticks], **axis}


def menu(buttons: Sequence[Mapping[str, Any]], **where: Any) -> dict[str, Any]:
    """Buttons above a figure of the page, the first of them pressed.

    They are light with dark text on every page, as Plotly has one light colour for the pressed one.
    """
    return {
        "buttons": list(buttons),
        "type": "buttons",
        "direction": "right",
        "x": 0,
        "xanchor": "left",
        "y": 1,
        "yanchor": "bottom",
        "pad": {"b": 8},
        "bgcolor": "#D5D5D5",
        "bordercolor": "#808080",
        "font": {"color": "#222222", "size": 12},
        **where,
    }


def thin(rows: pd.DataFrame, points: int = POINTS) -> pd.DataFrame:
    """At most about so many rows, evenly spaced, the last among them."""
    return rows.iloc[:: -ceil(len(rows) / points)].iloc[::-1]


def packed(values: ArrayLike) -> dict[str, Any]:
    """The same where Plotly leaves them as text: in what a button or a slider changes."""
    array = np.ascontiguousarray(values if isinstance(values, np.ndarray) else light(values))
    names = {"float32": "f4", "int32": "i4", "uint8": "u1"}
    shape = {"shape": ", ".join(map(str, array.shape))} if array.ndim > 1 else {}
    text = b64encode(array.tobytes()).decode("ascii")
    return {"dtype": names[str(array.dtype)], "bdata": text, **shape}


def light(values: ArrayLike) -> np.ndarray:
    """Numbers of the page: as precise as a picture needs them, half as heavy."""
    array = np.asarray(values)
    return array.astype(np.int32 if np.issubdtype(array.dtype, np.integer) else np.float32)
