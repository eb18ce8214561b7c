"""The sums over windows, whatever computes them, and how their results lie in memory.

With weights `w` of `(B, weight_channels, kernel_size**2, H, W)`, maps `(B, C, H, W)`, and R(i, j) the pixel at place j
of the window around pixel i, the map being reflected at its edges, where channel c goes with weight channel
`c mod weight_channels`:

    weighted_sums      center[c, i] = sum_j w[c, j, i] shown[c, R(i, j)]
    products           w[v, j, i] = sum_(c of v) center[c, i] shown[c, R(i, j)]
    spread_sums        shown[c, p] = sum_(i, j: R(i, j) = p) w[c, j, i] center[c, i]
    comparisons        w[c, j, i] = center[c, i] + sign * shown[c, R(i, j)]
    comparison_sums    center[c, i] = sum_j w[c, j, i],  shown[c, p] = sign * sum_(i, j: R(i, j) = p) w[c, j, i]

The first three are the derivatives of one product of three, each by one of its factors, so that each one's gradients
are the other two. The last is the gradient of `comparisons`, which has a weight channel for every channel.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class WindowSums:
    """One form of the sums. Tensors have one type and device; inputs may have any strides, results are like inputs.

    Attributes:
        weighted_sums: Function of weights, shown and kernel_size that returns the center.
        products: Function of center, shown, kernel_size and the weights to write to, from `weights_like`.
        spread_sums: Function of weights, center and kernel_size that returns the shown.
        comparisons: Function of center or None, shown, kernel_size, sign and the weights to write to, whose pixels lie
            in memory as those of `weights_like`.
        comparison_sums: Function of weights, a map of the results' layout, kernel_size and sign that returns the center
            and the shown.
    """

    weighted_sums: Callable[[Tensor, Tensor, int], Tensor]
    products: Callable[[Tensor, Tensor, int, Tensor], None]
    spread_sums: Callable[[Tensor, Tensor, int], Tensor]
    comparisons: Callable[[Tensor | None, Tensor, int, int, Tensor], None]
    comparison_sums: Callable[[Tensor, Tensor, int, int], tuple[Tensor, Tensor]]


def map_like(maps: Tensor) -> Tensor:
    """Return an empty map of the same shape: channels last in memory where `maps` is so, contiguous otherwise.

    Args:
        maps: `(B, C, H, W)`.
    """
    if not are_channels_last(maps):
        return maps.new_empty(maps.shape)
    batch, channels, height, width = maps.shape
    return maps.new_empty(batch, height, width, channels).permute(0, 3, 1, 2)


def weights_like(maps: Tensor, channels: int, places: int) -> Tensor:
    """Empty weights for a map's pixels, `(B, channels, places, H, W)`.

    They are contiguous on a CPU, whose loops take a map at a time. Elsewhere channels come last in memory where they
    do in the map, as convolutions want them.

    Args:
        maps: `(B, C, H, W)`.
        channels: Channels of the weights.
        places: Places of a window.
    """
    batch, _, height, width = maps.shape
    if maps.device.type == "cpu" or not are_channels_last(maps):
        return maps.new_empty(batch, channels, places, height, width)
    return maps.new_empty(batch, places, height, width, channels).permute(0, 4, 1, 2, 3)


def are_channels_last(tensor: Tensor) -> bool:
    """Return whether channels, the second axis, are neighbours in memory and the last axis' pixels are not."""
    return tensor.stride(1) == 1 and tensor.stride(-1) != 1
