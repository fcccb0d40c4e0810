"""Scores of inputs beside their importances."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from lpreg.figures import draw_importances
from lpreg.figures.importance import NEED, SCORE, draw, frame
from tests.figures.made import ARMS, FEATURES, maps, members
from tests.figures.pages import assert_legible

NEEDS = np.linspace(2, -0.1, len(FEATURES))


def needs(table: pd.DataFrame) -> pd.DataFrame:
    """Importances that fall from input to input, twice as high for every further seed."""
    tables = [
        pd.DataFrame({"member": member, "input": FEATURES, "importance": NEEDS * 2**seed})
        for member, seed in zip(table["member"], table["seed"], strict=True)
    ]
    return pd.concat(tables).assign(sd=0.1)


def made(arms=ARMS, seeds: int = 1) -> pd.DataFrame:
    table = members(arms, seeds)
    return frame(table, maps(table, FEATURES), needs(table))


def bars(figure: Figure, colour: str) -> np.ndarray:
    """Widths of the bars of a colour, without that of the legend, in inches."""
    patches = figure.axes[0].patches
    own = [bar for bar in patches if to_rgb(bar.get_facecolor()) == to_rgb(colour)]
    return np.array([bar.get_width() for bar in own])[1:]  # pyright: ignore


def test_the_frame_has_the_last_map_of_every_finished_member_at_its_chosen_setting():
    table = members({"L1": 1e-4, "L2": 1.0}, seeds=2)
    table.loc[1, "status"] = "diverged"
    tidy = frame(table, maps(table, FEATURES), needs(table))
    assert tidy[["arm", "seed"]].drop_duplicates().to_numpy().tolist() == [
        ["L1", 0], ["L2", 0], ["L2", 1]
    ]  # fmt: skip
    own = maps(table, FEATURES).query("member == 'm3' and epoch == 100")
    last = tidy.query("arm == 'L2' and seed == 1")
    assert last["score"].tolist() == own["score"].tolist()
    assert last["importance"].tolist() == (2 * NEEDS).tolist()
    assert last["input"].tolist() == FEATURES


def test_members_without_importances_are_left_out():
    table = members({"L1": 1e-4, "L2": 1.0})
    some = needs(table.iloc[:1])
    assert set(frame(table, maps(table, FEATURES), some)["arm"]) == {"L1"}
    assert frame(table, maps(table, FEATURES), some.iloc[:0]).empty
    assert draw_importances(frame(table, maps(table, FEATURES), some.iloc[:0]), Path()) == []


def test_bars_are_means_over_the_seeds_as_shares_of_the_largest():
    tidy = made({"L1": 1e-4}, seeds=3)
    figure = draw(tidy)
    scores = tidy.groupby("input", sort=False)["score"].mean()
    drawn = bars(figure, SCORE)
    assert drawn / drawn.max() == pytest.approx(scores / scores.max())
    drawn = bars(figure, NEED)
    assert drawn / drawn.max() == pytest.approx(np.maximum(NEEDS, 0) / 2)
    assert "each as a share of its largest; mean over 3 seeds" in [
        text.get_text() for text in figure.axes[0].texts
    ]


def test_the_rank_correlation_is_the_mean_over_the_seeds():
    tidy = made({"L1": 1e-4}, seeds=2)
    same = tidy["seed"] == 0
    scores = tidy["importance"].where(same, -tidy["importance"])
    (note,) = [
        text.get_text()
        for text in draw(tidy.assign(score=scores)).axes[0].texts
        if "rank" in text.get_text()
    ]
    assert note in ("λ = 1e-4\nrank correlation 0.00", "λ = 1e-4\nrank correlation -0.00")


def test_an_arm_without_importances_above_zero_is_drawn():
    tidy = made({"L1": 1e-4}).assign(importance=0.0)
    figure = draw(tidy)
    assert not bars(figure, NEED).any()
    assert "rank" not in "".join(text.get_text() for text in figure.axes[0].texts)


@pytest.mark.parametrize("arms", [ARMS, {"L1": 1e-4}], ids=len)
def test_no_text_lies_on_another_or_leaves_the_page(arms: dict):
    figure = draw(made(arms))
    assert_legible(figure, figure.axes[0].texts)


def test_the_files(tmp_path: Path):
    written = draw_importances(made({"L1": 1e-4}), tmp_path / "figures")
    assert [path.name for path in written] == [
        "importance-housing-modern-h32.png",
        "importance-housing-modern-h32.svg",
    ]
    assert all(path.exists() for path in written)
