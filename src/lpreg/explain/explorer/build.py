"""The explorer page: its words, its controls, and what it is given to compute with."""

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from lpreg.explain.explorer.problem import OTHERS, SIZE, TRUTH, shifts, table
from lpreg.report.html import script_json
from lpreg.report.page import Html, element, join, page
from lpreg.report.page import asset as common

KINDS = {"L1": "L1", "L2": "L2", "EN": "Elastic net", "half": "p = 0.5", "other": "another p:"}
SLIDERS = {
    "strength": ("Strength λ", -3.0, 1.0, 0.02, -0.5),
    "ratio": ("L1's share", 0.0, 1.0, 0.02, 0.5),
    "correlation": ("Correlation", -0.9, 0.9, 0.02, 0.3),
    "noise": ("Noise", 0.1, 1.0, 0.02, 0.5),
}
"""Name, lowest, highest, step and start."""

TOUR: list[dict[str, Any]] = [
    {
        "title": "Without a penalty",
        "text": "The ellipses are lines of equal loss; the cross is where it is least. The star is "
        "the truth that made the data: noise keeps the two apart. The strength is nearly zero, so "
        "the solution stays there.",
        "kind": "L2",
        "sliders": {"strength": -3.0, "correlation": 0.3, "noise": 0.5},
    },
    {
        "title": "L2 shrinks",
        "text": "The ball of L2 is round. An ellipse touches a circle anywhere, so both weights "
        "become smaller and neither becomes zero. Its prox is a straight line, its prior a "
        "Gaussian. Move the strength and watch the path.",
        "kind": "L2",
        "sliders": {"strength": -0.3, "correlation": 0.3, "noise": 0.5},
    },
    {
        "title": "L1 makes a zero",
        "text": "The ball of L1 has corners on the axes, and an ellipse often touches a corner "
        "first. There weight 2 is exactly zero: its prox is flat around zero, its prior has a "
        "corner there (Laplace).",
        "kind": "L1",
        "sliders": {"strength": -0.1, "correlation": 0.3, "noise": 0.5},
    },
    {
        "title": "Correlated inputs",
        "text": "The inputs now say nearly the same. L1 would keep one of the two; the elastic "
        "net, half L1 and half L2, lets them share. Switch between L1 and elastic net to compare, "
        "or draw another sample.",
        "kind": "EN",
        "sliders": {"strength": 0.0, "ratio": 0.5, "correlation": 0.9, "noise": 0.5},
    },
    {
        "title": "p = 0.5 jumps",
        "text": "The ball is not convex any more. A weight is either zero or well away from it: "
        "prox and path jump, but what stays is hardly shrunk. The prior has a cusp and heavy "
        "tails.",
        "kind": "half",
        "sliders": {"strength": -0.8, "correlation": 0.3, "noise": 0.5},
    },
]

PANELS = {
    "plane": (
        "Loss meets penalty",
        "Lines of equal loss, and the ball of all weights that cost no more than the solution.",
        [("★", "truth", "--quiet"), ("\u00d7", "least squares", "--loss")],
    ),
    "path": (
        "Path",
        "Both weights as the strength grows.",
        [("●", "weight 1", "--first"), ("◆", "weight 2", "--second")],
    ),
    "prox": (
        "Prox",
        "What becomes of a weight that the loss alone would put at v. Both weights lie on it.",
        [("●", "weight 1", "--first"), ("◆", "weight 2", "--second")],
    ),
    "prior": (
        "Prior",
        "The same penalty as a belief about a weight before there are data: L1 is a tent, L2 a "
        "parabola.",
        [("●", "weight 1", "--first"), ("◆", "weight 2", "--second")],
    ),
}
PLANE_KEY = [("●", "solution", "--solution"), ("⋯", "path", "--path")]


def build() -> str:
    """The page, one file that asks nothing of the network."""
    given = {
        "n": SIZE,
        "truth": TRUTH,
        "shifts": shifts(),
        "tables": {f"{p:g}": table(p) for p in OTHERS},
        "tour": TOUR,
    }
    body = join(
        element("style", Html(asset("explorer.css"))),
        element("p", "This page needs JavaScript.", class_="notice", id="lifeless"),
        _tour(),
        element("div", _knobs(), _panels(), class_="bench"),
        _notes(),
        script_json(json.dumps(given), id="given"),
    )
    return page(
        "Touch a penalty",
        body,
        [asset("maths.js"), asset("draw.js"), asset("explorer.js")],
        subtitle=element("p", "Two weights, one loss, any penalty: move it and see what it does."),
        asleep={"plotly": common("plotly.min.js")},
    )


