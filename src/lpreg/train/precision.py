"""In which precision the products of a network are computed; weights and optimizer keep theirs."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch

Around = Callable[[str], AbstractContextManager[object]]
"""A context for a device."""


def unchanged(device: str) -> AbstractContextManager[object]:
    """The dtype of the weights."""
    return nullcontext()


def autocast(device: str) -> AbstractContextManager[object]:
    """Products in bfloat16, what is sensitive to rounding in float32, as torch chooses.

    A CPU without instructions for it takes ten times as long for convolutions as in float32.
    """
    return torch.autocast(torch.device(device).type, torch.bfloat16)


@contextmanager
def tf32(device: str) -> Iterator[None]:
    """Products of float32 numbers with 10 bits of mantissa on NVIDIA GPUs that can do so.

    This is a setting of the process, which is put back in the end.
    """
    settings = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)  # pyright: ignore
    before = [each.fp32_precision for each in settings]
    try:
        for each in settings:
            each.fp32_precision = "tf32"
        yield
    finally:
        for each, precision in zip(settings, before, strict=True):
            each.fp32_precision = precision


@dataclass(frozen=True)
class Precision:
    """What to enter around each forward pass, and around the whole training."""

    forward: Around = unchanged
    training: Around = unchanged


PRECISIONS = {
    "float32": Precision(),
    "bf16": Precision(forward=autocast),
    "tf32": Precision(training=tf32),
}
