"""Tiny-ImageNet-200, or any part of it: 64 x 64 colour images of 200 classes."""

import numpy as np
import torch

from lpreg.data.cache import File, Source
from lpreg.data.decoded import decoded
from lpreg.data.download import obtain
from lpreg.data.sets import Dataset, Pool

ARCHIVE = File(
    path="tiny-imagenet-200.zip",
    url="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
    checksum="md5:90528d7ca1a48142e341f4ef8d21d0de",
    size=248_100_043,
    accepts=("tiny-imagenet-200", "tiny-imagenet-200.zip", "tiny-imagenet-*.zip"),
)

TINY_IMAGENET = Source("colour photographs, 64 x 64, 200 classes", 110_000, (ARCHIVE,))


CLASSES = 200
"""Of the whole set."""


def tiny_imagenet(*, classes: int | None = None) -> Dataset:
    """The training and validation images, x (n, 3, 64, 64) uint8, y (n,) classes by wnids.txt.

    The training part comes from the training images, validation and test part from the validation
    images: the labels of the official test images are not public. x is mapped from a file unless
    classes are left out: those that are taken are then copied into memory.

    Source: Le and Yang, "Tiny ImageNet visual recognition challenge", Stanford CS231n, 2015.

    Args:
        classes: take the first so many of wnids.txt; all of what is there when left out.

    Raises:
        DataError: it cannot be downloaded, is damaged, or cannot be decoded.
        ValueError: more classes than there are, or less than one.
    """
    if classes is not None and not 1 <= classes <= CLASSES:
        raise ValueError(f"classes = {classes}; allowed: 1 to {CLASSES}")
    source = obtain(ARCHIVE)
    images, train, val = decoded(ARCHIVE, source)
    if classes is not None:
        if classes > len(train):
            raise ValueError(f"classes = {classes}; allowed: 1 to {len(train)}, as {source} holds")
        rows = [slice(sum(train[:classes])), slice(sum(train), sum(train) + sum(val[:classes]))]
        images = np.concatenate([images[each] for each in rows])
        train, val = train[:classes], val[:classes]
    labels = np.arange(len(train))
    return Dataset(
        name="tiny_imagenet",
        x=torch.from_numpy(images),
        y=torch.from_numpy(np.concatenate([labels.repeat(train), labels.repeat(val)])),
        task="classification",
        classes=len(train),
        scale=255.0,
        pools=(Pool(("train",), sum(train)), Pool(("val", "test"), sum(val))),
    )
