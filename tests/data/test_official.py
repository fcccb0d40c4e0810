"""The official data: read where LPREG_DATA names a folder that holds them."""

import io
import os
import zipfile
from dataclasses import replace
from hashlib import md5
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lpreg.cli import main
from lpreg.data import SOURCES, Dataset, load, split, verify
from lpreg.data.cache import find
from tests.data.server import Answer, Server

FOLDER = os.environ.get("LPREG_DATA")


def official(name: str) -> Dataset:
    """The set, or a skipped test: nothing is downloaded here."""
    if not FOLDER or any(find(file) is None for file in SOURCES[name].files):
        pytest.skip(f"{name} is not in LPREG_DATA ({FOLDER or 'not set'})")
    return load(name)


IMAGES = {
    "mnist": (
        *([5, 0, 4, 1, 9], [7, 2, 1, 0, 4], (0.1307, 0.3081)),
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
        [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    ),
    "fashion_mnist": (
        *([9, 0, 0, 3, 0], [9, 2, 1, 1, 6], (0.2860, 0.3530)),
        [6000] * 10,
        [1000] * 10,
    ),
}


@pytest.mark.parametrize("name", IMAGES)
def test_the_images_are_the_published_ones(name: str):
    data = official(name)
    train, test, moments, of_train, of_test = IMAGES[name]
    assert (data.x.shape, data.x.dtype) == ((70_000, 1, 28, 28), torch.uint8)
    assert (data.y[:5].tolist(), data.y[60_000:60_005].tolist()) == (train, test)
    assert data.y[:60_000].bincount().tolist() == of_train
    assert data.y[60_000:].bincount().tolist() == of_test
    counts = np.bincount(data.x[:60_000].numpy().ravel(), minlength=256)
    grey = np.arange(256) / data.scale
    mean = np.average(grey, weights=counts)
    deviation = np.average((grey - mean) ** 2, weights=counts) ** 0.5
    assert (mean, deviation) == pytest.approx(moments, abs=5e-5)
    parts = split(data, {"train": 59_000, "val": 1_000, "test": 10_000}, seed=0)
    assert parts["test"][1].bincount().tolist() == of_test
    verify(name)


def test_a_whole_set_comes_from_a_server(
    cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("LPREG_DATA", FOLDER or "")
    official("mnist")
    source = SOURCES["mnist"]
    for file in source.files:
        path = find(file)
        assert path is not None
        server.answers[f"/{path.name}"] = Answer(path.read_bytes())
    files = tuple(
        replace(file, url=f"{server.url}/{Path(file.path).name}") for file in source.files
    )
    here = replace(source, files=files)
    monkeypatch.setattr(import_module("lpreg.data.mnist"), "MNIST", here)
    monkeypatch.setitem(SOURCES, "mnist", here)
    monkeypatch.setenv("LPREG_DATA", str(cache))
    assert main(["data", "fetch", "mnist"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"mnist: {cache / 'mnist'}"
    for path in (cache / "mnist").iterdir():
        assert md5(path.read_bytes()).hexdigest() in {file.checksum[4:] for file in files}
    assert len(list((cache / "mnist").iterdir())) == 4
    assert main(["data", "verify", "mnist"]) == 0


def test_the_houses_are_the_published_ones():
    data = official("housing")
    assert (data.x.shape, data.x.dtype, data.y.dtype) == (
        *((20_640, 8), torch.float32),
        torch.float32,
    )
    first = [-122.23, 37.88, 41, 880, 129, 322, 126, 8.3252]
    assert data.x[0].tolist() == pytest.approx(first, rel=1e-6)
    assert data.y[:3].tolist() == pytest.approx([4.526, 3.585, 3.521], rel=1e-6)
    assert (int((data.y > 5).sum()), data.task, data.classes) == (965, "regression", 1)
    assert (data.unit, data.features[2], data.pools) == ("100,000 $", "housing_median_age", ())
    assert data.x.double().mean(0)[2].item() == pytest.approx(28.6395, abs=1e-4)
    verify("housing")


def test_shuffled_copies_are_whole_rows_in_another_order():
    data = official("housing")
    twice = load("housing", shuffled=2)
    assert (twice.x.shape[1], len(twice.features)) == (24, 24)
    assert twice.features[8:10] == ("longitude (shuffled 1)", "latitude (shuffled 1)")
    assert torch.equal(twice.x[:, :8], data.x) and torch.equal(twice.y, data.y)
    assert torch.equal(load("housing", shuffled=1).x, twice.x[:, :16])
    for copy in (twice.x[:, 8:16], twice.x[:, 16:]):
        order, own = (np.lexsort(x.numpy().T) for x in (data.x, copy))
        assert torch.equal(copy[own], data.x[order])
        correlation = np.corrcoef(copy.numpy().T, data.y.numpy())[-1, :-1]
        assert np.abs(correlation).max() < 0.03  # 4 / sqrt(20640)
    assert not torch.equal(twice.x[:, 8:16], twice.x[:, 16:])
    with pytest.raises(ValueError, match="shuffled = -1"):
        load("housing", shuffled=-1)


def test_a_damaged_table_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LPREG_DATA", FOLDER or "")
    official("housing")
    path = find(SOURCES["housing"].files[0])
    assert path is not None
    text = path.read_text()
    monkeypatch.setenv("LPREG_DATA", str(cache))
    copy = cache / "california_housing" / "cal_housing.data"
    copy.parent.mkdir(parents=True)
    for wrong in (text.replace("880.0", "881.0", 1), text[:-200], "<html>", text[:-100]):
        copy.write_text(wrong)
        with pytest.raises(OSError, match=f"^{copy} is damaged: .*delete it.*figshare") as error:
            load("housing")
        assert "\n" not in str(error.value)


def test_the_photographs_are_those_of_the_archive():
    data = official("tiny_imagenet")
    classes = data.classes
    assert (data.x.shape, data.x.dtype) == ((550 * classes, 3, 64, 64), torch.uint8)
    train, val = data.y.split([500 * classes, 50 * classes])
    assert train.bincount().tolist() == [500] * classes
    assert val.bincount().tolist() == [50] * classes
    some = data.x[::10]
    grey = (some == some[:, :1]).flatten(1).all(1).double().mean().item()
    assert 0.005 < grey < 0.04
    source = find(SOURCES["tiny_imagenet"].files[0])
    assert source is not None
    if source.is_dir():
        return
    with zipfile.ZipFile(source) as archive:
        names = [name for name in archive.namelist() if "/train/" in name and name.endswith("JPEG")]
        wnids = archive.read("tiny-imagenet-200/wnids.txt").decode().split()
        for label in (0, classes - 1):
            own = sorted(name for name in names if f"/{wnids[label]}/" in name)
            image = np.asarray(Image.open(io.BytesIO(archive.read(own[7]))).convert("RGB"))
            assert np.array_equal(data.x[500 * label + 7].permute(1, 2, 0), image)
    few = load("tiny_imagenet", classes=2)
    assert torch.equal(few.x[-50:], data.x[500 * classes + 50 : 500 * classes + 100])
