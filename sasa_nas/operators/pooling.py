"""The average pool that implements the stride of attention layers."""

from typing import Protocol


class Strided(Protocol):
    """Protocol of layers whose stride is an average pool after the attention."""

    out_channels: int
    stride: int


def stride_pool_inputs(layer: Strided, height: int, width: int) -> int:
    """Return the input elements of the pool for a map of `height` x `width`; 0 without a stride."""
    return height * width * layer.out_channels if layer.stride > 1 else 0
