"""The explorer in a browser: its numbers against lpreg and scikit-learn, its controls and words.

The browser is Chromium or Chrome, on the path or named by LPREG_CHROMIUM.
"""

import json
import os
import shutil
from collections.abc import Iterator
from itertools import chain, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import ElasticNet as SklearnNet
from sklearn.linear_model import Lasso, Ridge

from lpreg.explain.common import power, tensor
from lpreg.explain.explorer.build import SLIDERS, TOUR, build
from lpreg.explain.explorer.problem import OTHERS, SIZE, data
from lpreg.penalties import ElasticNet, Penalty

if TYPE_CHECKING:
    from playwright import sync_api
else:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = os.environ.get("LPREG_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium or chrome on the path or in LPREG_CHROMIUM"
)
Setting = dict[str, Any]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("explorer") / "explorer.html"
    place.write_text(build(), "utf-8")
    return place


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    """A browser without a window."""
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


class Tab:
    """The page, opened by a reader who wants no motion, as soon as it is drawn."""

    def __init__(self, browser: sync_api.Browser, file: Path, wide: int, scheme: Any) -> None:
        view: Any = {"width": wide, "height": 800}
        options: Any = {"color_scheme": scheme, "reduced_motion": "reduce", "offline": True}
        self.page = browser.new_context(viewport=view, **options).new_page()
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())
        self.rested(1)

    def rested(self, times: int) -> None:
        """Wait until Plotly has drawn everything so many times."""
        drawn = "Array.from({length: 9}, (_, i) => i).map(i => `body[data-rested='${i + %d}']`)"
        self.page.locator(", ".join(self.seen(drawn % times))).wait_for(timeout=60_000)

    def seen(self, script: str, arg: object = None) -> Any:
        return self.page.evaluate(script, arg)

    def slide(self, **values: float) -> None:
        """Move sliders, as a finger does, and wait until Plotly has drawn."""
        before = int(self.seen("document.body.dataset.rested"))
        for id, value in values.items():
            self.page.locator(f"#{id}").fill(str(value))
        self.rested(before + 1)

    def words(self) -> str:
        return self.page.locator("#words").text_content() or ""


@pytest.fixture(scope="module")
def open_tab(browser: sync_api.Browser, file: Path) -> Iterator:
    """Open the page; at the end no tab has complained, or asked for anything but the page."""
    tabs: list[Tab] = []

    def opened(wide: int = 1280, scheme: str = "light") -> Tab:
        tabs.append(Tab(browser, file, wide, scheme))
        return tabs[-1]

    yield opened
    for tab in tabs:
        assert tab.complaints == []
        assert [url for url in tab.asked if not url.startswith("data:")] == [file.as_uri()]


@pytest.fixture(scope="module")
def tab(open_tab) -> Tab:
    return open_tab()


# ---- numbers ------------------------------------------------------------------------------------

WORLDS = list(product((-0.9, 0.0, 0.6, 0.9), (0.1, 1.0), (0, 5)))
STRENGTHS = (0.001, 0.03, 0.2, 0.7, 2.0, 10.0)
KINDS: dict[str, Setting] = {
    "L1": {"kind": "L1"},
    "L2": {"kind": "L2"},
    "EN 0": {"kind": "EN", "ratio": 0.0},
    "EN 0.4": {"kind": "EN", "ratio": 0.4},
    "EN 1": {"kind": "EN", "ratio": 1.0},
    "half": {"kind": "half"},
    **{f"p = {p:g}": {"kind": "other", "p": p} for p in OTHERS},
}
TABLE = 2e-6  # how near the prox of a table is


def settings(kind: Setting) -> list[Setting]:
    keys = ("correlation", "noise", "sample", "lam")
    plain = {"ratio": 0.5, "p": 4}
    return [
        {**plain, **kind, **dict(zip(keys, (*world, lam), strict=True))}
        for world, lam in product(WORLDS, STRENGTHS)
    ]


def computed(tab: Tab, some: list[Setting]) -> list[dict[str, Any]]:
    return tab.seen("settings => settings.map(explorer.compute)", some)


def solutions(tab: Tab, some: list[Setting]) -> list[dict[str, Any]]:
    """`w` and `ols` alone of `computed`."""
    script = "all => all.map(explorer.compute).map(({w, ols}) => ({w, ols}))"
    return tab.seen(script, some)


def penalty(setting: Setting) -> Penalty:
    lam = setting["lam"]
    if setting["kind"] == "EN":
        return ElasticNet(lam, setting["ratio"])
    p = {"L1": 1.0, "L2": 2.0, "half": 0.5, "other": float(setting["p"])}[setting["kind"]]
    return power(p, lam)


