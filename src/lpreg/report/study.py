"""What a study is: its settings, where it ran, how to do it again, what is missing of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from lpreg.report.html import Html, element
from lpreg.report.tables import Column, copy_button, numbers, strength, table, words

CELL = ["recipe", "data", "model", "arm"]


@dataclass(frozen=True)
class About:
    """What the tables of a study do not say.

    Attributes:
        name: of the study.
        source: the document that it comes from, "" for none.
        note: what its authors say of it.
        toml: the study as text.
        environment: versions and machine.
        command: what trains it again.
        planned: one row per planned member: `member`, `recipe`, `data`, `model`, `arm`.
        resume: what goes on with a study that is not finished.
        test_share: of data sets of which every seed drew a split of its own, test samples over
            training samples.
    """

    name: str = ""
    source: str = ""
    note: str = ""
    toml: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    planned: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["member", *CELL]))
    resume: str = ""
    test_share: Mapping[str, float] | None = None


def missing(planned: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """What is planned and not stored: one row per recipe, data set, model and arm with `planned`
    and `stored` members, those that lack some."""
    there = planned.assign(stored=planned["member"].isin(results["member"]))
    groups = there.groupby(CELL, sort=False)["stored"]
    counts = pd.DataFrame({"planned": groups.size(), "stored": groups.sum()}).reset_index()
    return counts[counts["stored"] < counts["planned"]]


def notice(about: About, results: pd.DataFrame) -> Html | None:
    """At the top of the page: that it is not the whole study."""
    planned, lacking = len(about.planned), missing(about.planned, results)
    if lacking.empty:
        return None
    here = planned - int((lacking["planned"] - lacking["stored"]).sum())
    sentence = f"This study is not finished: {here:,} of {planned:,} members are stored. "
    return element(
        "p", sentence, element("a", "What is missing", href="#missing"), ".", class_="notice"
    )


def gaps(about: About, results: pd.DataFrame) -> Html:
    """What is missing, and which members failed."""
    lacking = missing(about.planned, results)
    parts = []
    if lacking.empty:
        parts.append(element("p", f"Nothing: all {len(results):,} members are stored."))
    else:
        parts.append(_not_stored(lacking, about.planned))
        parts.append(element("p", "To go on with it:"))
        parts.append(code("resume", about.resume))
    if len(results) and (results["status"] != "ok").any():
        parts.append(_diverged(results.loc[results["status"] != "ok"]))
    return element("div", parts)


def _not_stored(lacking: pd.DataFrame, planned: pd.DataFrame) -> Html:
    place = CELL[:-1]
    whole = planned.groupby(place).agg(planned=("member", "size"), arms=("arm", "nunique"))
    counts = lacking.assign(missing=lacking["planned"] - lacking["stored"])
    rows = counts.groupby(place, sort=False).agg(missing=("missing", "sum"), names=("arm", list))
    told = [
        {**row, "arms": "all" if len(row["names"]) == row["arms"] else ", ".join(row["names"])}
        for row in rows.join(whole).reset_index().to_dict("records")
    ]
    columns = [
        *(words(key, key) for key in place),
        numbers("members missing", "missing"),
        numbers("of planned", "planned"),
        words("arms", "arms", "text wrap"),
    ]
    return table("missing-members", "Planned and not stored", columns, told)


def _diverged(lost: pd.DataFrame) -> Html:
    keys = [*CELL, *(key for key in ("lam", "strengths", "lr") if key in lost), "status"]
    groups = lost.groupby(keys, sort=False, dropna=False, observed=True)
    rows = [
        {**dict(zip(keys, names, strict=True)), "seeds": ", ".join(map(str, members["seed"]))}
        for names, members in groups
    ]
    columns = [
        words("arm", "arm"),
        Column("λ", ("lam",), strength),
        *(words(key, key) for key in CELL[:-1]),
        words("seeds", "seeds", "text wrap"),
        words("what became of them", "status"),
    ]
    return table("diverged", "Members that did not finish", columns, rows)


def settings(about: About) -> Html:
    """The study as text."""
    text = element("details", element("summary", "The whole study"), code("toml", about.toml))
    return element("div", element("p", "As TOML, every default written out."), text)


def environment(about: About) -> Html:
    """Versions and machine."""
    facts = [
        (element("dt", key), element("dd", "-" if value is None else value))
        for key, value in about.environment.items()
    ]
    return element("dl", facts, class_="facts")


def code(id: str, text: str) -> Html:
    """A text as it is typed, that a reader can copy."""
    button = copy_button("text", id, "Copy", "this text")
    return element(
        "div",
        element("div", button, class_="copy", hidden=True),
        element("pre", element("code", text, id=id), tabindex="0"),
        class_="code",
    )


def facts(about: About, results: pd.DataFrame) -> Sequence[str]:
    """What stands under the title."""
    recipes = ", ".join(map(str, results["recipe"].unique())) if len(results) else "none"
    seeds = results["seed"].nunique() if len(results) else 0
    quick = ["quick version"] if about.name.endswith("-quick") else []
    said = [*quick, f"{len(results):,} members", f"recipes: {recipes}", f"{seeds} seeds"]
    started = str(about.environment.get("started", ""))[:10]
    version = about.environment.get("lpreg")
    return [*said, *([f"lpreg {version}"] if version else []), *([started] if started else [])]
