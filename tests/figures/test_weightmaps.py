"""Weight maps: the frame, and what the pictures drawn from it show."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from lpreg.figures import draw_weight_maps
from lpreg.figures.animation import HOLD, animate
from lpreg.figures.film import REMOVED, Shape, colours
from lpreg.figures.weightmaps import CONVERGED, draw, frame
from tests.figures.made import ARMS, EPOCHS, FEATURES, PIXELS, maps, members
from tests.figures.pages import assert_legible

IMAGE, TABLE = (4, 4), (1, len(FEATURES))
FEW = {"none": np.nan, "L1": 1e-4}


def made(shape: Shape, arms=ARMS, epochs: Sequence[int] = EPOCHS) -> pd.DataFrame:
    table = members(arms)
    return frame(table, maps(table, PIXELS if shape == IMAGE else FEATURES, epochs))


def pictures(figure: Figure) -> list[np.ndarray]:
    """The colours of the maps, without those of the legend."""
    images = figure.axes[0].get_images()
    return [np.asarray(image.get_array()) for image in images[2:]]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def marks(figure: Figure) -> int:
    """How many arms are marked as converged."""
    axes = figure.axes[0]
    colours = [line.get_color() for line in axes.lines]
    colours += [patch.get_edgecolor() for patch in axes.patches]
    legend = 1
    found = sum(to_rgb(colour) == to_rgb(CONVERGED) for colour in colours)
    return max(0, found - legend)


def test_the_frame_has_the_maps_of_the_first_seed_at_the_chosen_setting():
    table = members({"L2": 0.1, "none": np.nan, "L1": 1e-4}, seeds=2)
    worse = table.assign(
        member="w" + table["member"], lam=7.0, val_accuracy=table["val_accuracy"] - 0.1
    )
    everyone = pd.concat([worse, table], ignore_index=True)
    tidy = frame(everyone, maps(everyone, FEATURES))
    assert list(tidy["arm"].unique()) == ["L2", "none", "L1"]
    assert set(tidy["seed"]) == {0}
    assert 7.0 not in set(tidy["lam"])
    assert len(tidy) == 3 * len(EPOCHS) * len(FEATURES)
    assert list(tidy.columns) == [
        *("data", "recipe", "model", "arm", "lam", "seed", "status"),
        *("epoch", "input", "score"),
    ]
    own = maps(everyone, FEATURES).query("member == 'm4' and epoch == 30")
    assert tidy.query("arm == 'L1' and epoch == 30")["score"].tolist() == own["score"].tolist()


def test_a_member_without_maps_is_left_out():
    table = members(FEW, seeds=2)
    some = maps(table.loc[table["member"] == "m1"], FEATURES)
    assert frame(table, some)[["arm", "seed"]].drop_duplicates().to_numpy().tolist() == [
        ["none", 1]
    ]


def test_grey_is_the_score_and_blue_is_removed():
    seen = colours(np.array([[0.0, 1e-9, 0.5, 1.0, np.nan]]))[0]
    assert tuple(seen[0]) == to_rgb(REMOVED)
    assert seen[1:4] == pytest.approx(np.repeat([[1e-9], [0.5], [1.0]], 3, axis=1))
    assert len({tuple(colour) for colour in seen}) == 5


def test_images_stand_in_a_grid_of_arms_and_epochs():
    tidy = made(IMAGE, FEW)
    shown = pictures(draw(tidy, IMAGE))
    assert len(shown) == 2 * len(EPOCHS)
    for number, (arm, epoch) in enumerate((arm, epoch) for arm in FEW for epoch in EPOCHS):
        scores = tidy.query(f"arm == '{arm}' and epoch == {epoch}")["score"].to_numpy()
        assert shown[number][..., 0] == pytest.approx(scores.reshape(IMAGE))


def test_a_table_has_a_panel_per_arm_of_inputs_and_epochs():
    tidy = made(TABLE, FEW)
    shown = pictures(draw(tidy, TABLE))
    assert [panel.shape for panel in shown] == [(len(FEATURES), len(EPOCHS), 3)] * 2
    one = tidy.query("arm == 'L1' and input == 'latitude'")["score"]
    assert shown[1][1, :, 0] == pytest.approx(one)


@pytest.mark.parametrize("shape", [IMAGE, TABLE])
def test_what_is_written(shape: Shape):
    tidy = made(shape, FEW)
    last = (tidy["epoch"] == 100) & (tidy["arm"] == "L1") & (tidy["score"] < 1)
    figure = draw(tidy.assign(score=tidy["score"].mask(last, 0)), shape)
    inputs = shape[0] * shape[1]
    assert f"λ = 1e-4\n{inputs - 1} of {inputs} removed" in texts(figure)
    assert texts(figure)[0] == "housing, h32, recipe modern: first-layer weights"
    names = {"latitude", "median income (shuffled 1)"}
    assert (names <= set(texts(figure))) == (shape == TABLE)


@pytest.mark.parametrize("shape", [IMAGE, TABLE])
def test_the_first_map_that_stays_is_marked(shape: Shape):
    tidy = made(shape, FEW)
    assert marks(draw(tidy, shape)) == 2
    slow = (tidy["arm"] == "L1") & (tidy["epoch"] == 90)
    assert marks(draw(tidy.assign(score=tidy["score"].mask(slow, 1.0)), shape)) == 1


@pytest.mark.parametrize("shape", [IMAGE, TABLE])
@pytest.mark.parametrize("arms", [ARMS, {"L1": 1e-4}], ids=len)
def test_no_text_lies_on_another_or_leaves_the_page(shape: Shape, arms: dict):
    figure = draw(made(shape, arms), shape)
    assert_legible(figure, figure.axes[0].texts)


@pytest.mark.parametrize("shape", [IMAGE, TABLE])
@pytest.mark.parametrize("epochs", [[0], [0, 3], list(range(100))], ids=len)
def test_few_and_many_snapshots(shape: Shape, epochs: list[int]):
    figure = draw(made(shape, FEW, epochs), shape)
    assert len(pictures(figure)) == (2 if shape == TABLE else 2 * min(11, len(epochs)))
    assert_legible(figure, figure.axes[0].texts)


@pytest.mark.parametrize("shape", [IMAGE, TABLE])
def test_a_diverged_member_is_named(shape: Shape, tmp_path: Path):
    tidy = made(shape, FEW)
    lost = (tidy["arm"] == "L1") & (tidy["epoch"] > 20)
    tidy = tidy.assign(
        score=tidy["score"].mask(lost), status=np.where(tidy["arm"] == "L1", "diverged", "ok")
    )
    figure = draw(tidy, shape)
    assert "λ = 1e-4\ndiverged" in texts(figure)
    assert marks(figure) == 1
    assert animate(tidy, shape, tmp_path / "a.gif").exists()


@pytest.mark.parametrize("shape", [IMAGE, TABLE])
def test_the_animation_has_a_picture_per_snapshot_and_holds_the_last(shape: Shape, tmp_path: Path):
    epochs = [0, 10, 20]
    with Image.open(animate(made(shape, FEW, epochs), shape, tmp_path / "maps.gif")) as film:
        seen = []
        for number in range(film.n_frames):  # pyright: ignore[reportAttributeAccessIssue]
            film.seek(number)
            seen.append((np.asarray(film.convert("RGB")).tobytes(), film.info["duration"]))
    shown = [picture for picture, milliseconds in seen for _ in range(milliseconds // 500)]
    assert len(shown) == len(epochs) + HOLD - 1
    assert len(set(shown)) == len(epochs)
    assert len(set(shown[-HOLD:])) == 1


def test_files_per_data_set_recipe_and_model_and_the_same_again(tmp_path: Path):
    table = members({"L1": 1e-4}, data="../a b")
    other = table.assign(member="o" + table["member"], data="mnist", recipe="code")
    tidy = pd.concat([
        frame(table, maps(table, FEATURES, [0, 5])), frame(other, maps(other, PIXELS, [0, 5]))
    ])  # fmt: skip
    shapes = {"../a b": TABLE, "mnist": IMAGE}
    written = draw_weight_maps(tidy, shapes, tmp_path / "a")
    assert [path.name for path in written] == [
        f"maps-{names}.{ending}"
        for names in (".._a_b-modern-h32", "mnist-code-h32")
        for ending in ("png", "svg", "gif")
    ]
    again = draw_weight_maps(tidy, shapes, tmp_path / "b")
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]