def objective(setting: Setting, w: np.ndarray) -> np.ndarray:
    """(...) of weights (..., 2), on the data themselves."""
    x, y = data(setting["correlation"], setting["noise"], setting["sample"])
    loss = ((y - w @ x.T) ** 2).mean(-1) / 2
    rows = torch.func.vmap(penalty(setting).value)(tensor(w).reshape(-1, 2))
    return loss + rows.numpy().reshape(loss.shape)


def solved(setting: Setting) -> np.ndarray:
    """(2,): the best end of proximal gradient steps of lpreg's prox from 13 x 13 starts."""
    x, y = data(setting["correlation"], setting["noise"], setting["sample"])
    gram, slope = tensor(x.T @ x / SIZE), tensor(x.T @ y / SIZE)
    step = 1 / (1 + abs(setting["correlation"]))
    line = np.linspace(-3, 3, 13)
    w = tensor(np.stack(np.meshgrid(line, line), -1).reshape(-1, 2))
    for _ in range(700):
        w = penalty(setting).prox(w - step * (w @ gram - slope), step)
    return w[objective(setting, w.numpy()).argmin()].numpy()


def test_the_solutions_of_convex_penalties_are_those_of_scikit_learn(tab: Tab):
    exact: Any = {"fit_intercept": False, "tol": 1e-14, "max_iter": 100_000}
    models: dict[str, Any] = {
        "L1": lambda lam: Lasso(lam, **exact),
        "L2": lambda lam: Ridge(2 * SIZE * lam, fit_intercept=False),
        "EN 0.4": lambda lam: SklearnNet(lam, l1_ratio=0.4, **exact),
    }
    for name, model in models.items():
        some = settings(KINDS[name])
        for setting, found in zip(some, solutions(tab, some), strict=True):
            x, y = data(setting["correlation"], setting["noise"], setting["sample"])
            known = model(setting["lam"]).fit(x, y).coef_
            np.testing.assert_allclose(found["w"], known, atol=1e-7)
            assert [w == 0 for w in found["w"]] == [w == 0 for w in known]
            ols = np.linalg.lstsq(x, y, rcond=None)[0]
            np.testing.assert_allclose(found["ols"], ols, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_no_point_near_or_far_is_better_than_a_solution(tab: Tab, kind: Setting):
    line = np.linspace(-2.8, 2.8, 141)  # the axes are among them
    grid = np.stack(np.meshgrid(line, line), -1)
    slack = TABLE if kind["kind"] == "other" else 1e-9
    some = settings(kind)[:: 1 if kind["kind"] == "half" else 5]
    for setting, found in zip(some, solutions(tab, some), strict=True):
        w = np.array(found["w"])
        best = objective(setting, w)
        assert best <= objective(setting, grid).min() + slack, setting
        assert best <= objective(setting, w + 0.03 * grid).min() + slack, setting


@pytest.mark.parametrize("kind", ["half", "p = 0.25", "p = 0.75", "p = 1.5", "p = 4"])
def test_solutions_are_what_the_prox_of_lpreg_leads_to(tab: Tab, kind: str):
    some = settings(KINDS[kind])[1::17]
    for setting, found in zip(some, solutions(tab, some), strict=True):
        known = solved(setting)
        near = objective(setting, np.array(found["w"])) - objective(setting, known)
        assert abs(near) < TABLE, setting
        if penalty(setting).convex:
            np.testing.assert_allclose(found["w"], known, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_the_prox_is_that_of_lpreg(tab: Tab, kind: Setting):
    some = settings(kind)[:6]
    for setting, found in zip(some, computed(tab, some), strict=True):
        v, x = found["prox"]["curve"]
        assert [one is None for one in v] == [one is None for one in x]
        there = np.array([(a, b) for a, b in zip(v, x, strict=True) if a is not None])
        if not penalty(setting).convex:  # where it jumps either value is right
            edge = np.abs(there[there[:, 1] == 0, 0]).max()
            there = there[np.abs(there[:, 0]) != edge]
            around = penalty(setting).prox(tensor([edge * 0.999999, edge * 1.000001]))
            assert edge == 2.4 or (around != 0).tolist() == [False, True]
        known = penalty(setting).prox(tensor(there[:, 0])).numpy()
        np.testing.assert_allclose(there[:, 1], known, atol=TABLE, rtol=TABLE)
        np.testing.assert_array_equal(there[:, 1] == 0, known == 0)
        for dot in ("first", "second"):  # both weights lie on it
            (at,), (weight,) = found["prox"][dot]
            assert penalty(setting).prox(tensor([at])).item() == pytest.approx(weight, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_the_path_goes_through_the_solutions(tab: Tab, kind: Setting):
    (setting,) = [one for one in settings(kind) if one["lam"] == 0.2][7:8]
    (found,) = computed(tab, [setting])
    lams, one, two = (*found["path"]["one"], found["path"]["two"][1])
    points = [point for point in zip(lams, one, two, strict=True) if point[0] is not None]
    assert [lam for lam, _, _ in points] == pytest.approx(np.geomspace(1e-3, 10, 101))
    for lam, *w in points[::10]:
        (alone,) = computed(tab, [{**setting, "lam": lam}])
        np.testing.assert_allclose(w, alone["w"], atol=1e-6)
    breaks = [i for i, lam in enumerate(lams) if lam is None]
    assert all(one[i] is None and two[i] is None for i in breaks)
    assert bool(breaks) == (not penalty(setting).convex)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_balls_contours_and_priors_are_what_they_say(tab: Tab, kind: Setting):
    (setting,) = [one for one in settings(kind) if one["lam"] == 0.03][9:10]
    (found,) = computed(tab, [setting])
    x, y = data(setting["correlation"], setting["noise"], setting["sample"])
    free = {**setting, "lam": 0.0}
    least = objective(free, np.array(found["ols"]))
    rim = np.array(found["plane"]["ball"]).T
    unit = penalty({**setting, "lam": 1.0})
    level = torch.func.vmap(unit.value)(tensor(rim)).numpy()
    np.testing.assert_allclose(level, unit.value(tensor(found["w"])).item(), rtol=1e-9)
    ring = objective(free, np.array(found["plane"]["contour"]).T) - least
    np.testing.assert_allclose(ring, objective(free, np.array(found["w"])) - least, atol=1e-9)
    rings = [xy for xy in zip(*found["plane"]["contours"], strict=True) if xy[0] is not None]
    heights = (objective(free, np.array(rings)) - least) / 0.04
    known = np.repeat(np.arange(1, 8) ** 2, 61)
    np.testing.assert_allclose(heights, known, rtol=1e-9)
    w, log = map(np.array, found["prior"]["density"])
    cost = torch.func.vmap(penalty(setting).value)(tensor(w[:, None])).numpy()
    np.testing.assert_allclose(log, -SIZE / setting["noise"] ** 2 * cost, rtol=1e-9)
    assert len(x) == len(y) == SIZE


# ---- the page -----------------------------------------------------------------------------------


def value(slider: Any) -> float:
    return float(slider.input_value())


def put(tab: Tab) -> Setting:
    return tab.seen("explorer.setting()")


def test_what_is_moved_is_what_plotly_draws(tab: Tab):
    shapes = """() => ['plane', 'path', 'prox', 'prior'].map(name =>
        [...document.querySelectorAll(`#${name} .scatterlayer .trace`)].map(node => {
            const line = node.querySelector('.js-line'), point = node.querySelector('.point');
            return (line ? line.getAttribute('d') : point.getAttribute('transform'))
                .match(/-?[\\d.]+(?:e-?\\d+)?/g).map(Number); }))"""
    for kind in ("EN", "half"):
        tab.page.locator(f"input[value={kind}]").check()
        before = int(tab.seen("document.body.dataset.rested"))
        tab.page.locator("#strength").fill("-1.02")
        moved = tab.seen(f"async () => {{ explorer.update(); return ({shapes})(); }}")
        tab.rested(before + 1)
        settled = tab.seen(shapes)
        for own, theirs in zip(chain(*moved), chain(*settled), strict=True):
            if len(own) == len(theirs):
                np.testing.assert_allclose(own, theirs, atol=0.02)
            else:  # Plotly leaves out what lies far outside
                assert len(theirs) < len(own)


def test_sliders_move_the_solution_and_its_words(open_tab):
    tab = open_tab()
    tab.page.locator("input[value=L1]").check()
    tab.slide(strength=0.0, correlation=0.0, noise=0.1)
    setting = put(tab)
    assert (setting["lam"], setting["correlation"], setting["noise"]) == (1.0, 0.0, 0.1)
    (found,) = computed(tab, [setting])
    assert tab.words().startswith(f"L1 at strength 1: weight 1 is {found['w'][0]:.2f}, ")
    assert "weight 2 is exactly zero" in tab.words()
    drawn = tab.seen("document.getElementById('plane').data.find(t => t.name === 'solution').x")
    assert list(drawn) == [found["w"][0]] or list(drawn.values()) == [found["w"][0]]
    tab.page.locator("#sample").click()
    assert put(tab)["sample"] == 1


def test_what_changes_is_told_to_a_screen_reader(open_tab):
    tab = open_tab()
    assert tab.page.locator("#said").text_content() == ""
    tab.slide(strength=0.5)
    assert tab.page.locator("#said").text_content() == tab.words()
    assert tab.page.locator("#said").get_attribute("aria-live") == "polite"
    for name in ("plane", "path", "prox", "prior"):
        figure = tab.page.locator(f"figure:has(#{name}) [role=img]")
        for about in ("aria-labelledby", "aria-describedby"):
            assert tab.page.locator(f"#{figure.get_attribute(about)}").text_content()


def test_it_works_by_keyboard(open_tab):
    tab = open_tab()
    for id in SLIDERS:
        slider = tab.page.locator(f"#{id}")
        if id == "ratio":
            assert slider.is_disabled()
            tab.page.locator("input[value=half]").focus()
            tab.page.keyboard.press("ArrowUp")
            assert tab.page.locator("input[value=EN]").is_checked()
            tab.page.locator("#ratio:enabled").wait_for()
        before = value(slider)
        slider.focus()
        tab.page.keyboard.press("ArrowRight")
        assert value(slider) == pytest.approx(before + 0.02)
        tab.page.wait_for_timeout(50)
        assert (
            slider.get_attribute("aria-valuetext") == tab.page.locator(f"#{id}-is").text_content()
        )
        assert tab.page.get_by_role("slider", name=SLIDERS[id][0]).count() == 1


def test_the_tour_says_what_is_to_be_seen(open_tab):
    tab = open_tab()
    seen = []
    for i, step in enumerate(TOUR):
        if i:
            tab.page.locator("#tour-next").press("Enter")
        assert tab.page.locator("#tour-at").text_content() == f"Step {i + 1} of 5"
        assert tab.page.locator("#tour-title").text_content() == step["title"]
        tab.page.wait_for_timeout(100)
        setting = put(tab)
        assert setting["kind"] == step["kind"]
        assert np.log10(setting["lam"]) == pytest.approx(step["sliders"]["strength"])
        seen.append((setting, computed(tab, [setting])[0]))
    (_, free), (_, ridge), (_, lasso), (shared, net), (_, jump) = seen
    np.testing.assert_allclose(free["w"], free["ols"], atol=0.01)
    assert all(0 < w < ols for w, ols in zip(ridge["w"], ridge["ols"], strict=True))
    assert lasso["w"][0] > 0
    assert lasso["w"][1] == 0
    assert min(net["w"]) > 0
    (alone,) = computed(tab, [{**shared, "kind": "L1"}])
    assert sorted(w != 0 for w in alone["w"]) == [False, True]
    assert jump["w"][1] == 0
    assert jump["w"][0] > 0.9 * jump["ols"][0]
    assert None in jump["path"]["one"][0]
    tab.page.locator("#tour-next").click()
    assert tab.page.locator("#tour-at").text_content() == "Step 1 of 5"
    tab.page.locator("#tour-back").press("Enter")
    assert tab.page.locator("#tour-at").text_content() == "Step 1 of 5"


@pytest.mark.parametrize(("wide", "scheme"), [(380, "dark"), (320, "light"), (768, "light")])
def test_it_fits_and_the_sliders_stay_at_hand(open_tab, wide: int, scheme: str):
    tab = open_tab(wide, scheme)
    assert tab.seen("document.scrollingElement.scrollWidth") <= wide
    ground = tab.seen("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    tab.page.locator("#plane").scroll_into_view_if_needed()
    box = tab.page.locator("#strength").bounding_box()
    assert box and 0 < box["y"] < 800


def test_figures_take_the_colours_of_the_theme(open_tab):
    tab = open_tab()
    ink = "getComputedStyle(document.querySelector('#path .xtitle')).fill"
    before = tab.seen(ink)
    tab.page.locator('.theme button[data-theme="dark"]').click()
    tab.rested(2)
    assert tab.seen(ink) != before


def test_a_move_takes_less_than_a_frame(tab: Tab):
    times = tab.seen("""() => {
        explorer.times.length = 0;
        document.querySelector('input[value=half]').checked = true;
        for (let i = 0; i < 60; i++) {
            document.getElementById('correlation').value = -0.9 + 0.03 * i;
            explorer.update();
        }
        return explorer.times; }""")
    assert len(times) == 60
    assert np.quantile(times, 0.25) < 16  # others may have slowed the rest down


def test_without_scripts_it_says_so(browser: sync_api.Browser, file: Path):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.get_by_text("This page needs JavaScript").is_visible()
    assert page.locator("#strength").is_hidden()
    context.close()


def test_the_page_is_given_plain_numbers(file: Path):
    text = file.read_text("utf-8")
    given = json.loads(text.partition('id="given">')[2].partition("</script>")[0])
    assert set(given["tables"]) == {f"{p:g}" for p in OTHERS}
