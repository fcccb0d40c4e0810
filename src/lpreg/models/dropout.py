"""Dropout whose noise is an input."""

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Inverted dropout that multiplies by a mask which the training loop sets before each step.

    `torch.nn.Dropout` draws from the global generator, so that a network's noise would depend on
    what trains beside it. Here the mask is a buffer: whoever trains draws it from the member's own
    generator with `mask`, alone or for a whole stack, and gets the same numbers.

    Source: Srivastava et al., "Dropout", JMLR 15, 2014.
    """

    keep: Tensor

    def __init__(self, rate: float) -> None:
        """`rate` is the probability, in [0, 1), that a unit is dropped."""
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"dropout is {rate}, allowed is 0 <= dropout < 1")
        self.rate = rate
        self.register_buffer("keep", torch.ones(()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.keep if self.training else x

    def mask(self, shape: torch.Size, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        """A fresh mask of this shape: 0 with probability `rate`, otherwise 1 / (1 - rate)."""
        noise = torch.rand(shape, generator=generator, device=generator.device)
        return (noise >= self.rate).to(dtype) / (1 - self.rate)

    def extra_repr(self) -> str:
        return f"rate={self.rate}"
