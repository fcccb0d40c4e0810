"""Figures: their numbers as JSON, a text in their place, drawn when a reader comes near."""

from html import escape
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
import plotly.io

from lpreg.figures import FIGURES, Drawing, Evidence, pictures
from lpreg.report.html import Html, element, plain, script_json
from lpreg.report.page import section
from lpreg.report.tables import Place

Spec = dict[str, Any]
"""What Plotly draws, as nested dictionaries."""

MOST = 12
"""Lines that a text in the place of a figure names."""


def figures(evidence: Evidence) -> list[tuple[Drawing, Html]]:
    """The figures for which there are numbers, each with its part of the page."""
    ids = (f"plot-{i}" for i in count())
    found = []
    for drawing in FIGURES:
        frame = drawing.frame(evidence)
        drawn = [
            _plot(next(ids), drawing, names, drawing.plot(_escaped(rows)).to_plotly_json())
            for names, rows in pictures(drawing, frame)
        ]
        if drawn:
            caption = element("p", drawing.caption)
            part = section(f"figure-{drawing.name}", drawing.title, caption, drawn, level=3)
            found.append((drawing, part))
    return found


def _escaped(rows: pd.DataFrame) -> pd.DataFrame:
    """The same rows; their texts cannot be markup to Plotly, which knows a few tags and links."""
    changed = {}
    for name, column in rows.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            changed[name] = column.cat.rename_categories(lambda text: escape(str(text)))
        elif not pd.api.types.is_numeric_dtype(column):
            texts = [each for each in column.unique() if isinstance(each, str)]
            marked = {text: escape(text) for text in texts if escape(text) != text}
            changed[name] = column.replace(marked) if marked else column
    return rows.assign(**changed)


def _plot(id: str, drawing: Drawing, about: tuple, figure: Spec) -> Html:
    named = dict(zip(drawing.per, map(str, about), strict=True))
    place = None
    if set(Place._fields) <= named.keys():
        place = Place(*(named.pop(key) for key in Place._fields))
    words = [*([str(place)] if place else []), *(f"{key} {name}" for key, name in named.items())]
    title = f"{drawing.title}: {'; '.join(words)}" if words else drawing.title
    canvas = element(
        "div",
        class_="canvas",
        id=id,
        role="img",
        aria_label=title,
        aria_describedby=f"{id}-text",
        style=f"min-height:{figure['layout'].get('height', 420)}px",
    )
    text = element(
        "details",
        element("summary", "What it shows, as text"),
        element("p", describe(figure), id=f"{id}-text"),
    )
    numbers = script_json(str(plotly.io.to_json(figure, validate=False)), id=f"{id}-numbers")
    words = element("figcaption", "; ".join(words)) if words else None
    return element(
        "figure", canvas, words, text, numbers, class_="plot", data_place=place and place.id
    )


# ---- a figure in words --------------------------------------------------------------------------


def describe(figure: Spec) -> str:
    """A figure as text: its axes, and where each of its lines begins and ends."""
    axes = [_axis(figure, name) for name in ("yaxis", "xaxis")]
    named = [trace for trace in figure["data"] if trace.get("name")]
    lines = [line for trace in named[:MOST] if (line := _line(trace))]
    more = [f"and {len(named) - MOST} more"] if len(named) > MOST else []
    start = f"{' against '.join(filter(None, axes))}: " if any(axes) else ""
    return start + "; ".join([*lines, *more]) + "."


def _axis(figure: Spec, name: str) -> str:
    return plain(figure["layout"].get(name, {}).get("title", {}).get("text", ""))


def _line(trace: Spec) -> str:
    pairs = zip(*(np.ravel(trace.get(key, ())) for key in ("x", "y")), strict=False)
    points = [(x, y) for x, y in pairs if x == x and y == y]  # without NaN
    if not points:
        return ""
    (first, begin), (last, end) = points[0], points[-1]
    name = plain(str(trace["name"]))
    if len(points) == 1:
        return f"{name} {_short(begin)} at {_short(first)}"
    return f"{name} from {_short(begin)} at {_short(first)} to {_short(end)} at {_short(last)}"


def _short(value: Any) -> str:
    return f"{value:,.3g}" if isinstance(value, float | np.floating) else plain(str(value))
