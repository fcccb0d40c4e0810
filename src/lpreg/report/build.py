"""The report: what a study has found, in one file of HTML."""

from collections.abc import Iterable

import pandas as pd

from lpreg.figures import Evidence
from lpreg.report import plots, study, tables
from lpreg.report.html import Html, element, join
from lpreg.report.page import Entry, asset, page, section
from lpreg.report.study import About
from lpreg.report.use import use
from lpreg.report.verdicts import verdicts


def build(title: str, evidence: Evidence, about: About) -> str:
    """The page of a study, self-contained.

    Args:
        title: of the study.
        evidence: its tables; what is empty is left out.
        about: its source, settings and machine, and what was planned.
    """
    parts = list(_parts(evidence, about))
    has_plots = any(entry.id == "figures" for entry, _ in parts)
    body = join(study.notice(about, evidence.results), [part for _, part in parts])
    return page(
        title,
        body,
        [asset("plots.js")] if has_plots else (),
        subtitle=_subtitle(evidence.results, about),
        contents=[entry for entry, _ in parts],
        asleep={"plotly": asset("plotly.min.js")} if has_plots else {},
    )


def _parts(evidence: Evidence, about: About) -> Iterable[tuple[Entry, Html]]:
    results = evidence.results
    if len(evidence.verdicts):
        recipes = evidence.verdicts["recipe"].unique()
        under = [Entry(f"verdicts-{i}", f"Recipe {name}") for i, name in enumerate(recipes)]
        part = section("verdicts", "Verdicts", verdicts(evidence.verdicts))
        yield Entry("verdicts", "Verdicts", under if len(under) > 1 else ()), part
    if len(results):
        yield _part("use", "What to use", use(results, about.test_share))
        yield _part("tables", "Tables", _tables(evidence))
        figures = plots.figures(evidence)
        if figures:
            places = tables.places(results)
            chooser = _chooser(places, "figures")
            under = [Entry(f"figure-{each.name}", each.title) for each, _ in figures]
            drawn = section("figures", "Figures", chooser, [part for _, part in figures])
            yield Entry("figures", "Figures", under), drawn
    yield _part("missing", "What is missing", study.gaps(about, results))
    if about.toml:
        yield _part("settings", "Settings", study.settings(about))
    if about.environment:
        yield _part("environment", "Environment", study.environment(about))
    if about.command:
        yield _part("again", "Reproduce", study.code("command", about.command))


def _part(id: str, title: str, *children: object) -> tuple[Entry, Html]:
    return Entry(id, title), section(id, title, *children)


def _subtitle(results: pd.DataFrame, about: About) -> Html:
    source = element("p", f"Source: {about.source}") if about.source else None
    note = element("p", about.note) if about.note else None
    return join(source, element("p", " · ".join(study.facts(about, results))), note)


def _tables(evidence: Evidence) -> Html:
    places = tables.places(evidence.results)
    box = element("input", type="checkbox", data_only_chosen=True)
    chosen = element("label", box, "only the strengths that validation chose")
    explained = (
        "Means over the seeds ± standard deviation, with the 95 % interval of the mean under them. "
        "★ marks the strength of an arm that is best on the validation part."
    )
    return join(
        element("p", explained),
        _chooser(places, "tables", chosen),
        tables.settings(evidence.results, evidence.curves, evidence.ensembles),
    )


def _chooser(places: list[tables.Place], name: str, *more: Html) -> Html:
    """What a reader chooses the place with, that tables and figures are shown of."""
    options = [element("option", str(place), value=place.id) for place in places]
    select = element("select", options, data_places=True, id=f"{name}-of")
    label = element("label", f"Show {name} of", select) if len(places) > 1 else None
    return element("div", label, *more, class_="controls sticky", hidden=True)
