"""The index page of a folder of topics: pictures with captions, and what became of statements."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lpreg.analysis.wording import sentence
from lpreg.explain.topics import TOPICS, Picture, Result, Topic, read
from lpreg.report.html import Html, element, join
from lpreg.report.page import Entry, page, section
from lpreg.report.verdicts import SYMBOLS, badge, css

INTRO = (
    "The geometry and the theory of penalties, drawn from computed numbers. Every statement of the "
    "documents was tried: by computation where it is geometry, on repeated samples where it is "
    "about data."
)


def index(out: Path) -> str:
    """The page of all topics that a folder holds."""
    made = {name: found for name in TOPICS if (found := read(out / name)) is not None}
    rows = {name: found.verdicts for name, found in made.items() if found.verdicts is not None}
    parts = [_topic(TOPICS[name], found, out) for name, found in made.items()]
    entries = [Entry(name, TOPICS[name].title) for name in made]
    if rows:
        entries.insert(0, Entry("statements", "All statements"))
        parts.insert(0, section("statements", "All statements", _overview(rows)))
    lacking = [name for name in TOPICS if name not in made]
    return page(
        "Regularization, explained",
        join(parts, _lacking(lacking) if lacking else None),
        subtitle=element("p", INTRO),
        contents=entries,
        beside=True,
    )


def verdict_id(topic: str, name: str) -> str:
    """Where a statement stands in the page."""
    return f"{topic}-{css(name)}"


def _topic(topic: Topic, result: Result, out: Path) -> Html:
    links = [
        element("li", element("a", words, href=f"{topic.name}/{file}"))
        for file, words in result.links.items()
    ]
    return section(
        topic.name,
        topic.title,
        element("p", topic.text),
        element("ul", links) if links else None,
        [_figure(picture, topic.name, out) for picture in result.figures],
        _statements(topic.name, result.verdicts),
    )


def _figure(picture: Picture, folder: str, out: Path) -> Html:
    place = f"{folder}/{picture.stem}"
    style = "max-width: 100%; height: auto; border-radius: 6px; background: white"
    size: dict[str, Any] = {"alt": picture.alt, "style": style, "loading": "lazy"}
    image = element("img", src=f"{place}.png", srcset=f"{place}.png 1.5x", **size)
    if picture.moves:
        calm = "(prefers-reduced-motion: reduce)"
        image = element(
            "picture",
            element("source", srcset=f"{place}.png 1.5x", media=calm),
            element("img", src=f"{place}.gif", **size),
        )
    large = f"{place}.{'gif' if picture.moves else 'svg'}"
    numbers = element("a", "Its numbers", href=f"{place}.csv")
    caption = element(
        "figcaption",
        picture.caption,
        join(" ", numbers) if (out / f"{place}.csv").exists() else None,
        class_="quiet",
        style="max-width: 75ch",
    )
    link = element("a", image, href=large)
    return element("figure", link, caption, style="margin: 1.5rem 0 2rem", id=place)


def _statements(topic: str, rows: pd.DataFrame | None) -> Html | None:
    if rows is None or rows.empty:
        return None
    items = [_statement(topic, row) for row in rows.to_dict("records")]
    return join(element("h3", "Statements"), element("ol", items, class_="claims"))


def _statement(topic: str, row: Mapping[Any, Any]) -> Html:
    sampled = row["kind"] != "computed"
    found = sentence(row) if sampled else f"{row['ours']}."
    cases = f"{row['n']:,.0f} {'samples' if sampled else 'cases, ' + row['reason']}"
    facts = [("Source", row["source"]), ("Published", row["published"]), ("Tried on", cases)]
    return element(
        "li",
        element("h4", badge(row["verdict"]), element("span", row["text"], class_="words")),
        element("p", found),
        element("dl", [_fact(*fact) for fact in facts if fact[1]], class_="beside"),
        element("p", row["note"], class_="quiet small") if row["note"] else None,
        class_=f"claim {css(row['verdict'])}",
        id=verdict_id(topic, row["name"]),
    )


def _fact(name: str, value: object) -> Html:
    return element("div", element("dt", name), element("dd", value))


def _overview(rows: Mapping[str, pd.DataFrame]) -> Html:
    """How many of each verdict, and a line per statement that leads to it."""
    counts = pd.concat(rows.values())["verdict"].value_counts()
    tally = [element("li", badge(each, counts[each])) for each in SYMBOLS if each in counts]
    heads = [element("th", head, scope="col", class_="text") for head in HEADS]
    lines = [
        element("tr", _line(name, row)) for name, table in rows.items() for row in _dicts(table)
    ]
    grid = element(
        "table",
        element("caption", "All statements", class_="unseen"),
        element("thead", element("tr", heads)),
        element("tbody", lines),
    )
    box = {"class_": "scroll", "tabindex": "0", "role": "region", "aria_label": "All statements"}
    many = element("ul", tally, class_="tally", aria_label="How many of each verdict")
    return join(many, element("div", grid, **box))


HEADS = ("statement", "source", "verdict", "ours")


def _line(topic: str, row: Mapping[Any, Any]) -> Iterable[Html]:
    mark = element("a", badge(row["verdict"]), href=f"#{verdict_id(topic, row['name'])}")
    yield element("th", row["text"], scope="row", class_="text wrap")
    yield element("td", row["source"], class_="text brief")
    yield element("td", mark, class_="text")
    yield element("td", row["ours"] or row["reason"], class_="text wrap")


def _dicts(rows: pd.DataFrame) -> list[dict[Any, Any]]:
    return rows.to_dict("records")


def _lacking(names: list[str]) -> Html:
    lines = [
        element("li", TOPICS[name].title, ": ", element("code", f"lpreg explain {name}"))
        for name in names
    ]
    return section("lacking", "Not made yet", element("ul", lines))
