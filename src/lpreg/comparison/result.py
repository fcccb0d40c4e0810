"""What a comparison has found, read from its run folder."""

from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from lpreg.analysis.choice import ranking, recommend
from lpreg.comparison import fitted, networks
from lpreg.comparison.fitted import Fitted
from lpreg.study.errors import FolderError
from lpreg.study.network import dataset
from lpreg.study.spec import Study
from lpreg.study.store import Folder

MODEL = "model"
"""The folder of the network that was trained on all rows."""


class Comparison:
    """The answer: which penalty, how strong, how sure that is; and the network that follows it.

    All of it is read from the run folder, so that `lpreg.Comparison("runs/compare-houses")` is the
    same tomorrow. Printed, it is the recommendation over the ranking; a notebook shows it so.
    """

    def __init__(self, folder: str | Path, make_model: networks.Make | None = None) -> None:
        """
        Args:
            folder: the run folder.
            make_model: the function that made the network, if it was one that cannot be imported;
                needed for `model` alone.

        Raises:
            FolderError: it holds no study, or is damaged.
        """
        self.folder = Path(folder)
        self._make_model = make_model
        study = Folder(folder).study()
        if study is None:
            raise FolderError(f"{folder} holds no comparison")
        self._study: Study = study

    @cached_property
    def results(self) -> pd.DataFrame:
        """One row per network, as `lpreg.read(folder).results`."""
        return Folder(self.folder).read().results

    @cached_property
    def ranking(self) -> pd.DataFrame:
        """How the arms stand at the strengths that validation chose, best first; the columns are
        those of `lpreg.analysis.ranking`."""
        return ranking(self.results, test_share=self._test_share)

    @cached_property
    def advice(self) -> dict[str, Any]:
        """The recommended arm with its setting, and `sentence`."""
        (row,) = recommend(self.results, test_share=self._test_share).to_dict("records")
        return {str(key): value for key, value in row.items()}

    @property
    def recommendation(self) -> str:
        """Which arm, how strong, how sure, in one sentence."""
        return self.advice["sentence"]

    @property
    def report(self) -> Path:
        """The page, which opens in a browser."""
        return self.folder / "report.html"

    @cached_property
    def model(self) -> Fitted:
        """The recommended arm trained on all rows.

        Raises:
            FolderError: the comparison has not ended, or the file is damaged.
            ValueError: its network was made by a function that is not here.
        """
        if self._make_model is not None:
            networks.table(self._make_model, dataset(self._study.data[0]))
        return fitted.load(self.folder / MODEL)

    @property
    def _test_share(self) -> float | None:
        shares = self._study.test_share
        return None if shares is None else next(iter(shares.values()))

    def _table(self) -> pd.DataFrame:
        """The ranking as people read it."""
        rows = self.ranking
        percent = bool((rows["metric"] == "accuracy").all())
        metric = "accuracy %" if percent else "mse"
        columns = {"arm": rows["arm"], "strength": [_strength(row) for row in _records(rows)]}
        for part, head in (("val", "validation"), ("test", "test")):
            columns[f"{head} {metric}"] = [_interval(row, part, percent) for row in _records(rows)]
        columns["zeros %"] = [f"{100 * share:.0f}" for share in rows["zeros_share"]]
        columns["alike"] = rows["group"]
        return pd.DataFrame(columns)

    def __str__(self) -> str:
        return f"{_aligned(self._table())}\n\n{self.recommendation}"

    def __repr__(self) -> str:
        return f"Comparison({str(self.folder)!r})"

    def _repr_html_(self) -> str:
        table = self._table().to_html(index=False, border=0, escape=True)
        return f"<p><strong>{escape(self.recommendation)}</strong></p>{table}"


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]


def _strength(row: dict[str, Any]) -> str:
    if isinstance(row.get("strengths"), str):
        return row["strengths"].strip("[]")
    said = f"λ = {row['lam']:.3g}" if pd.notna(row["lam"]) else ""
    if pd.notna(row.get("dropout")):
        said += f"{', ' * bool(said)}rate {row['dropout']:g}"
    return said + (f" (share {row['share']:.2g})" if pd.notna(row.get("share")) else "")


def _interval(row: dict[str, Any], part: str, percent: bool) -> str:
    scale, style = (100, ".1f") if percent else (1, ".4g")
    mean, low, high = (scale * row[f"{part}_{end}"] for end in ("mean", "low", "high"))
    if pd.isna(mean):
        return "diverged"
    return f"{mean:{style}}" + ("" if pd.isna(low) else f" [{low:{style}}, {high:{style}}]")


def _aligned(table: pd.DataFrame) -> str:
    """Texts in columns, the numbers to the right."""
    lines = [list(table.columns), *table.to_numpy().tolist()]
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    left = [0, 1, len(widths) - 1]
    return "\n".join(
        "  ".join(
            text.ljust(width) if k in left else text.rjust(width)
            for k, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
