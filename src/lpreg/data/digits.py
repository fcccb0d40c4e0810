"""The handwritten digits that scikit-learn carries: 1797 images of 8 x 8, 10 classes."""

import torch

from lpreg.data.cache import Source
from lpreg.data.sets import Dataset

DIGITS = Source("handwritten digits, 8 x 8 grey, 10 classes", 1797)


def digits() -> Dataset:
    """The digits, x (1797, 64) with pixels 0 to 16, y (1797,) classes 0 to 9.

    Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998, the test
    part, as `sklearn.datasets.load_digits` gives it.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return Dataset(
        name="digits",
        x=torch.as_tensor(images, dtype=torch.float32),
        y=torch.as_tensor(labels, dtype=torch.int64),
        task="classification",
        classes=10,
        scale=16.0,
    )
