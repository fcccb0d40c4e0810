"""Tiny-ImageNet: what is decoded from a folder or an archive, once, and what is refused."""

import os
import shutil
import sys
from collections.abc import Callable
from hashlib import md5
from pathlib import Path

import pytest
import torch

from lpreg.data import DataError, Dataset, Pool, load, moments, split, workers
from tests.data import fakes
from tests.data.fakes import GREY, TRAIN, VAL, WNIDS, as_folder, as_zip, colour, tree

FORMS: dict[str, Callable[[Path], Path]] = {
    "folder": lambda cache: as_folder(cache / "tiny-imagenet-200", tree()),
    "part": lambda cache: as_zip(cache / "tiny-imagenet-3.zip", tree()),
    "part without a folder in it": lambda cache: as_zip(cache / "tiny-imagenet-3.zip", tree(), ""),
}


@pytest.fixture(params=FORMS.values(), ids=list(FORMS))
def source(request: pytest.FixtureRequest, cache: Path) -> Path:
    return request.param(cache)


@pytest.fixture
def part(cache: Path) -> Path:
    return FORMS["part"](cache)


def decoded(cache: Path) -> list[Path]:
    """Everything below the folder of decoded images."""
    return sorted((cache / "decoded").rglob("*"))


def assert_same(one: Dataset, other: Dataset) -> None:
    assert torch.equal(one.x, other.x) and torch.equal(one.y, other.y)
    assert one.pools == other.pools and one.classes == other.classes


def test_images_come_sorted_by_class_in_the_order_of_wnids(source: Path):
    data = load("tiny_imagenet")
    assert (data.x.shape, data.x.dtype, data.scale) == ((18, 3, 64, 64), torch.uint8, 255.0)
    assert data.y.tolist() == [0] * TRAIN + [1] * TRAIN + [2] * TRAIN + [0, 0, 1, 1, 2, 2]
    assert data.pools == (Pool(("train",), 3 * TRAIN), Pool(("val", "test"), 3 * VAL))
    assert (data.task, data.classes, data.name) == ("classification", 3, "tiny_imagenet")
    train = [f"train/{wnid}/images/{wnid}_{k}.JPEG" for wnid in WNIDS for k in range(TRAIN)]
    val = [f"val/images/val_{k}.JPEG" for k in (0, 3, 1, 4, 2, 5)]
    for image, name in zip(data.x, [*train, *val], strict=True):
        red, green, blue = colour(name)
        wanted = [round(0.299 * red + 0.587 * green + 0.114 * blue)] * 3
        wanted = torch.tensor(wanted if name == GREY else [red, green, blue])
        assert (image - wanted[:, None, None].float()).abs().max() <= 3, name  # JPEG rounds


def test_they_are_decoded_once(source: Path, capsys: pytest.CaptureFixture[str]):
    first = load("tiny_imagenet")
    (said,) = capsys.readouterr().err.splitlines()
    assert "18 images" in said and str(source) in said and str(source.parent) in said
    assert_same(load("tiny_imagenet"), first)
    assert_same(load("tiny_imagenet", classes=3), first)
    assert capsys.readouterr().err == ""


