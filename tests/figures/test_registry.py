"""All pictures of a study: their frames, and that both ways to draw show what is in them."""

import json
from base64 import b64decode
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from lpreg.figures import FIGURES, Drawing, Evidence, pictures, save_all
from lpreg.figures.looks import DASHES, look
from lpreg.figures.style import ENDINGS, save
from tests.figures.made import FEATURES, PIXELS, STUDY, TABLES, TENSORS, study, together

DIGITS, HOUSING = study(), study(data="housing", recipe="document")
BOTH = together(DIGITS, HOUSING)
NAMED = {drawing.name: drawing for drawing in FIGURES}
PER_PLACE = [drawing for drawing in FIGURES if "model" in drawing.per]

every = pytest.mark.parametrize("drawing", FIGURES, ids=lambda drawing: drawing.name)


def frame(name: str, evidence: Evidence = DIGITS) -> pd.DataFrame:
    return NAMED[name].frame(evidence)


def only(name: str, evidence: Evidence = DIGITS) -> pd.DataFrame:
    """The rows of the only picture of this kind."""
    ((_, rows),) = pictures(NAMED[name], frame(name, evidence))
    return rows


Plots = list[tuple[pd.DataFrame, go.Figure]]


def plots(drawing: Drawing, evidence: Evidence | None = None) -> Plots:
    """Of the two made-up studies when nothing else is given."""
    return both(drawing.name) if evidence is None else plotted(drawing, evidence)


@cache
def both(name: str) -> Plots:
    return plotted(NAMED[name], BOTH)


def plotted(drawing: Drawing, evidence: Evidence) -> Plots:
    frames = pictures(drawing, drawing.frame(evidence))
    return [(rows, drawing.plot(rows)) for _, rows in frames]


def traces(figure: go.Figure) -> list[Any]:
    return list(figure.data)  # pyright: ignore[reportArgumentType]


