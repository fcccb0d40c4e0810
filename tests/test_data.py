"""The digits, and how data are cut."""

import numpy as np
import pytest
import torch

from lpreg.data import DATA, Dataset, Pool, load, moments, split


def test_the_digits_are_the_documents():
    digits = load("digits")
    assert (tuple(digits.x.shape), tuple(digits.y.shape)) == ((1797, 64), (1797,))
    assert (digits.x.min(), digits.x.max(), digits.x.dtype) == (0.0, 16.0, torch.float32)
    assert digits.y.unique().tolist() == list(range(digits.classes))


def test_a_split_is_disjoint_whole_and_the_same_for_equal_seeds():
    digits, sizes = load("digits"), {"train": 719, "val": 539, "test": 539}
    parts = split(digits, sizes, seed=3)
    assert {part: len(y) for part, (_, y) in parts.items()} == sizes
    rows = torch.cat([x for x, _ in parts.values()]).sum(0)
    assert torch.equal(rows, digits.x.sum(0))
    for part, (x, y) in split(digits, sizes, seed=3).items():
        assert torch.equal(x, parts[part][0]) and torch.equal(y, parts[part][1])
    assert not torch.equal(split(digits, sizes, seed=4)["val"][1], parts["val"][1])


@pytest.mark.parametrize(
    ("sizes", "named"),
    [({"train": 1700, "val": 98}, "1798.*1797"), ({"train": 10, "val": 0}, "at least 1")],
)
def test_a_split_that_does_not_fit_is_refused(sizes, named):
    with pytest.raises(ValueError, match=named):
        split(load("digits"), sizes, seed=0)


def test_an_unknown_data_set_is_refused_with_the_names_allowed():
    with pytest.raises(ValueError, match=f"'digit'.*{next(iter(DATA))}"):
        load("digit")


def test_parts_come_from_the_pools_of_their_source():
    pools = (Pool(("train", "val"), 60), Pool(("test",), 30))
    marked = Dataset("marked", torch.arange(90.0)[:, None], torch.arange(90), "x", 1, pools=pools)
    parts = split(marked, {"train": 40, "test": 30, "val": 20}, seed=5)
    owners = {part: y for part, (_, y) in parts.items()}
    assert sorted(torch.cat([owners["train"], owners["val"]]).tolist()) == list(range(60))
    assert sorted(owners["test"].tolist()) == list(range(60, 90))
    with pytest.raises(ValueError, match=r"test 31 = 31.*30 samples for them"):
        split(marked, {"train": 40, "test": 31}, seed=5)


@pytest.mark.parametrize("shape", [(3,), (2, 4, 4)], ids=["table", "images"])
def test_moments_are_those_of_numpy(shape):
    x = torch.randint(0, 255, (5000, *shape), generator=torch.Generator().manual_seed(1))
    x[:, 0] = 7
    over = 0 if len(shape) == 1 else (0, 2, 3)
    mean, deviation = moments(x.to(torch.uint8))
    np.testing.assert_allclose(mean.flatten(), x.numpy().mean(over))
    np.testing.assert_allclose(deviation.flatten()[1:], x.numpy().std(over)[1:])
    assert deviation.flatten()[0] == 1
