"""The learning curves: the frame, and what the picture drawn from it shows."""

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lpreg.figures import draw_curves
from lpreg.figures.curves import draw, frame
from tests.figures.pages import assert_legible

EPOCHS = np.arange(0, 3001, 150)
ARMS = {
    "none": [np.nan],
    "L1": [1e-5, 1e-4, 1e-3],
    "L2": [0.05],
    **{f"Linf-proximal-{number}": [6.678e-6] for number in range(4)},
}


class Run(NamedTuple):
    """The frames of a run folder."""

    results: pd.DataFrame
    curves: pd.DataFrame


def run(
    arms: Mapping[str, list[float]] = ARMS,
    seeds: int = 3,
    decades: float = 3,
    recipes: tuple[str, ...] = ("modern",),
    models: tuple[str, ...] = ("h32",),
) -> Run:
    """A made-up run; of the strengths of an arm 1e-4 validates best."""
    results, curves = [], []
    for recipe, model, (arm, strengths) in product(recipes, models, arms.items()):
        for lam, seed in product(strengths, range(seeds)):
            fall = 10 ** (-decades * EPOCHS / EPOCHS[-1]) * (1 + 0.1 * seed**2)
            curve = pd.DataFrame({"member": f"m{len(results)}", "epoch": EPOCHS})
            for lag, part in enumerate(("train", "val", "test")):
                curve[f"{part}_loss"] = 2.3 * fall + 0.01 * lag
                curve[f"{part}_accuracy"] = 0.9 - 0.4 * fall + 0.05 * (lam == 1e-4) - 0.02 * lag
            about = {"data": "digits", "recipe": recipe, "model": model, "arm": arm, "lam": lam}
            last = curve.iloc[-1].to_dict()
            results.append({**about, "seed": seed, "status": "ok", **last})
            curves.append(curve)
    return Run(pd.DataFrame(results), pd.concat(curves))


def diverge(frames: Run, arm: str, *seeds: int) -> Run:
    """The same run, had these members met NaN after their fourth evaluation."""
    results, curves = frames.results.copy(), frames.curves
    lost = (results["arm"] == arm) & results["seed"].isin(seeds)
    results.loc[lost, "status"] = "diverged"
    results.loc[lost, results.columns.str.endswith(("_loss", "_accuracy"))] = np.nan
    gone = curves["member"].isin(results.loc[lost, "member"]) & (curves["epoch"] > EPOCHS[3])
    return Run(results, curves.loc[~gone])


def members(frames: Run, arm: str) -> pd.DataFrame:
    """The curves of the members of an arm."""
    names = frames.results.loc[frames.results["arm"] == arm, "member"]
    return frames.curves.loc[frames.curves["member"].isin(names)]


def panels(figure: Figure, arm: str, of: int = len(ARMS)) -> list[Axes]:
    """The panels of an arm, loss and accuracy, in a figure of so many arms."""
    (number,) = [
        number
        for number, axes in enumerate(figure.axes)
        if arm in [text.get_text() for text in axes.texts]
    ]
    return figure.axes[number::of]


def lines(panel: Axes) -> dict[str, np.ndarray]:
    """Label to the points (epochs, 2) of the bold lines in a panel."""
    return {str(line.get_label()): np.array(line.get_xydata()) for line in panel.lines}


@pytest.fixture(scope="module")
def figure() -> Figure:
    return draw(frame(run()))


def test_the_frame_has_a_row_per_chosen_member_epoch_and_part():
    tidy = frame(run())
    assert len(tidy) == len(ARMS) * 3 * len(EPOCHS) * 3
    assert tidy.loc[tidy["arm"] == "L1", "lam"].unique().tolist() == [1e-4]
    assert list(tidy.columns) == [
        *("data", "recipe", "model", "arm", "lam", "seed", "status", "converged"),
        *("epoch", "part", "loss", "accuracy"),
    ]
    assert list(tidy["arm"].unique()) == list(ARMS)


