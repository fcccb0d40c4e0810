"""Dead units and dead weights of a chain: weights of layers of which each reads the one before.

Linear (outputs, inputs) or convolutional (outputs, inputs, height, width); a linear layer after a
convolution reads its channels flattened.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def dead_units(weight: Tensor, following: Tensor | None = None) -> Tensor:
    """Which outputs of a layer say nothing: all incoming or all outgoing weights are zero.

    Args:
        weight: of the layer, (outputs, inputs...).
        following: of the layer that reads it in a chain; None for the last, or where that is not
            known, when only the incoming weights are looked at.

    Returns:
        bool, (outputs,).
    """
    dead = (weight == 0).flatten(1).all(1)
    return dead if following is None else dead | ~_links(following, len(weight)).any(2).any(0)


def effective(chain: Sequence[Tensor]) -> list[Tensor]:
    """Which weights lie on a path of nonzero weights from an input to an output.

    Biases make no path. A channel is one unit wherever its filters may look.

    Args:
        chain: weights, from the inputs on.

    Returns:
        bool, of the shapes of the weights.

    Raises:
        ValueError: a layer does not read the one before.

    Source: Vysogorets and Kempe, "Connectivity matters: neural network pruning through the lens of
    effective sparsity", JMLR 24, 2023.
    """
    inputs = [chain[0].shape[1], *map(len, chain[:-1])]
    links = [_links(w, units) for w, units in zip(chain, inputs, strict=True)]
    fed = [torch.ones(inputs[0], dtype=torch.bool, device=chain[0].device)]
    for link in links:
        fed.append(link[:, fed[-1]].any(2).any(1))
    read = [torch.ones_like(fed[-1])]
    for link in reversed(links):
        read.append(link[read[-1]].any(2).any(0))
    ends = zip(links, chain, fed[:-1], reversed(read[:-1]), strict=True)
    return [
        (link & before[:, None] & after[:, None, None]).reshape(w.shape)
        for link, w, before, after in ends
    ]


def _links(weight: Tensor, units: int) -> Tensor:
    """Which weights are not zero, by the unit that they read: (outputs, units, weights each)."""
    if weight.shape[1] % units:
        raise ValueError(
            f"a layer with {weight.shape[1]} inputs does not read one with {units} outputs"
        )
    return (weight != 0).reshape(len(weight), units, -1)
