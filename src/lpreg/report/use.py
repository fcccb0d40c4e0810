"""What to use: a recommendation for every place, and the ranking of its arms behind it."""

from collections.abc import Mapping

import pandas as pd

from lpreg.analysis.choice import one_standard_error, ranking, recommend
from lpreg.analysis.tables import CELL
from lpreg.report.html import Html, element, join
from lpreg.report.tables import (
    Cell,
    Column,
    Place,
    Row,
    at,
    intervals,
    numbers,
    places,
    setting,
    strength,
    table,
    words,
)

EXPLAINED = (
    "Strengths and arms are chosen by the validation part alone. The test part is read after that "
    "and only reports: nothing here was chosen by it. Arms that share a letter show no real "
    "difference on validation (paired t tests over the seeds, adjusted by Holm). The last column "
    "is the strongest setting within one standard error of the best, for those who would rather "
    "have more of the penalty than the last bit of accuracy."
)


def use(results: pd.DataFrame, test_share: Mapping[str, float] | None = None) -> Html:
    """Recommendation and ranking of every place.

    Args:
        results: one row per member.
        test_share: of data sets of which every seed drew a split of its own, test samples over
            training samples.
    """
    blocks = []
    for number, place in enumerate(places(results)):
        here, share = at(results, place), (test_share or {}).get(place.data)
        sentences = recommend(here, test_share=share)["sentence"]
        advice = [element("p", each, class_="advice") for each in sentences]
        shown = [element("h3", str(place)), advice, _ranking(number, place, here, share)]
        blocks.append(element("div", shown))
    return join(element("p", EXPLAINED), blocks)


def _ranking(number: int, place: Place, results: pd.DataFrame, share: float | None) -> Html:
    careful = one_standard_error(results)
    strengths = [name for name in ("lam", "strengths") if name in careful]
    stronger = careful[[*CELL, *strengths]].rename(columns=lambda name: _CAREFUL.get(name, name))
    rows = ranking(results, test_share=share).assign(chosen=False).merge(stronger, on=CELL)
    percent = bool((rows["metric"] == "accuracy").all())
    unit = " %" if percent else " mse"
    columns = [
        *setting(rows),
        words("group", "group"),
        intervals(f"validation{unit}", "val", percent, spread=False),
        intervals(f"test{unit}", "test", percent, spread=False),
        numbers("exact zeros %", "zeros_share", ".1f", unit=100),
        Column("λ, one standard error", ("careful_lam",), _careful),
    ]
    grid = table(f"ranking-{number}", f"Ranking: {place}", columns, rows.to_dict("records"))
    return element("details", element("summary", "The ranking"), grid, open=number == 0)


_CAREFUL = {"lam": "careful_lam", "strengths": "careful_strengths"}


def _careful(row: Row) -> Cell:
    return strength({key: row.get(name) for key, name in _CAREFUL.items()})