@cache
def asset(name: str) -> str:
    """The text of a file of this package."""
    return (files("lpreg.explain.explorer") / name).read_text("utf-8")


def _tour() -> Html:
    words = element(
        "div",
        element("span", id="tour-at", class_="quiet small"),
        element("h2", id="tour-title"),
        element("p", id="tour-text"),
        aria_live="polite",
    )
    buttons = [
        element("button", label, type="button", id=f"tour-{name}")
        for name, label in (("back", "Back"), ("next", "Next"), ("again", "Show this again"))
    ]
    steps = element("div", buttons, class_="steps")
    return element("section", words, steps, class_="tour lively", aria_label="Tour", hidden=True)


def _knobs() -> Html:
    kinds = [_kind(value, words) for value, words in KINDS.items()]
    which = element("div", kinds, class_="kinds")
    penalty = element("fieldset", element("legend", "Penalty"), which)
    first, *others = (_slider(id, *about) for id, about in SLIDERS.items())
    button = element("button", "Another sample", type="button", id="sample")
    moved = element("fieldset", element("legend", "Move"), first, others, button, class_="moving")
    return element("div", penalty, moved, class_="knobs lively", hidden=True)


def _kind(value: str, words: str) -> Html:
    checked = value == TOUR[0]["kind"]
    radio = element("input", type="radio", name="kind", value=value, checked=checked)
    label = element("label", radio, words)
    if value != "other":
        return label
    options = [element("option", f"{p:g}", value=f"{p:g}", selected=p == 4) for p in OTHERS]
    select = element("select", options, id="p", aria_label="p")
    return element("div", label, " ", select, style="grid-column: 1 / -1")


def _slider(id: str, words: str, low: float, high: float, step: float, start: float) -> Html:
    start = TOUR[0]["sliders"].get(id, start)
    about = {"type": "range", "id": id, "aria_labelledby": f"{id}-name"}
    return element(
        "label",
        element("span", words, id=f"{id}-name"),
        element("output", id=f"{id}-is"),
        element("input", **about, min=low, max=high, step=step, value=start),
        class_="slide",
    )


def _panels() -> Html:
    drawn = [_panel(name, *about) for name, about in PANELS.items()]
    words = element("p", id="words")
    return element("div", words, element("div", drawn, class_="panels"), class_="lively")


def _panel(name: str, title: str, text: str, key: Iterable[tuple[str, str, str]]) -> Html:
    marks = [*key, *(PLANE_KEY if name == "plane" else [])]
    items = [
        element(
            "li",
            element("span", mark, style=f"color: var({tone})", aria_hidden="true"),
            f" {words}",
        )
        for mark, words, tone in marks
    ]
    caption = element("figcaption", element("strong", title, id=f"{name}-title"), text)
    image = {"role": "img", "aria_labelledby": f"{name}-title", "aria_describedby": "words"}
    return element(
        "figure",
        caption,
        element("ul", items, class_="key"),
        element(
            "div", element("div", id=name, style="width:100%;height:100%"), class_="box", **image
        ),
    )


def _notes() -> Html:
    return element(
        "details",
        element("summary", "What is computed"),
        element(
            "p",
            f"The data are {SIZE} samples of two inputs of variance 1, y = 1.2 x₁ + "
            "0.4 x₂ + noise. "
            "The loss is half the mean squared error, and λ times the penalty is added as in "
            "lpreg: L1 is Σ|w|, L2 is Σw², p is Σ|w|ᵖ, the elastic net is scikit-learn's. The "
            "solution is found weight by weight with the penalty's prox; for p < 1, which may have "
            "several minima, it is the best of those that several starts lead to. For the p in the "
            "list the prox is read from a table that lpreg computed. With noise of variance σ², "
            f"the prior proportional to exp(-{SIZE} λ penalty / σ²) makes the solution the most "
            "probable weight.",
        ),
    )
