"""Verdicts on the claims of a study: a sentence each, by recipe, with what was published."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lpreg.analysis.wording import sentence
from lpreg.report.html import Html, element, join
from lpreg.report.page import section

SYMBOLS = {"supported": "✓", "contradicted": "✗", "inconclusive": "?", "not run": "○"}
"""Every verdict, in the order in which they are counted, and its mark beside word and colour."""


def badge(verdict: str, count: int | None = None) -> Html:
    """A verdict in word, mark and colour, with how many of them there are."""
    mark = element("span", SYMBOLS.get(verdict, "○"), aria_hidden="true")
    number = "" if count is None else f"{count} "
    word = element("span", f" {number}{verdict}", class_="word")
    return element("span", mark, word, class_=f"badge {css(verdict)}")


NOT_RUN = "not run"


def css(verdict: str) -> str:
    """The class that gives a verdict its colours."""
    return re.sub(r"\W", "-", verdict)


def verdicts(rows: pd.DataFrame) -> Html:
    """The claims of a study under each of its recipes.

    Args:
        rows: what `lpreg.analysis.claims.judge` gives; a column `kept`, if there is one, marks
            those that come from results kept with lpreg and not from this folder.
    """
    recipes = [str(recipe) for recipe in rows["recipe"].unique()]
    groups = [_recipe(i, name, rows[rows["recipe"] == name]) for i, name in enumerate(recipes)]
    overview = _overview(rows, recipes) if len(recipes) > 1 else None
    return join(overview, groups)


def claim_id(recipe: int, name: str) -> str:
    """Where a claim under a recipe, counted from 0, stands in the page."""
    return f"claim-{recipe}-{re.sub(r'[^A-Za-z0-9-]', '-', name)}"


def _recipe(number: int, name: str, rows: pd.DataFrame) -> Html:
    counts = rows["verdict"].value_counts()
    tally = [element("li", badge(each, counts[each])) for each in SYMBOLS if each in counts]
    heading = join("Under the recipe ", element("em", name))
    judged = rows["verdict"] != NOT_RUN
    claims = [_claim(number, row) for row in rows[judged].to_dict("records")]
    return section(
        f"verdicts-{number}",
        heading,
        element("ul", tally, class_="tally", aria_label="How many of each verdict"),
        element("ol", claims, class_="claims") if claims else None,
        _not_run(number, rows[~judged]),
        level=3,
    )


def _not_run(recipe: int, rows: pd.DataFrame) -> Html | None:
    """The claims that nothing was run for, folded."""
    if rows.empty:
        return None
    lines = [
        element(
            "li",
            element("strong", row["text"]),
            f". Published: {row['published']}. " if row["published"] else ". ",
            element("span", sentence(row), class_="quiet"),
            id=claim_id(recipe, str(row["name"])),
        )
        for row in rows.to_dict("records")
    ]
    count = f"{len(rows)} claim{'s' * (len(rows) > 1)} not run"
    return element("details", element("summary", count), element("ul", lines, class_="text"))


def _claim(recipe: int, row: Mapping[Any, Any]) -> Html:
    verdict = str(row["verdict"])
    facts = [
        _fact("Published", row["published"] or "no figure given"),
        _fact("Ours", row["ours"] or "-"),
        _fact("Seeds", f"{row['n']:.0f}" if row["n"] > 0 else "-"),
    ]
    kept = row.get("kept")
    return element(
        "li",
        element(
            "h4",
            badge(verdict),
            element("span", row["text"], class_="words"),
        ),
        element("p", sentence(row)),
        element("dl", facts, class_="beside"),
        element("p", "From the kept results.", class_="quiet small") if kept is True else None,
        _details(row),
        class_=f"claim {css(verdict)}",
        id=claim_id(recipe, str(row["name"])),
    )


def _fact(name: str, value: object) -> Html:
    return element("div", element("dt", name), element("dd", value))


def _details(row: Mapping[Any, Any]) -> Html:
    lines = [element("p", row["note"])] if row["note"] else []
    tested = f"Tested as “{row['kind']}” on {row['metric']}"
    if pd.notna(row["p"]):
        tested += f"; p = {row['p']:.2g}, {row['p_adjusted']:.2g} adjusted for several claims"
    lines.append(element("p", f"{tested}. Name: ", element("code", row["name"]), "."))
    if row["source"]:
        lines.append(element("p", f"Source: {row['source']}"))
    label = "Why the published figure came about, and the test" if row["note"] else "The test"
    return element("details", element("summary", label), *lines)


def _overview(rows: pd.DataFrame, recipes: Sequence[str]) -> Html | None:
    """All claims with a verdict at a glance: one line each, one column per recipe."""
    judged = set(rows.loc[rows["verdict"] != NOT_RUN, "name"])
    if not judged:
        return None
    found = {(row["name"], row["recipe"]): row["verdict"] for row in rows.to_dict("records")}
    texts = rows[rows["name"].isin(judged)].drop_duplicates("name").set_index("name")["text"]
    lines = []
    for name, words in texts.items():
        cells = [_glance(i, str(name), found.get((name, each))) for i, each in enumerate(recipes)]
        claim = element("th", words, scope="row", class_="text wrap")
        lines.append(element("tr", claim, cells))
    heads = [element("th", each, scope="col", class_="text") for each in recipes]
    grid = element(
        "table",
        element("caption", "All claims at a glance, by recipe", class_="unseen"),
        element("thead", element("tr", element("th", "claim", scope="col", class_="text"), heads)),
        element("tbody", lines),
        class_="glance",
    )
    box = {"class_": "scroll", "tabindex": "0", "role": "region", "aria_label": "All claims"}
    others = rows["name"].nunique() - len(judged)
    more = f"{others} more were not run under any recipe; they are listed below."
    return join(element("div", grid, **box), element("p", more, class_="quiet") if others else None)


def _glance(recipe: int, name: str, verdict: str | None) -> Html:
    if verdict is None:
        return element("td", element("span", "not asked", class_="quiet"), class_="text")
    return element(
        "td", element("a", badge(verdict), href=f"#{claim_id(recipe, name)}"), class_="text"
    )
