"""MNIST and Fashion-MNIST: 70,000 grey images of 28 x 28 in ten classes, in the idx format."""

import gzip
from pathlib import Path

import numpy as np
import torch

from lpreg.data.cache import File, Source
from lpreg.data.download import check, obtain
from lpreg.data.sets import Dataset, Pool

PARTS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


def _files(folder: str, url: str, *known: tuple[str, int]) -> tuple[File, ...]:
    """The four files of a set, with md5 and size of each."""
    names = [f"{part}-ubyte.gz" for part in PARTS]
    return tuple(
        File(f"{folder}/{name}", f"{url}/{name}", f"md5:{md5}", size)
        for name, (md5, size) in zip(names, known, strict=True)
    )


MNIST = Source(
    "handwritten digits, 28 x 28 grey, 10 classes",
    70_000,
    _files(
        "mnist",
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        ("f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
        ("d53e105ee54ea40749a09fcbcd1e9432", 28_881),
        ("9fb629c4189551a2d022fa330f9573f3", 1_648_877),
        ("ec29112dd5afa0611ce80d1b7f02629c", 4_542),
    ),
)

FASHION_MNIST = Source(
    "pieces of clothing, 28 x 28 grey, 10 classes",
    70_000,
    _files(
        "fashion_mnist",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
        ("25c81989df183df01b3e8a0aad5dffbe", 29_515),
        ("bef4ecab320f06d8554ea6380940ec79", 4_422_102),
        ("bb300cfdad3c16e7a12a480ee83cd310", 5_148),
    ),
)


def mnist() -> Dataset:
    """The handwritten digits, x (70000, 1, 28, 28) uint8, y (70000,) classes 0 to 9.

    Training and validation part come from the official 60,000, the test part from the 10,000.

    Source: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86, 1998; the files of a mirror that torchvision uses.

    Raises:
        DataError: a file cannot be downloaded, or is damaged.
    """
    return _idx_set("mnist", MNIST)


def fashion_mnist() -> Dataset:
    """Zalando's clothes in the same form as `mnist`; raises as it.

    Source: Xiao, Rasul and Vollgraf, "Fashion-MNIST", arXiv:1708.07747, 2017.
    """
    return _idx_set("fashion_mnist", FASHION_MNIST)


def _idx_set(name: str, source: Source) -> Dataset:
    train_x, train_y, test_x, test_y = (_checked(file) for file in source.files)
    pools = (Pool(("train", "val"), len(train_y)), Pool(("test",), len(test_y)))
    return Dataset(
        name=name,
        x=torch.from_numpy(np.concatenate([train_x, test_x]))[:, None],
        y=torch.from_numpy(np.concatenate([train_y, test_y])).long(),
        task="classification",
        classes=10,
        scale=255.0,
        pools=pools,
    )


def _checked(file: File) -> np.ndarray:
    path = obtain(file)
    check(file, path)
    return read_idx(path)


def read_idx(path: Path) -> np.ndarray:
    """An array of bytes in the idx format, gzipped.

    Two zero bytes, 8 for bytes, the number of axes, the length of each as a big-endian 32-bit
    number, then the values, the last axis fastest.
    """
    content = gzip.decompress(path.read_bytes())
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