def parsed(figure: go.Figure) -> dict[str, Any]:
    """What the page gets; NaN would be no JSON."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(figure.to_json() or "", parse_constant=refuse)


def decoded(packed: dict[str, str]) -> np.ndarray:
    """Numbers as Plotly reads them."""
    kinds = {"f4": np.float32, "i4": np.int32, "u1": np.uint8}
    flat = np.frombuffer(b64decode(packed["bdata"]), kinds[packed["dtype"]])
    shape = [int(size) for size in packed.get("shape", str(len(flat))).split(",")]
    return flat.reshape(shape)


def near(values: Any) -> Any:
    """As precise as the page."""
    return pytest.approx(np.asarray(values, dtype=float), rel=1e-6, nan_ok=True)


# Laws of all of them


@every
def test_a_frame_has_its_columns(drawing: Drawing):
    rows = drawing.frame(BOTH)
    assert len(rows)
    assert list(rows) == list(drawing.columns)
    assert {*drawing.per} <= {*rows}
    assert rows[list(drawing.per)].notna().all(axis=None)


@every
def test_nothing_makes_an_empty_frame(drawing: Drawing):
    nothing: dict[str, Any] = {name: getattr(BOTH, name).iloc[:0] for name in TABLES}
    for evidence in (replace(BOTH, **nothing), Evidence(pd.DataFrame(), pd.DataFrame())):
        rows = drawing.frame(evidence)
        assert rows.empty
        assert list(rows) == list(drawing.columns)
        assert list(pictures(drawing, rows)) == []


@every
@pytest.mark.parametrize("table", TABLES)
def test_a_missing_table_leaves_the_others_drawn(drawing: Drawing, table: str):
    rows = drawing.frame(replace(DIGITS, **{table: pd.DataFrame()}))
    assert list(rows) == list(drawing.columns)


@every
def test_members_that_diverged_are_no_error(drawing: Drawing):
    results = DIGITS.results.assign(status="diverged")
    lost = DIGITS.curves.copy()
    lost.loc[lost["epoch"] >= 50, lost.columns.difference(["member", "epoch"])] = np.nan
    evidence = replace(DIGITS, results=results, curves=lost)
    for rows, figure in plots(drawing, evidence):
        FigureCanvasAgg(drawing.draw(rows)).draw()
        parsed(figure)


@pytest.mark.parametrize("drawing", PER_PLACE, ids=lambda drawing: drawing.name)
def test_a_place_does_not_change_with_the_others(drawing: Drawing):
    rows = drawing.frame(BOTH)
    alone = drawing.frame(DIGITS)
    own = rows.loc[rows["data"] == "digits"].reset_index(drop=True).dropna(axis=1, how="all")
    pd.testing.assert_frame_equal(own, alone.dropna(axis=1, how="all"), check_dtype=False)


@every
def test_both_ways_to_draw(drawing: Drawing):
    for rows, figure in plots(drawing):
        assert drawing.draw(rows).axes
        layout = parsed(figure)["layout"]
        assert traces(figure)
        assert layout["paper_bgcolor"] == layout["plot_bgcolor"] == "rgba(0, 0, 0, 0)"
        assert "width" not in layout
        assert "font" not in layout
        assert len(json.dumps(layout["template"])) < 100  # the default one weighs 7 kB


@every
def test_a_study_of_one_seed(drawing: Drawing):
    for _, figure in plots(drawing, study(seeds=1)):
        parsed(figure)


def test_text_of_the_data_is_no_markup():
    wrong = {"L1": "<a href='x'>&"}
    evidence = replace(
        DIGITS,
        results=DIGITS.results.replace({"arm": wrong}),
        sparsity=DIGITS.sparsity.replace({"tensor": {"fc1.weight": wrong["L1"]}}),
        verdicts=DIGITS.verdicts.assign(name=wrong["L1"], text=wrong["L1"], ours=wrong["L1"]),
    )
    for drawing in FIGURES:
        for _, figure in plots(drawing, evidence):
            text = figure.to_json() or ""
            assert "<a" not in text.replace("\\u003c", "<"), drawing.name
            assert "&lt;a" in text.replace("\\u0026", "&"), drawing.name


def test_the_files(tmp_path: Path):  # a warning would be an error
    written = save_all(DIGITS, tmp_path / "figures", ("svg",))
    assert [path.name for path in written] == [
        f"{drawing.name}-{'digits-h32-modern' if drawing in PER_PLACE else 'modern'}.svg"
        for drawing in FIGURES
    ]
    assert all(path.read_text("utf-8").startswith("<?xml") for path in written)


def test_a_picture_gives_the_same_files_again(tmp_path: Path):
    rows = only("gaps")
    first, again = (
        [path.read_bytes() for path in save(NAMED["gaps"].draw(rows), tmp_path, "gaps", ENDINGS)]
        for _ in range(2)
    )
    assert first == again
    assert [text[:4] for text in first] == [b"\x89PNG", b"<?xm", b"%PDF"]


def test_a_place_with_fifteen_arms_is_light():
    def many(table: pd.DataFrame) -> pd.DataFrame:
        return pd.concat(
            [table.assign(member=[f"{id}-{i}" for id in table["member"]]) for i in range(4)],
            ignore_index=True,
        )

    copies = {name: many(getattr(DIGITS, name)) for name in ("curves", "sparsity", "measures")}
    results = many(DIGITS.results)
    results["arm"] += [f"-{id.rpartition('-')[2]}" for id in results["member"]]
    evidence = replace(DIGITS, results=results, **copies, maps=pd.DataFrame())
    sizes = {
        drawing.name: len(figure.to_json() or "")
        for drawing in FIGURES
        for _, figure in plots(drawing, evidence)
    }
    assert max(sizes.values()) < 100_000, sizes
    assert sum(sizes.values()) < 400_000, sizes


# Looks


ARMS = ["none", "dropout", *(f"L{p}" for p in (0, 1, 2, 3)), "Linf", "EN", "L0-proximal"]
ARMS += ["L1-proximal", "L2-proximal", "L3-proximal", "Linf-proximal", "EN-proximal", "L1-dual"]


@pytest.mark.parametrize("arms", [ARMS, [f"mine{i}" for i in range(20)]], ids=["shapes", "others"])
def test_no_two_arms_look_alike(arms: list[str]):
    seen = {(look(arm, arms).color, look(arm, arms).dash) for arm in arms}
    assert len(seen) == len(arms)
    assert {dash for _, dash in seen} <= {*DASHES}


def test_known_penalties_have_the_same_colour_in_every_study():
    assert look("L1", ["L1"]).color == look("L1", ARMS).color == look("L1-dual", ARMS).color
    assert look("mine", ["mine", "L1"]).color != look("L1", ["mine", "L1"]).color


def line_looks(figure: go.Figure) -> dict[str, tuple[str, str]]:
    drawn = [trace for trace in traces(figure) if trace.name in STUDY and trace.type == "scatter"]
    return {trace.name: (trace.line.color, trace.line.dash) for trace in drawn}


def test_an_arm_looks_alike_in_all_pictures():
    arms = list(STUDY)
    lines = [
        line_looks(figure)
        for drawing in PER_PLACE
        for _, figure in plots(drawing)
        if drawing.name not in ("curves", "maps", "gaps")
    ]
    assert {"L1-proximal"} <= {*lines[0]}
    for line in lines:
        assert line == {arm: tuple(look(arm, arms)[:2]) for arm in line}
    paper = NAMED["learning"].draw(only("learning")).axes[0].lines
    assert [to_hex(line.get_color()) for line in paper] == [
        look(arm, arms).color.lower() for arm in arms
    ]


def test_a_place_without_some_arms_keeps_their_looks():
    results = BOTH.results
    fewer = results.loc[(results["recipe"] == "modern") | (results["arm"] == "L1-proximal")]
    evidence = replace(BOTH, results=fewer)
    (_, first), (_, second) = plots(NAMED["learning"], evidence)
    assert list(line_looks(second)) == ["L1-proximal"]
    assert line_looks(second)["L1-proximal"] == line_looks(first)["L1-proximal"]


# The numbers on the page


ACROSS = {
    "learning": ("epoch", "task"),
    "front": ("zeros", "score"),
    "pruning": ("density", "score"),
    "survival": ("epoch", "waiting"),
    "thresholds": (None, "share"),
}


@pytest.mark.parametrize(("name", "columns"), ACROSS.items(), ids=ACROSS)
def test_the_traces_hold_the_frame(name: str, columns: tuple[str | None, str]):
    across, up = columns
    for rows, figure in plots(NAMED[name]):
        shown = [trace for trace in traces(figure) if trace.name in STUDY]
        assert [trace.name for trace in shown] == list(STUDY)
        for trace in shown:
            own = rows.loc[rows["arm"] == trace.name]
            assert trace.y == near(own[up])
            if across:
                assert trace.x == near(own[across])


def test_the_buttons_of_the_learning_curves():
    rows = only("learning")
    layout = parsed(NAMED["learning"].plot(rows))["layout"]
    buttons = {button["label"]: button["args"] for button in layout["updatemenus"][0]["buttons"]}
    assert list(buttons) == ["task loss", "total loss", "accuracy"]
    for (changed, axis), column in zip(buttons.values(), ("task", "total", "score"), strict=True):
        for arm, y in zip(STUDY, changed["y"], strict=True):
            assert decoded(y) == near(rows.loc[rows["arm"] == arm, column])
        assert axis["yaxis.type"] == ("linear" if column == "score" else "log")
    assert buttons["accuracy"][1]["yaxis.title.text"] == "accuracy, validation"
    (_, errors) = plots(NAMED["learning"])[1]
    assert "squared error" in (errors.to_json() or "")


def test_long_curves_are_thinned_and_end_where_they_end():
    curve = DIGITS.curves.loc[DIGITS.curves["member"] == DIGITS.curves["member"].iloc[0]]
    steps = np.arange(1001)
    long = pd.concat([curve] * 48, ignore_index=True).iloc[:1001].assign(epoch=steps)
    ids = DIGITS.results["member"]
    curves = pd.concat([long.assign(member=id) for id in ids], ignore_index=True)
    evidence = replace(DIGITS, curves=curves)
    for name in ("learning", "curves"):
        ((_, figure),) = plots(NAMED[name], evidence)
        assert {len(trace.x) for trace in traces(figure)} <= {*range(40, 201)}
        assert {trace.x[-1] for trace in traces(figure)} == {1000}


def test_the_bars_of_the_gaps():
    for rows, figure in plots(NAMED["gaps"]):
        unit = 100 if rows["metric"].iloc[0] == "accuracy" else 1
        for trace, row in zip(traces(figure), rows.to_dict("records"), strict=True):
            assert (trace.name, trace.x[0]) == (row["arm"], pytest.approx(unit * row["gap"]))
            high = unit * (row["gap_high"] - row["gap"])
            assert trace.error_x.array[0] == pytest.approx(high, abs=1e-6)


def test_the_strength_paths():
    rows = only("paths")
    shown = {(trace.name, trace.yaxis): trace for trace in traces(NAMED["paths"].plot(rows))}
    assert list(shown) == [(arm, axis) for axis in ("y", "y2") for arm in ("none", "L1")]
    for axis, column in (("y", "score"), ("y2", "zeros")):
        assert shown["L1", axis].x == near([1e-4, 1e-3])
        assert shown["L1", axis].y == near(rows.loc[rows["arm"] == "L1", column])
        level = rows.loc[rows["arm"] == "none", column].iloc[0]
        assert shown["none", axis].x == near([1e-4, 1e-3])
        assert shown["none", axis].y == near([level, level])


def test_the_layers_of_the_histograms():
    rows = only("histograms")
    layout = parsed(figure := NAMED["histograms"].plot(rows))["layout"]
    shares = {
        (tensor, arm): own.loc[(own["low"] > 0) | (own["high"] == 0), "share"]
        for (tensor, arm), own in rows.groupby(["tensor", "arm"])
    }
    for trace in traces(figure):
        assert trace.y == near(shares["fc1.weight", trace.name].iloc[[0, *range(2, 5)]])
    for button in layout["updatemenus"][0]["buttons"]:
        for arm, y in zip(STUDY, button["args"][0]["y"], strict=True):
            assert decoded(y) == near(shares[button["label"], arm].iloc[[0, *range(2, 5)]])


def test_the_arms_of_the_learning_curves():
    rows = only("curves")
    figure = NAMED["curves"].plot(rows)
    (menu,) = parsed(figure)["layout"]["updatemenus"]
    assert [button["label"] for button in menu["buttons"]] == list(STUDY)
    kinds = [("train", kind) for kind in ("min", "max", "mean")] + [("val", "mean")]
    kinds += [("test", kind) for kind in ("min", "max", "mean")]
    for button in menu["buttons"]:
        changed, about, which = button["args"]
        own = rows.loc[rows["arm"] == button["label"]]
        expected = [
            own.loc[own["part"] == part].groupby("epoch")[metric].agg(kind)
            for metric in ("loss", "accuracy")
            for part, kind in kinds
        ]
        assert which == list(range(len(expected)))
        for y, line in zip(changed["y"], expected, strict=True):
            assert decoded(y) == near(line)
        assert about["shapes"][0]["x0"] == own.drop_duplicates("seed")["converged"].median()


@pytest.mark.parametrize("evidence", [DIGITS, HOUSING], ids=["images", "table"])
def test_the_slider_of_the_maps(evidence: Evidence):
    scores = evidence.maps.assign(
        score=evidence.maps["score"].mask(evidence.maps["score"] < 1e-3, 0)
    )
    rows = only("maps", replace(evidence, maps=scores))
    figure = NAMED["maps"].plot(rows)
    (slider,) = parsed(figure)["layout"]["sliders"]
    assert [step["label"] for step in slider["steps"]] == [f"{e}" for e in range(0, 101, 10)]
    assert slider["active"] == 10
    for step in slider["steps"]:
        own = rows.loc[rows["epoch"] == int(step["label"])]
        tiles = [decoded(z) for z in step["args"][0]["z"]]
        shown = np.concatenate(
            [(tile.T if evidence is HOUSING else tile).ravel() for tile in tiles]
        )
        assert shown == pytest.approx(100 * own["score"], abs=1)
        assert ((shown == 0) == (own["score"] == 0)).all()
    last = rows.loc[rows["epoch"] == 100, "score"]
    first = [np.asarray(trace.z) for trace in traces(figure)]
    assert sum(tile.sum() for tile in first) == pytest.approx(100 * last.sum(), abs=len(last))
    assert any((tile == 0).any() for tile in first)


def test_the_forest_names_every_claim_and_groups_the_units():
    rows = only("forest")
    figure = NAMED["forest"].plot(rows)
    assert [note["text"] for note in parsed(figure)["layout"]["annotations"]] == list(rows["name"])
    seen = {(trace.name, round(float(x), 3)) for trace in traces(figure) for x in trace.x}
    assert seen == {(row["verdict"], row["effect"]) for row in rows.to_dict("records")}
    marks = {trace.name: (trace.marker.symbol, trace.marker.color) for trace in traces(figure)}
    assert len({*marks.values()}) == len({symbol for symbol, _ in marks.values()}) == 3


# Worked by hand


def test_frame_of_the_learning_curves():
    rows = frame("learning").query("arm == 'L1'")
    assert set(rows["lam"]) == {1e-3}
    assert set(rows["n"]) == {3}
    start, *_, end = rows[["task", "total", "score"]].to_numpy()
    assert start == pytest.approx([2.104, 2.204, 0.296])
    assert end == pytest.approx([0.104, 0.204, 0.796], abs=1e-5)
    errors = frame("learning", HOUSING).query("arm == 'L1' and epoch == 100")
    assert errors[["metric", "score"]].to_numpy().tolist() == [
        ["mse", pytest.approx(0.204, abs=1e-5)]
    ]


def test_frame_of_the_gaps():
    odd = DIGITS.results["member"] == "digits-modern-L1-0.001-2"
    results = DIGITS.results.assign(test_accuracy=DIGITS.results["test_accuracy"] - 0.03 * odd)
    (row,) = frame("gaps", replace(DIGITS, results=results)).query("arm == 'L1'").to_dict("records")
    half = 4.302653 * np.sqrt(0.0003) / np.sqrt(3)  # gaps 0.20, 0.20, 0.23
    assert (row["lam"], row["metric"], row["n"]) == (1e-3, "accuracy", 3)
    assert row["gap"] == pytest.approx(0.21)
    assert [row["gap_low"], row["gap_high"]] == pytest.approx([0.21 - half, 0.21 + half])
    assert [row["train"], row["test"]] == pytest.approx([0.896, 0.686])
    assert frame("gaps", HOUSING)["gap"].tolist() == pytest.approx([0.2] * 4)


@pytest.mark.parametrize("evidence", [DIGITS, HOUSING], ids=["accuracy", "error"])
def test_frame_of_the_front(evidence: Evidence):
    rows = frame("front", evidence)
    assert rows["zeros"].tolist() == pytest.approx([0, 0.1, 0.15, 0.2, 0.3])
    better = [0.801, 0.791, 0.796, 0.781, 0.771]
    scores = better if evidence is DIGITS else [1 - score for score in better]
    assert rows["score"].tolist() == pytest.approx(scores)
    assert rows["front"].tolist() == [True, False, True, True, True]
    assert rows["chosen"].tolist() == [True, False, True, True, True]


def test_equals_share_the_front_and_a_place_without_zeros_has_none():
    results = DIGITS.results.assign(val_accuracy=0.8, zeros=13)
    assert frame("front", replace(DIGITS, results=results))["front"].all()
    assert frame("front", replace(DIGITS, results=results.assign(zeros_dead=13))).empty


def test_frame_of_the_paths():
    rows = frame("paths")
    assert rows[["arm", "zeros"]].to_numpy().tolist() == [
        ["none", 0], ["L1", pytest.approx(0.1)], ["L1", pytest.approx(0.15)]
    ]  # fmt: skip
    single = DIGITS.results.loc[DIGITS.results["lam"] != 1e-4]
    assert frame("paths", replace(DIGITS, results=single)).empty


def test_the_paths_keep_the_learning_rate_that_was_chosen():
    other = DIGITS.results.assign(
        lr=0.1,
        member="o" + DIGITS.results["member"],
        val_accuracy=DIGITS.results["val_accuracy"] - 0.3,
    )
    results = pd.concat([DIGITS.results, other], ignore_index=True)
    rows = frame("paths", replace(DIGITS, results=results))
    assert rows["lr"].tolist() == [1e-3] * 3


def test_frame_of_the_thresholds():
    rows = frame("thresholds").query("arm == 'L1-proximal'")
    assert rows["threshold"].tolist() == [0, 1e-8, 1e-4, 0.1, 1]
    for column in ("share", "share_low", "share_high"):
        assert rows[column].tolist() == pytest.approx([0.2, 0.2, 0.2, 0.5, 0.9])


def test_frame_of_the_histograms():
    rows = frame("histograms").query("arm == 'L1-proximal'")
    assert rows["tensor"].unique().tolist() == list(TENSORS)
    one = rows.loc[rows["tensor"] == "fc2.weight"]
    assert set(one["size"]) == {20}
    assert one["low"].tolist() == [0, 0, 1e-8, 1e-4, 0.1, 1]
    assert one["high"].tolist() == [0, 1e-8, 1e-4, 0.1, 1, np.inf]
    assert one["share"].tolist() == pytest.approx([0.2, 0, 0, 0.3, 0.4, 0.1])


def test_frame_of_the_pruning_curves():
    rows = frame("pruning").query("arm == 'L1'")
    assert rows["density"].tolist() == [1, 0.1, 0.01]
    assert rows["score"].tolist() == pytest.approx([0.696, 0.0696, 0.00696])
    half = 4.302653 * 0.001 / np.sqrt(3)
    assert rows["score_low"].iloc[0] == pytest.approx(0.696 - half)
    assert set(frame("pruning", HOUSING)["metric"]) == {"mse"}
    other = DIGITS.measures.assign(measure="dead_units")
    assert frame("pruning", replace(DIGITS, measures=other)).empty


def test_frame_of_the_survival_curves():
    falls = {0: 10, 1: 20, 2: None}  # seed to the epoch in which its loss drops
    ids = dict(zip(DIGITS.results["member"], DIGITS.results["seed"], strict=True))
    curves = DIGITS.curves
    drops = curves["member"].map(ids).map(falls)
    slow = 1 - curves["epoch"] / 100
    steps = (curves["epoch"] < drops).astype(float).where(drops.notna(), slow)
    evidence = replace(DIGITS, curves=curves.assign(train_loss=steps))
    rows = frame("survival", evidence).query("arm == 'L1'")
    assert rows["epoch"].tolist() == [0, 10, 20, 100]
    assert rows["waiting"].tolist() == pytest.approx([1, 2 / 3, 1 / 3, 1 / 3])
    assert set(rows["median"]) == {20}
    assert set(rows["n"]) == {3}
    converged = frame("curves", evidence).query("arm == 'L1'").drop_duplicates("seed")["converged"]
    assert converged.tolist() == near([10, 20, np.nan])
    lost = DIGITS.results["status"].mask(DIGITS.results["seed"] == 0, "diverged")
    others = frame("survival", replace(evidence, results=DIGITS.results.assign(status=lost)))
    assert others.query("arm == 'L1'")["epoch"].tolist() == [0, 20, 100]
    assert set(others["n"]) == {2}
    never = DIGITS.curves.assign(train_loss=slow)
    assert frame("survival", replace(DIGITS, curves=never)).empty


def test_frame_of_the_claims():
    rows = frame("forest")
    assert rows["name"].tolist() == ["same", "higher", "ten-times", "more-zeros", "brighter"]
    assert rows["unit"].tolist() == ["points", "points", "times", "weights", "inputs"]
    assert rows[["effect", "low", "high"]].to_numpy()[1].tolist() == [9.3, 7.7, 10.9]


def test_frame_of_the_maps():
    images, tables = frame("maps"), frame("maps", HOUSING)
    place = images.drop_duplicates("input")
    assert place["input"].tolist() == PIXELS
    assert place[["row", "column"]].to_numpy()[6].tolist() == [1, 2]
    assert list(tables["input"].unique()) == FEATURES
    assert set(tables["row"]) == {0}
    assert tables["column"].max() == len(FEATURES) - 1
    given = DIGITS.maps.assign(row=7, column=7)
    assert set(frame("maps", replace(DIGITS, maps=given))["row"]) == {7}
