"""The page in a browser: Chromium or Chrome, on the path or named by LPREG_CHROMIUM."""

import csv
import io
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright import sync_api
else:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = os.environ.get("LPREG_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium or chrome on the path or in LPREG_CHROMIUM"
)

LAPTOP, PHONE = (1280, 800), (380, 800)


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    """A browser without a window."""
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


class Tab:
    """A page that a reader has opened, and what it has asked for and complained of."""

    def __init__(
        self,
        browser: sync_api.Browser,
        file: Path,
        size: tuple[int, int] = LAPTOP,
        scheme: str = "light",
    ) -> None:
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,  # pyright: ignore[reportArgumentType]
            offline=True,
        )
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.add_init_script("""Object.defineProperty(navigator, 'clipboard', {value: {
            writeText: async (text) => { window.copied = text; }}})""")
        self.page.goto(file.as_uri())

    def seen(self, script: str) -> object:
        return self.page.evaluate(script)

    def read_through(self, most: int | None = None) -> None:
        """Scroll from top to bottom and wait for the figures, or the first few, on the way."""
        for canvas in self.page.locator(".plot .canvas:visible").all()[:most]:
            canvas.scroll_into_view_if_needed()
            self.page.wait_for_function(
                "canvas => canvas.dataset.drawn", arg=canvas.element_handle(), timeout=15_000
            )


@pytest.fixture
def open_tab(browser: sync_api.Browser) -> Iterator:
    """Open files; all are closed at the end, without a request or a complaint from any."""
    tabs: list[Tab] = []

    def opened(file: Path, *options) -> Tab:
        tabs.append(Tab(browser, file, *options))
        return tabs[-1]

    yield opened
    for tab in tabs:
        assert tab.complaints == []
        assert [url for url in tab.asked if not url.startswith(("file:", "data:", "blob:"))] == []
        assert len([url for url in tab.asked if url.startswith("file:")]) == 1
        tab.context.close()


def test_every_figure_is_drawn(open_tab, own: Path):
    tab = open_tab(own)
    places = tab.page.locator("#figures-of option").evaluate_all("all => all.map(o => o.value)")
    assert len(places) == 2
    for place in places:
        tab.page.locator("#figures-of").select_option(place)
        tab.read_through()
    canvases = tab.page.locator(".plot .canvas")
    assert canvases.count() > 4
    for i in range(canvases.count()):
        assert canvases.nth(i).get_attribute("data-drawn") == "true"
        assert canvases.nth(i).locator("svg.main-svg").count() >= 1
        assert canvases.nth(i).get_attribute("aria-label")


def test_figures_wait_until_a_reader_is_near(open_tab, own: Path):
    tab = open_tab(own)
    tab.page.wait_for_timeout(300)
    assert tab.page.locator(".plot .canvas[data-drawn]").count() == 0


def test_controls_of_figures_work_by_keyboard(open_tab, own: Path):
    tab = open_tab(own)
    tab.page.locator(".plot .canvas:visible").first.scroll_into_view_if_needed()
    button = tab.page.locator("#figure-learning ~ .plot:visible .choice button").nth(1)
    button.wait_for()
    canvas = "document.querySelector('#figure-learning ~ .plot:not([hidden]) .canvas')"
    before = tab.seen(f"{canvas}.layout.yaxis.title.text")
    button.focus()
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_function(f"{canvas}.layout.yaxis.title.text !== {before!r}")
    assert button.get_attribute("aria-pressed") == "true"


def column(tab: Tab, table: str, number: int) -> list[float]:
    cells = tab.page.locator(f"#{table} tbody tr td:nth-child({number})")
    values = cells.evaluate_all("all => all.map(c => c.dataset.values.split(' ')[0])")
    return [float(value) for value in values]


@pytest.mark.parametrize("how", ["mouse", "Enter", "Space"])
def test_tables_sort(open_tab, own: Path, how: str):
    tab = open_tab(own)
    head = tab.page.locator("#accuracy-0 th[aria-sort]").nth(4)
    before = column(tab, "accuracy-0", 5)
    assert before != sorted(before)
    for order in ("ascending", "descending"):
        button = head.locator("button")
        if how == "mouse":
            button.click()
        else:
            button.focus()
            tab.page.keyboard.press(how)
        assert head.get_attribute("aria-sort") == order
        assert column(tab, "accuracy-0", 5) == sorted(before, reverse=order == "descending")
        assert "sorted by" in (tab.page.locator("#said").text_content() or "")
    tab.page.locator("#accuracy-0 th[aria-sort] button").nth(0).click()
    assert head.get_attribute("aria-sort") == "none"


def test_missing_values_sort_last(open_tab, own: Path):
    tab = open_tab(own)
    button = tab.page.locator("#accuracy-0 th[aria-sort] button").nth(1)
    for _ in range(2):
        button.click()
        cells = tab.page.locator("#accuracy-0 tbody tr td:nth-child(2)")
        values = cells.evaluate_all("all => all.map(c => c.dataset.values)")
        there = [bool(value) for value in values]
        assert there == sorted(there, reverse=True)
        assert {True, False} == set(there)


def copied(tab: Tab, table: str, kind: str) -> str:
    tab.page.locator(f'button[data-copy="{kind}"][data-from="{table}"]').click()
    tab.page.wait_for_function("window.copied")
    return str(tab.seen("window.copied"))


