"""Facts about attention augmented convolution."""

from math import ceil

from sasa_nas.operators.augmented_conv.layer import AugmentedConv2d
from sasa_nas.operators.counts import Counts, Elementwise


def count(layer: AugmentedConv2d, height: int, width: int) -> Counts:
    """Count the pools before the attention, which is a separate layer, for a map of `height` x `width`."""
    if layer.attention is None:
        return Counts()
    pooled = height * width if layer.stride > 1 else 0
    if layer.downsample:
        pooled += ceil(height / layer.stride) * ceil(width / layer.stride)
    return Counts(elementwise=Elementwise(pool_inputs=pooled * layer.in_channels))
