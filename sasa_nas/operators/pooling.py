"""The average pool by which attention layers stride."""

from typing import Protocol


class Strided(Protocol):
    """A layer whose stride is an average pool after the attention."""

    out_channels: int
    stride: int


def stride_pool_inputs(layer: Strided, height: int, width: int) -> int:
    """Return the elements of a map of `height` x `width` that the pool reads; none without a stride."""
    return height * width * layer.out_channels if layer.stride > 1 else 0