def test_csv(open_tab, hostile: Path):
    tab = open_tab(hostile)
    rows = list(csv.DictReader(io.StringIO(copied(tab, "accuracy-0", "CSV"))))
    shown = tab.page.locator("#accuracy-0 tbody tr")
    assert len(rows) == shown.count()
    arms = [row.text_content() for row in tab.page.locator("#accuracy-0 tbody th").all()]
    assert [row["arm"] for row in rows] == [(arm or "").removesuffix(" ★") for arm in arms]
    for row in rows:
        assert float(row["val_low"]) <= float(row["val_mean"]) <= float(row["val_high"])
        assert None not in row


def test_markdown(open_tab, hostile: Path):
    tab = open_tab(hostile)
    lines = copied(tab, "accuracy-0", "Markdown").splitlines()
    bars = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
    assert bars == {len(re.findall(r"(?<!\\)\|", lines[0]))}
    assert re.fullmatch(r"\|( -+:? \|)+", lines[1])
    assert not re.search(r"(?<!\\)<", "".join(lines))


def test_latex(open_tab, hostile: Path):
    tab = open_tab(hostile)
    text = copied(tab, "weights-0", "LaTeX")
    lines = text.splitlines()
    columns = re.fullmatch(r"\\begin\{tabular\}\{([lr]+)\}", lines[0])
    assert columns
    rows = [line for line in lines if line.endswith(r" \\")]
    assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(columns[1])}
    assert not re.search(r"(?<!\\)[%#_]", text)
    assert not re.search(r"[λ±]", text)
    assert lines[-1] == r"\end{tabular}"


def test_what_is_hidden_is_not_copied(open_tab, own: Path):
    tab = open_tab(own)
    every = copied(tab, "accuracy-0", "Markdown").splitlines()
    tab.page.locator("input[data-only-chosen]").check()
    fewer = copied(tab, "accuracy-0", "Markdown").splitlines()
    assert len(every) - len(fewer) == 1  # one of two strengths of L1


def background(tab: Tab) -> str:
    return str(tab.seen("getComputedStyle(document.body).backgroundColor"))


def test_themes(open_tab, own: Path):
    light, dark = open_tab(own), open_tab(own, LAPTOP, "dark")
    assert background(light) == "rgb(255, 255, 255)"
    assert background(dark) != background(light)
    light.read_through(most=1)
    label = ".plot:not([hidden]) .canvas .xtitle"
    ink = f"getComputedStyle(document.querySelector({label!r})).fill"
    before = light.seen(ink)
    light.page.locator('.theme button[data-theme="dark"]').click()
    assert background(light) == background(dark)
    light.page.wait_for_function(f"{ink} !== {before!r}")
    light.page.reload()  # it is remembered
    assert background(light) == background(dark)
    light.asked.pop()
    light.page.locator('.theme button[data-theme="auto"]').click()
    assert background(light) == "rgb(255, 255, 255)"


@pytest.mark.parametrize("size", [PHONE, (320, 700), (768, 1000), LAPTOP])
def test_the_page_does_not_scroll_sideways(open_tab, hostile: Path, size: tuple[int, int]):
    tab = open_tab(hostile, size)
    tab.read_through()
    tab.page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
    wide = tab.seen("document.scrollingElement.scrollWidth")
    assert wide <= size[0]  # pyright: ignore[reportOperatorIssue]


def test_hostile_texts_do_nothing(open_tab, hostile: Path, own: Path):
    for file in (hostile, own):
        tab = open_tab(file)
        tab.read_through()
        assert tab.seen("window.hacked") is None
        assert tab.page.locator("img").count() == 0
        assert tab.page.locator("a[href^=http], svg a").count() == 0


def test_it_opens_in_two_seconds(open_tab, own: Path):
    times = []
    for _ in range(2):
        tab = open_tab(own)
        tab.page.wait_for_load_state("load")
        timing = "performance.getEntriesByType('navigation')[0].loadEventEnd"
        times.append(tab.seen(timing))
    assert min(times) < 2000


def test_it_is_read_by_keyboard(open_tab, own: Path):
    tab = open_tab(own)
    tab.page.keyboard.press("Tab")
    assert tab.seen("document.activeElement.className") == "skip"
    tab.page.keyboard.press("Enter")
    assert tab.seen("document.activeElement.id") == "main"
    tab.page.keyboard.press("Tab")
    style = "getComputedStyle(document.activeElement)"
    assert tab.seen(f"{style}.outlineStyle") == "solid"
    assert tab.seen(f"parseFloat({style}.outlineWidth)") >= 2  # pyright: ignore


def test_without_scripts_it_still_reads(browser: sync_api.Browser, own: Path):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(own.as_uri())
    assert page.locator("#accuracy-0").is_visible()
    assert page.locator("#accuracy-1").is_visible()
    assert page.locator(".theme").is_hidden()
    context.close()


def test_print_opens_what_is_folded(open_tab, own: Path):
    tab = open_tab(own)
    tab.page.emulate_media(media="print")
    tab.seen("dispatchEvent(new Event('beforeprint'))")
    assert tab.seen("[...document.querySelectorAll('details')].every(part => part.open)")
    assert tab.page.locator(".copy").first.is_hidden()