def test_a_changed_source_is_decoded_anew(source: Path):
    before = load("tiny_imagenet").x.clone()
    stat = source.stat()
    files = tree()
    name = f"train/{WNIDS[0]}/images/{WNIDS[0]}_0.JPEG"
    files[name] = fakes.jpeg("another colour")
    if source.is_dir():
        (source / name).write_bytes(files[name])
    else:
        as_zip(source, files)
        os.utime(source, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    after = load("tiny_imagenet").x
    assert not torch.equal(after[0], before[0])
    assert torch.equal(after[1:], before[1:])


def test_several_processes_give_the_same(part: Path, cache: Path, monkeypatch: pytest.MonkeyPatch):
    alone = load("tiny_imagenet")
    shutil.rmtree(cache / "decoded")
    monkeypatch.setattr(workers, "ENOUGH", 1)
    monkeypatch.setattr(workers, "cores", lambda: 3)
    assert_same(load("tiny_imagenet"), alone)


def test_the_first_classes_are_rows_of_the_whole(part: Path):
    whole, two = load("tiny_imagenet"), load("tiny_imagenet", classes=2)
    rows = whole.y < 2
    assert torch.equal(two.x, whole.x[rows]) and torch.equal(two.y, whole.y[rows])
    assert two.classes == 2
    assert [pool.size for pool in two.pools] == [2 * TRAIN, 2 * VAL]


def test_classes_that_are_not_there_are_refused(part: Path):
    with pytest.raises(ValueError, match=rf"classes = 4; allowed: 1 to 3.*{part.name}"):
        load("tiny_imagenet", classes=4)


@pytest.mark.parametrize("classes", [0, 201, -1])
def test_impossible_classes_are_refused_before_anything_is_read(cache: Path, classes: int):
    with pytest.raises(ValueError, match=rf"classes = {classes}; allowed: 1 to 200"):
        load("tiny_imagenet", classes=classes)
    assert not cache.exists()


def test_the_cache_stays_as_it_is_whatever_is_done_to_the_images(part: Path):
    data = load("tiny_imagenet")
    before = data.x.clone()
    data.x.zero_()
    assert torch.equal(load("tiny_imagenet").x, before)


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's table of mappings")
def test_the_whole_set_is_mapped_and_can_be_split_and_measured(part: Path):
    data = load("tiny_imagenet")
    address = data.x.data_ptr()
    with open("/proc/self/maps", encoding="utf-8") as table:
        for line in table:
            first, last = (int(each, 16) for each in line.split()[0].split("-"))
            if first <= address < last:
                assert line.rstrip().endswith("images.npy")
    parts = split(data, {"train": 12, "val": 3, "test": 3}, seed=0)
    assert torch.equal(parts["train"][1].bincount(), torch.tensor([TRAIN] * 3))
    mean, _ = moments(parts["train"][0])
    assert torch.allclose(mean.flatten(), data.x[:12].double().mean((0, 2, 3)))


def test_what_a_killed_process_left_is_done_again(part: Path, cache: Path):
    whole = load("tiny_imagenet").x.clone()
    (folder,) = (cache / "decoded").iterdir()
    left = folder.rename(folder.with_name(f".{folder.name}.part"))
    (left / "images.npy").write_bytes(b"half")
    assert torch.equal(load("tiny_imagenet").x, whole)
    assert list((cache / "decoded").iterdir()) == [folder]


@pytest.mark.parametrize("file", ["images.npy", "counts.json"])
def test_a_damaged_cache_is_one_line(part: Path, cache: Path, file: str):
    load("tiny_imagenet")
    (damaged,) = (cache / "decoded").rglob(file)
    damaged.write_bytes(damaged.read_bytes()[:100] if file.endswith("npy") else b"{}")
    with pytest.raises(DataError, match=f"^{damaged.parent} is damaged: .*delete it") as error:
        load("tiny_imagenet")
    assert "\n" not in str(error.value)


IMAGE = "train/n20/images/n20_2.JPEG"
NOTE = "val/val_annotations.txt"

UNFIT = {
    "a broken image": ({IMAGE: tree()[IMAGE][:400]}, (IMAGE, "no JPEG")),
    "an empty image": ({IMAGE: b""}, (IMAGE, "no JPEG")),
    "another format": ({IMAGE: fakes.jpeg(IMAGE, kind="PNG")}, (IMAGE, "no JPEG")),
    "another size": ({IMAGE: fakes.jpeg(IMAGE, size=(64, 63))}, (IMAGE, "64 x 63", "64 x 64")),
    "no list of classes": ({"wnids.txt": None}, ("wnids.txt",)),
    "a class twice": ({"wnids.txt": b"n30\nn10\nn30"}, ("wnids.txt",)),
    "no class": ({"wnids.txt": b"\n"}, ("wnids.txt",)),
    "no annotations": ({NOTE: None}, (NOTE,)),
    "a class without images": ({"wnids.txt": b"n30\nn99"}, ("n99", "wnids.txt")),
    "a missing image": ({"val/images/val_3.JPEG": None}, ("val/images/val_3.JPEG",)),
    "an annotation that leads out": (
        {NOTE: tree()[NOTE] + b"../../../secret.JPEG\tn30\t0\t0\t1\t1\n"},
        ("secret.JPEG",),
    ),
}


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize(("files", "named"), UNFIT.values(), ids=UNFIT)
def test_what_is_not_right_is_named_and_nothing_is_kept(
    cache: Path, files: dict[str, bytes | None], named: tuple[str, ...], form: str
):
    content = {name: each for name, each in {**tree(), **files}.items() if each is not None}
    make, name = (as_folder, "tiny-imagenet-200") if form == "folder" else (as_zip, PART)
    source = make(cache / name, content)
    with pytest.raises(DataError) as error:
        load("tiny_imagenet")
    line = str(error.value)
    assert "\n" not in line
    assert [word for word in (*named, str(source), "cs231n.stanford.edu") if word not in line] == []
    assert decoded(cache) == []


def test_a_broken_image_is_named_by_another_process_too(
    cache: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(workers, "ENOUGH", 1)
    monkeypatch.setattr(workers, "cores", lambda: 2)
    as_zip(cache / PART, {**tree(), IMAGE: b"broken"})
    with pytest.raises(DataError, match=f"{PART} cannot be used: .*{IMAGE} is no JPEG"):
        load("tiny_imagenet")
    assert decoded(cache) == []


PART = "tiny-imagenet-3.zip"


@pytest.mark.parametrize("name", ["../evil.JPEG", "/tmp/evil.JPEG", "..\\evil.JPEG"])
def test_an_archive_that_leads_out_of_itself_is_refused(cache: Path, tmp_path: Path, name: str):
    source = as_zip(cache / PART, {**tree(), name: b"evil"})
    with pytest.raises(DataError, match=f"^{source} cannot be used.*evil.JPEG.*leads out"):
        load("tiny_imagenet")
    assert list(tmp_path.rglob("evil*")) == []


def torn(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        torn,
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(b"<html>"),
    ],
    ids=["a bit flipped", "truncated", "no archive"],
)
def test_a_damaged_archive_is_named(part: Path, cache: Path, damage: Callable[[Path], None]):
    damage(part)
    with pytest.raises(DataError, match=f"^{part} is damaged: .*delete it") as error:
        load("tiny_imagenet")
    assert "\n" not in str(error.value)
    assert decoded(cache) == []


def test_under_the_official_name_only_the_official_archive_is_taken(cache: Path):
    official = as_zip(cache / "tiny-imagenet-200.zip", tree())
    own = md5(official.read_bytes()).hexdigest()
    with pytest.raises(DataError, match=f"^{official} is damaged: .*{own}.*90528d7c"):
        load("tiny_imagenet")
    assert decoded(cache) == []


def test_of_several_the_folder_comes_first_and_the_whole_archive_before_a_part(cache: Path):
    as_zip(cache / PART, tree())
    as_zip(cache / "tiny-imagenet-200.zip", tree())
    with pytest.raises(DataError, match=r"tiny-imagenet-200\.zip is damaged"):
        load("tiny_imagenet")
    as_folder(cache / "tiny-imagenet-200", tree())
    assert len(load("tiny_imagenet").y) == 18


def test_a_read_only_cache_is_decoded_into_the_users_own(part: Path, cache: Path, tmp_path: Path):
    cache.chmod(0o555)
    try:
        assert len(load("tiny_imagenet").y) == 18
    finally:
        cache.chmod(0o755)
    assert [path.name for path in cache.iterdir()] == [PART]
    assert len(list((tmp_path / "home").rglob("images.npy"))) == 1
