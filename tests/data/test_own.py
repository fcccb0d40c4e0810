"""Arrays in memory, and images in folders."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from lpreg.data import (
    DataError,
    Dataset,
    Pool,
    fingerprint,
    from_arrays,
    from_frame,
    load,
    sizes,
    split,
    store,
)

X = np.arange(12.0).reshape(6, 2)


def test_arrays_tensors_and_frames_say_the_same():
    named = from_arrays(X, ["b", "a"] * 3, features=("u", "v"))
    for x in (X.tolist(), torch.tensor(X), X.astype(int), pd.DataFrame(X, columns=["u", "v"])):
        own = from_arrays(x, pd.Series(["b", "a"] * 3), features=("u", "v"))
        assert torch.equal(own.x, named.x) and torch.equal(own.y, named.y)
        assert (own.labels, own.task, own.features) == (("a", "b"), "classification", ("u", "v"))
    assert (named.x.dtype, named.y.dtype, named.classes) == (torch.float32, torch.int64, 2)


def test_targets_of_arrays_are_told_as_those_of_tables():
    assert from_arrays(X, np.array([[0.5], [1.5], [2], [3], [4], [5]])).task == "regression"
    assert from_arrays(X, torch.tensor([4, 5, 4, 5, 4, 5])).labels == ("4", "5")
    assert from_arrays(X, np.array([True, False] * 3)).labels == ("False", "True")
    assert from_arrays(X, [4, 5, 4, 5, 4, 5], "regression").y.tolist() == [4, 5, 4, 5, 4, 5]


def test_arrays_keep_their_shape_and_their_gaps():
    x = np.where(X == 3, np.nan, X)
    x[:, 0] = 1  # an input of a network that somebody has built: not left out
    own = from_arrays(x, np.arange(6) / 4)
    assert (own.x.shape, own.gaps) == ((6, 2), True)
    pictures = from_arrays(np.zeros((6, 3, 4, 4), np.uint8), [0, 1] * 3)
    assert (pictures.x.dtype, pictures.scale, pictures.gaps) == (torch.uint8, 255.0, False)


def test_a_frame_is_read_as_a_table():
    frame = pd.DataFrame({"a": [1, 2, 3, 4], "b": list("xyxy"), "c": 1, "y": [0.5, 1, None, 2]})
    own, report = from_frame(frame, "y")
    assert (own.features, own.y.tolist(), report.without_target) == (("a", "b=y"), [0.5, 1, 2], 1)
    assert from_arrays(frame[["a", "b"]], frame["y"]).features == own.features


@pytest.mark.parametrize(
    ("x", "y", "named"),
    [
        (X, [1, 2], r"\(6, 2\) and y \(2,\)"),
        (X[:, 0], [0, 1] * 3, r"x has the shape \(6,\)"),
        (X, [0.5, None, 1, 2, 3, 4], "row 1 has the target None"),
        (np.where(X == 3, np.inf, X), np.arange(6) / 4, "row 1, 'v' is inf"),
        (np.array([list("ab")] * 6), [0, 1] * 3, "x holds <U1"),
    ],
    ids=["lengths", "one axis", "no target", "infinite", "text"],
)
def test_arrays_that_are_no_data_set_are_refused(x, y, named):
    with pytest.raises(ValueError, match=named):
        from_arrays(x, y, features=("u", "v") if np.ndim(x) == 2 else ())


def test_what_is_stored_comes_back_and_equal_data_are_equal_files(tmp_path: Path):
    own = from_arrays(np.where(X == 3, np.nan, X), ["b", "a"] * 3, features=("u", "v"))
    one, other = store(own, tmp_path / "a" / "one.npz"), store(own, tmp_path / "other.npz")
    assert one.read_bytes() == other.read_bytes()
    back = load("arrays", path=str(one), sha256=fingerprint(other))
    fields = [name for name in Dataset.__dataclass_fields__ if name not in ("x", "y")]
    assert [getattr(back, name) for name in fields] == [getattr(own, name) for name in fields]
    np.testing.assert_equal(back.x.numpy(), own.x.numpy())
    assert torch.equal(back.y, own.y)
    with pytest.raises(DataError, match=r"one\.npz has changed"):
        load("arrays", path=str(one), sha256="0")
    one.write_bytes(b"no data")
    with pytest.raises(DataError, match="no data set that lpreg has stored"):
        load("arrays", path=str(one))


def pictures(root: Path, parts: list[str], grey: bool = False, count: int = 4) -> Path:
    """Cats are dark and dogs are light, dogs are wide."""
    for part in parts:
        for kind, value in (("cat", 40), ("dog", 200)):
            folder = root / part / kind
            folder.mkdir(parents=True)
            for k in range(count):
                size = (20, 12) if kind == "dog" else (12, 12)
                colour = (value, value + k, value) if not grey else value + k
                image = Image.new("L" if grey else "RGB", size, colour)
                image.save(folder / f"{k}.{'png' if k % 2 else 'bmp'}")
    return root


def images(path: Path, **options: object) -> Dataset:
    return load("images", path=str(path), **options)


@pytest.mark.parametrize("grey", [False, True], ids=["colour", "grey"])
def test_a_folder_per_class_is_a_data_set(cache: Path, tmp_path: Path, grey: bool):
    folder = pictures(tmp_path / "pets", [""], grey)
    (folder / ".cache").mkdir()
    (folder / "cat" / "notes.txt").write_text("no image", "utf-8")
    own = images(folder, size=8)
    assert (tuple(own.x.shape), own.x.dtype) == ((8, 1 if grey else 3, 8, 8), torch.uint8)
    assert (own.labels, own.y.tolist()) == (("cat", "dog"), [0] * 4 + [1] * 4)
    assert (own.classes, own.scale, own.stratified, own.pools) == (2, 255.0, True, ())
    assert own.x[:, 0, 4, 4].tolist() == ([40, 41, 42, 43, 200, 201, 202, 203] if grey
                                          else [40] * 4 + [200] * 4)  # fmt: skip


POOLS = {
    "validation": (["train", "valid"], [("train",), ("val", "test")]),
    "test": (["train", "test"], [("train", "val"), ("test",)]),
    "both": (["train", "val", "test"], [("train",), ("val",), ("test",)]),
}


@pytest.mark.parametrize(("there", "parts"), POOLS.values(), ids=POOLS.keys())
def test_folders_of_parts_are_pools(cache: Path, tmp_path: Path, there, parts):
    own = images(pictures(tmp_path / "pets", there), size=4)
    assert own.pools == tuple(Pool(each, 8) for each in parts)
    shares = {"train": 0.5, "val": 0.25, "test": 0.25}
    counted = sizes(own, shares)
    assert counted == {"train": 4, "val": 2, "test": 2}
    assert all(y.bincount().tolist() == [n // 2] * 2 for (_, y), n in zip(
        split(own, counted, 0).values(), counted.values(), strict=True))  # fmt: skip


def test_images_are_decoded_once_and_anew_when_they_change(cache: Path, tmp_path: Path):
    folder = pictures(tmp_path / "pets", [""])
    before = fingerprint(folder)
    first = images(folder, size=4)
    (file,) = cache.rglob("*.npy")
    stamp = file.stat().st_mtime_ns
    folder = folder.rename(tmp_path / "animals")
    assert torch.equal(images(folder, size=4, sha256=before).x, first.x)
    assert file.stat().st_mtime_ns == stamp
    Image.new("RGB", (9, 9), (1, 2, 3)).save(folder / "cat" / "0.bmp")
    assert images(folder, size=4).x[0, :, 0, 0].tolist() == [1, 2, 3]
    with pytest.raises(DataError, match="animals has changed"):
        images(folder, sha256=before)


def test_folders_without_classes_and_broken_images_are_refused(cache: Path, tmp_path: Path):
    folder = pictures(tmp_path / "pets", [""])
    with pytest.raises(DataError, match="no does not exist"):
        images(tmp_path / "no")
    with pytest.raises(ValueError, match="0 folders of images"):
        images(folder / "cat")
    with pytest.raises(ValueError, match="size = 0"):
        images(folder, size=0)
    (folder / "dog" / "0.bmp").write_bytes(b"BM")
    with pytest.raises(DataError, match=r"0\.bmp is no image"):
        images(folder)
    for k in (1, 2):
        (folder / "cat" / f"{k}.{'png' if k % 2 else 'bmp'}").unlink()
    with pytest.raises(ValueError, match="cat has 2 images; allowed: 3 or more"):
        images(folder)
