"""The digits, and how data are cut."""

import pytest
import torch

from lpreg.data import DATA, load, split


def test_the_digits_are_the_documents():
    digits = load("digits")
    assert (tuple(digits.x.shape), tuple(digits.y.shape)) == ((1797, 64), (1797,))
    assert (digits.x.min(), digits.x.max(), digits.x.dtype) == (0.0, 16.0, torch.float32)
    assert digits.y.unique().tolist() == list(range(digits.classes))
    assert torch.equal(digits.scaled().x * 16, digits.x)
    assert torch.equal(digits.scaled().scaled().x, digits.scaled().x)


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