def test_the_frame_has_the_numbers_of_the_curves():
    frames = run()
    curves = members(frames, "L2")
    for part in ("train", "val", "test"):
        tidy = frame(frames).query(f"arm == 'L2' and part == '{part}'")
        assert tidy["epoch"].tolist() == curves["epoch"].tolist()
        assert tidy["loss"].tolist() == curves[f"{part}_loss"].tolist()
        assert tidy["accuracy"].tolist() == curves[f"{part}_accuracy"].tolist()


def test_the_bold_lines_are_means_over_the_seeds(figure: Figure):
    means = members(run(), "L2").drop(columns="member").groupby("epoch").mean()
    for metric, panel in zip(("loss", "accuracy"), panels(figure, "L2"), strict=True):
        drawn = lines(panel)
        for part, label in (("train", "training"), ("val", "validation"), ("test", "test")):
            expected = np.stack([EPOCHS, means[f"{part}_{metric}"]], axis=1)
            assert drawn[label] == pytest.approx(expected)


def test_a_diverged_member_is_named_and_has_no_part_in_the_mean():
    figure = draw(frame(diverge(run({"L1": [1.0], "L2": [0.05]}), "L2", 1)))
    loss, _ = panels(figure, "L2", of=2)
    drawn = lines(loss)["training"]
    assert drawn[:, 0].tolist() == EPOCHS.tolist()
    assert drawn[0, 1] == pytest.approx(2.3 * np.mean([1, 1.4]))
    assert [text.get_text() for text in loss.texts] == ["L2", "λ = 0.05, 1 of 3 diverged"]


@pytest.mark.parametrize("lost", [["L2"], ["none", "L2"]])
def test_a_figure_is_drawn_when_all_members_diverged(lost: list[str], tmp_path: Path):
    frames = run({"none": [np.nan], "L2": [0.05]})
    for arm in lost:
        frames = diverge(frames, arm, 0, 1, 2)
    assert draw_curves(frames, tmp_path)


def test_a_regression_has_the_loss_alone():
    frames = run({"L1": [1.0], "L2": [0.05]})
    errors = [
        table.rename(columns=lambda name: name.replace("accuracy", "mse")) for table in frames
    ]
    assert len(draw(frame(Run(*errors))).axes) == 2


@pytest.mark.parametrize(("decades", "scale"), [(5, "log"), (1.5, "log"), (0.8, "linear")])
def test_the_loss_is_logarithmic_where_it_falls_far(decades: float, scale: str):
    loss, accuracy = draw(frame(run({"L2": [0.05]}, decades=decades))).axes
    assert (loss.get_yscale(), accuracy.get_yscale()) == (scale, "linear")


def test_panels_of_one_kind_share_their_axes(figure: Figure):
    for kind in (figure.axes[: len(ARMS)], figure.axes[len(ARMS) :]):
        assert len({(panel.get_xlim(), panel.get_ylim()) for panel in kind}) == 1


def test_no_text_lies_on_another_or_leaves_the_page(figure: Figure):
    FigureCanvasAgg(figure).draw()
    legend = figure.legends[0]
    texts = [*figure.texts, *legend.get_texts()]
    for axes in figure.axes:
        texts += [*axes.texts, axes.xaxis.label, axes.yaxis.label]
        for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            ticks = zip(axis.get_major_ticks(), axis.get_majorticklocs(), strict=True)
            texts += [
                tick.label1 for tick, at in ticks if tick.label1.get_visible() and low <= at <= high
            ]
    assert len([text for text in texts if text.get_text()]) > 30
    assert_legible(figure, texts)


def test_files_per_recipe_and_model(tmp_path: Path):
    frames = run({"L2": [0.05]}, recipes=("modern", "document"), models=("h32", "../a b"))
    written = draw_curves(frames, tmp_path / "figures")
    assert [path.name for path in written] == [
        f"curves-{recipe}-{model}.{ending}"
        for recipe in ("modern", "document")
        for model in ("h32", ".._a_b")
        for ending in ("png", "svg")
    ]
    assert sorted(written) == sorted((tmp_path / "figures").iterdir())


def test_the_same_frames_give_the_same_files(tmp_path: Path):
    once, again = (draw_curves(run({"L2": [1.0]}), tmp_path / name) for name in "ab")
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]
