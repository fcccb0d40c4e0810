"""HTML that cannot be broken by what is written into it: text is escaped unless it is `Html`."""

import re
from collections.abc import Iterable
from html import escape, unescape

VOID = {"input", "meta", "link", "br", "hr", "wbr"}


class Html(str):
    """Text that is HTML already and goes into a page as it is."""

    __slots__ = ()


def join(*children: object) -> Html:
    """Children one after the other: `Html` as it is, None left out, lists one by one, all else as
    escaped text."""
    return Html("".join(_parts(children)))


def _parts(children: Iterable[object]) -> Iterable[str]:
    for child in children:
        if isinstance(child, Html):
            yield child
        elif isinstance(child, str):
            yield escape(child)
        elif isinstance(child, Iterable):
            yield from _parts(child)
        elif child is not None:
            yield escape(str(child))


def element(name: str, /, *children: object, **attributes: object) -> Html:
    """`<name attributes>children</name>`.

    Args:
        children: as in `join`.
        attributes: `aria_label` is written `aria-label`, `class_` is `class`; True stands alone,
            None and False are left out.
    """
    start = f"<{name}{''.join(_attributes(attributes))}>"
    return Html(start if name in VOID else f"{start}{join(*children)}</{name}>")


def _attributes(attributes: dict[str, object]) -> Iterable[str]:
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        yield f" {key}" if value is True else f' {key}="{escape(str(value))}"'


def script_json(text: str, **attributes: object) -> Html:
    """A script element with JSON, which is never run; a `</script>` in its texts cannot end it."""
    codes = {mark: f"\\u{ord(mark):04x}" for mark in "<>&\u2028\u2029"}
    safe = Html(text.translate(str.maketrans(codes)))
    return element("script", safe, type="application/json", **attributes)


def plain(text: str) -> str:
    """Text without the tags and entities in which Plotly marks it up."""
    return unescape(re.sub(r"<[^<>]*>", " ", text)).strip()
