"""The skeleton of a page: one file that asks nothing of the network, in light and dark.

    page("Verdicts", section("shapes", "Shapes", element("p", "A sentence.")))

A policy in its head lets a browser run the scripts of this package and no other, and load nothing.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple

from lpreg.report.html import Html, element, join

__all__ = ["Entry", "Html", "asset", "element", "join", "page", "section"]

THEME = (
    "try{const t=localStorage.getItem('lpreg-theme');"
    "if(t)document.documentElement.dataset.theme=t}catch{}"
)
"""Before anything is painted: the theme that the reader chose last."""


class Entry(NamedTuple):
    """A line of the table of contents, with those that stand under it."""

    id: str
    title: str
    under: Sequence["Entry"] = ()


def page(
    title: str,
    body: str,
    scripts: Sequence[str] = (),
    *,
    subtitle: object = None,
    contents: Iterable[Entry] = (),
    asleep: Mapping[str, str] = MappingProxyType({}),
    beside: bool = False,
) -> str:
    """A page of HTML.

    Args:
        title: of the page and its first heading.
        body: what stands under it: `Html`, sections as a rule.
        scripts: JavaScript that runs after that of the package, which sorts and copies tables,
            draws figures and switches the theme.
        subtitle: under the heading: text or `Html`.
        contents: what the table of contents names; without any there is none.
        asleep: id -> JavaScript that is not run before a script asks for it, so that a heavy
            library does not delay the page.
        beside: whether pictures that lie beside the page may be shown.
    """
    scripts = (*scripts, asset("page.js"))
    entries = list(contents)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element(
            "meta",
            http_equiv="Content-Security-Policy",
            content=_policy(THEME, *scripts, *asleep.values(), beside=beside),
        ),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="generator", content="lpreg"),
        element("link", rel="icon", href="data:,"),
        element("title", title),
        element("script", Html(THEME)),
        element("style", Html(asset("page.css"))),
    )
    main = element("main", Html(body), id="main", tabindex="-1")
    parts = (
        element("a", "Skip to the content", class_="skip", href="#main"),
        element("header", _masthead(title, subtitle), class_="masthead"),
        element("div", _contents(entries) if entries else None, main, class_="columns"),
        element("div", id="said", role="status", aria_live="polite", class_="unseen"),
        [element("script", Html(text), type="text/plain", id=id) for id, text in asleep.items()],
        [element("script", Html(script)) for script in scripts],
    )
    return "<!doctype html>\n" + element("html", head, element("body", *parts), lang="en") + "\n"


def section(id: str, title: object, *children: object, level: int = 2) -> Html:
    """A part of a page under a heading of its own, which names it to a screen reader."""
    heading = element(f"h{level}", title, id=id)
    return element("section", heading, *children, aria_labelledby=id)


@cache
def asset(name: str) -> str:
    """The text of a file of this package."""
    return (files("lpreg.report") / name).read_text("utf-8")


def _masthead(title: str, subtitle: object) -> Html:
    choices = [
        element("button", label, type="button", data_theme=name, aria_pressed="false")
        for name, label in (("light", "Light"), ("auto", "Auto"), ("dark", "Dark"))
    ]
    switch = element(
        "div", *choices, class_="choice theme", role="group", aria_label="Colours", hidden=True
    )
    words = element("div", element("h1", title), element("div", subtitle, class_="subtitle"))
    return element("div", words, switch, class_="inner")


def _contents(entries: Iterable[Entry]) -> Html:
    whole = element("details", element("summary", "Contents"), _entries(entries), open=True)
    return element("nav", whole, class_="contents", aria_label="Contents")


def _entries(entries: Iterable[Entry]) -> Html:
    lines = [
        element(
            "li",
            element("a", entry.title, href=f"#{entry.id}"),
            _entries(entry.under) if entry.under else None,
        )
        for entry in entries
    ]
    return element("ol", lines)


def _policy(*scripts: str, beside: bool) -> str:
    """A Content Security Policy: these scripts by their hashes, styles, pictures made here, and
    those beside the page if they may be shown."""
    hashes = (b64encode(sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    pictures = "data: blob: 'self' file:" if beside else "data: blob:"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        f"img-src {pictures}; base-uri 'none'; form-action 'none'"
    )
