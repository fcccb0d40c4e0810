"""What to use: a recommendation for every place, and the ranking of its arms behind it."""

import pandas as pd

from lpreg.analysis.choice import ranking, recommend
from lpreg.report.html import Html, element, join
from lpreg.report.tables import (
    Cell,
    Column,
    Place,
    intervals,
    numbers,
    places,
    strength,
    table,
    words,
)

EXPLAINED = (
    "Strengths and arms are chosen by the validation part alone. Test figures are read after the "
    "choice and only reported: nothing on this page was chosen by them. Arms that share a letter "
    "show no real difference on validation."
)


def use(results: pd.DataFrame) -> Html:
    """Recommendation and ranking of every place."""
    ranks, advice = ranking(results), recommend(results)
    blocks = [
        _place(i, place, at(advice, place), at(ranks, place))
        for i, place in enumerate(places(results))
    ]
    return join(element("p", EXPLAINED), blocks)


def at(rows: pd.DataFrame, place: Place) -> pd.DataFrame:
    """The rows about a place."""
    return rows.loc[(rows[list(Place._fields)] == list(place)).all(axis=1)]


def _place(number: int, place: Place, advice: pd.DataFrame, ranks: pd.DataFrame) -> Html:
    sentences = [element("p", each, class_="advice") for each in advice["sentence"]]
    percent = bool((ranks["metric"] == "accuracy").all())
    unit = " %" if percent else " mse"
    columns = [
        words("arm", "arm"),
        Column("λ", ("lam",), strength),
        words("group", "group"),
        intervals(f"validation{unit}", "val", percent, spread=False),
        intervals(f"test{unit}", "test", percent, spread=False),
        numbers("exact zeros %", "zeros_share", ".1f", unit=100),
        Column("seeds", ("n",), lambda row: Cell(row["n"], (row["n"],))),
    ]
    rows = ranks.to_dict("records")
    grid = table(f"ranking-{number}", f"Ranking: {place}", columns, rows)
    opened = element("details", element("summary", "The ranking"), grid, open=number == 0)
    return element("div", element("h3", str(place)), sentences, opened)
