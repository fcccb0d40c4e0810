"""What the kinds of networks check of their options."""

from collections.abc import Iterable, Sequence


def allowed(what: str, given: str, names: Iterable[str]) -> None:
    """`ValueError` unless `given` is one of the names."""
    if given not in names:
        raise ValueError(f"unknown {what} {given!r}; allowed: {', '.join(names)}")


def image_shape(kind: str, inputs: int | Sequence[int], least: int) -> tuple[int, int, int]:
    """(channels, height, width) of one image; `ValueError` for what is none, or a smaller one."""
    shape = (inputs,) if isinstance(inputs, int) else tuple(inputs)
    if len(shape) != 3 or min(shape) < 1 or min(shape[1:]) < least:
        raise ValueError(
            f"{kind} takes images, inputs = [channels, height, width] of at least {least} x "
            f"{least}, and these are {list(shape)}; mlp takes inputs of any shape"
        )
    return shape


def at_least_one(sizes: Sequence[int]) -> None:
    """`ValueError` unless every layer has a unit or channel."""
    if min(sizes) < 1:
        raise ValueError(
            f"a layer of {min(sizes)} units in {list(sizes)}; every size is at least 1"
        )
