"""First-layer weight maps of all arms beside each other, with a slider over the epochs."""

from math import ceil
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure

from lpreg.figures import weightmaps
from lpreg.figures.drawing import Evidence, needing
from lpreg.figures.film import REMOVED, Film, Shape, films, labels
from lpreg.figures.web import packed, rule, safe, web

COLUMNS = [*weightmaps.ABOUT, "epoch", "input", "score", "row", "column"]
CELLS = 100_000
"""Of all maps on a page: each is a byte."""
LOST = 101
"""Where a diverged member has no map, in the place of a percentage."""
ACROSS = 4
SHADES = [
    (0, REMOVED),
    (0.5 / LOST, REMOVED),
    (0.5 / LOST, "#000000"),
    (100.5 / LOST, "#FFFFFF"),
    (100.5 / LOST, "rgba(127, 127, 127, 0.2)"),
    (1, "rgba(127, 127, 127, 0.2)"),
]


@needing(COLUMNS, "results", "maps")
def frame(evidence: Evidence) -> pd.DataFrame:
    """The maps of one member per arm of a place, at its chosen setting.

    Returns:
        What `lpreg.figures.weightmaps.frame` gives, with the `row` and `column` of every input in
        an image; those of a table have the row 0.
    """
    maps = evidence.maps
    if "row" not in maps:
        maps = maps.merge(_where(evidence), on="input")
    return weightmaps.frame(evidence.results, maps)


def _where(evidence: Evidence) -> pd.DataFrame:
    """Rows and columns of the inputs, by the shapes of the data sets."""
    data = evidence.results.set_index("member")["data"]
    inputs = evidence.maps.drop_duplicates(["member", "input"])
    inputs = inputs.assign(data=inputs["member"].map(data)).drop_duplicates(["data", "input"])
    place = inputs.groupby("data", sort=False).cumcount()
    wide = inputs["data"].map({name: shape[1] for name, shape in evidence.shapes.items()})
    return inputs[["input"]].assign(row=place // wide, column=place % wide).drop_duplicates()


def shape(frame: pd.DataFrame) -> Shape:
    """Of the inputs of a frame."""
    return int(frame["row"].max()) + 1, int(frame["column"].max()) + 1


def draw(frame: pd.DataFrame) -> Figure:
    """The maps over the epochs."""
    return weightmaps.draw(frame, shape(frame))


def plot(frame: pd.DataFrame) -> go.Figure:
    """Tiles for images, a column per arm for a table; the slider starts at the last epoch."""
    arms, size = list(films(frame)), shape(frame)
    most = int(np.clip(CELLS // (len(arms) * size[0] * size[1]), 4, 40))
    epochs = weightmaps.few(sorted(frame["epoch"].unique()), most)
    figure, shown = _table(arms) if size[0] == 1 else _tiles(arms, size)
    steps = [
        {"label": f"{epoch:g}", "method": "restyle", "args": [{"z": [*map(packed, shown(epoch))]}]}
        for epoch in epochs
    ]
    figure.update_traces(zmin=0, zmax=LOST, colorscale=SHADES, showscale=False)
    figure.plotly_restyle({"z": shown(epochs[-1])})
    figure.update_layout(sliders=[_slider(steps)], showlegend=False)
    return figure


def _tiles(arms: list[Film], size: Shape) -> tuple[go.Figure, Any]:
    """An image per arm, four in a row."""
    rows, columns = size
    gap, above = 0.08 * columns, 0.22 * rows
    down = ceil(len(arms) / ACROSS)
    figure = web(110 + 160 * down)
    for place, film in enumerate(arms):
        y, x = divmod(place, ACROSS)
        left, top = x * (columns + gap), y * (rows + above)
        figure.add_heatmap(
            x0=left,
            dx=1,
            y0=top,
            dy=1,
            name=safe(film.arm),
            hovertemplate=f"{_about(film)}: %{{z}} % of the largest<extra></extra>",
        )
        corner = {"x": left - 0.5, "y": top - 0.5, "xanchor": "left", "yanchor": "bottom"}
        figure.add_annotation(
            text=safe(film.arm), showarrow=False, font_size=11, borderpad=0, **corner
        )
    wide = min(ACROSS, len(arms)) * (columns + gap) - gap
    hidden = {"visible": False, "constrain": "domain"}
    figure.update_layout(xaxis_constraintoward="left", yaxis_constraintoward="top")
    figure.update_layout(
        xaxis={"range": [-0.5, wide - 0.5], **hidden},
        yaxis={
            "range": [down * (rows + above) - above - 0.5, -above - 0.5],
            "scaleanchor": "x",
            **hidden,
        },
    )
    return figure, lambda epoch: [_percent(film.at(epoch)).reshape(size) for film in arms]


def _table(arms: list[Film]) -> tuple[go.Figure, Any]:
    """A row per input, a column per arm."""
    inputs = arms[0].inputs
    longest = max(len(film.arm) for film in arms)
    figure = web(130 + 7 * longest + 26 * len(inputs))
    figure.add_heatmap(
        x=[safe(film.arm) for film in arms],
        y=[*map(safe, labels(inputs))],
        xgap=2,
        ygap=1,
        hovertemplate="%{x}, %{y}: %{z} % of the largest<extra></extra>",
    )
    framed = rule(showgrid=False, showline=True, mirror=True)
    figure.update_layout(
        xaxis={**framed, "side": "top", "tickangle": -90, "dtick": 1, "tickfont": {"size": 10}},
        yaxis={**framed, "autorange": "reversed"},
    )
    return figure, lambda epoch: [np.stack([_percent(film.at(epoch)) for film in arms], axis=1)]


def _about(film: Film) -> str:
    return safe(", ".join([film.arm, *film.notes]))


def _percent(scores: np.ndarray) -> np.ndarray:
    """Shares of the largest in whole percents: 0 of nothing but what is removed."""
    whole = np.clip(np.round(100 * np.nan_to_num(scores)), 1, 100)
    whole[scores == 0] = 0
    whole[np.isnan(scores)] = LOST
    return whole.astype(np.uint8)


def _slider(steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "steps": steps,
        "active": len(steps) - 1,
        "currentvalue": {"prefix": "epoch ", "font": {"size": 13}},
        "pad": {"t": 12},
        "bgcolor": "#B0B0B0",
        "activebgcolor": REMOVED,
        "bordercolor": "#808080",
        "tickcolor": "#808080",
        "font": {"size": 11},
    }
