"""Elements: whatever is put into them, a browser reads back as that text."""

import json
from html.parser import HTMLParser

import pytest

from lpreg.report.html import Html, element, join, plain, script_json

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "&lt;b&gt; & &amp;",
    "<!--",
    "a\u2028b\u2029c",
    "",
]


class Reader(HTMLParser):
    """What a browser would see: tags with their attributes, and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_text(text: str):
    read = Reader(element("p", text, title=text))
    assert read.tags == [("p", {"title": text})]
    assert "".join(read.texts) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_json_in_a_script_is_data(text: str):
    read = Reader(join(script_json(json.dumps([text]), id="x"), element("p", "after")))
    assert [tag for tag, _ in read.tags] == ["script", "p"]
    assert json.loads(read.texts[0]) == [text]


def test_children():
    inner = element("b", "x")
    assert join("<", inner, None, ["a", [inner]], 3) == "&lt;<b>x</b>a<b>x</b>3"
    assert isinstance(join("a"), Html)


def test_attributes():
    assert element("a", class_="b", aria_label="c", hidden=True, href=None, open=False) == (
        '<a class="b" aria-label="c" hidden></a>'
    )
    assert element("br") == "<br>"


def test_plain_takes_markup_away():
    assert plain("a<br>b <i>c</i> &lt;d&gt;") == "a b  c  <d>"
