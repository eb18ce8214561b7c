"""The weighted sum of SAN (Zhao, Jia, Koltun 2020), equations 2 and 4, its windows laid out in memory."""

import torch
from torch import Tensor

from sasa_nas.ops.windows import check_kernel_size, is_small_map, reflected_windows, window_selection


def aggregate(weights: Tensor, value: Tensor, *, kernel_size: int) -> Tensor:
    """Sum every pixel's window of `value`, weighted pixel by pixel and channel by channel.

    Weight channels are shared interleaved: channel `c` of `value` is weighted by channel
    `c mod weight_channels`. The map is reflected at its edges (see `reflection_indices`).

    Args:
        weights: `(B, weight_channels, kernel_size**2, H, W)`, the window row by row.
        value: `(B, C, H, W)`; `weight_channels` divides C.
        kernel_size: Side of the window, odd.

    Returns:
        `(B, C, H, W)`.

    Raises:
        ValueError: `kernel_size` is even, or `weights` does not fit `value`.
    """
    check_aggregate(weights, value, kernel_size)
    batch, channels, height, width = value.shape
    if is_small_map(height, width):
        return _aggregate_pairs(weights, value, kernel_size)
    shared = reflected_windows(value, kernel_size).view(batch, channels // weights.shape[1], *weights.shape[1:])
    # not an einsum: as a batched matrix product of one row each it takes twice the time
    return (weights.unsqueeze(1) * shared).sum(3).flatten(1, 2)


def _aggregate_pairs(weights: Tensor, value: Tensor, kernel_size: int) -> Tensor:
    """`aggregate` by way of one weight for each pair of pixels, of which a small map has few."""
    batch, weight_channels = weights.shape[:2]
    channels, height, width = value.shape[1:]
    pixels = height * width
    selection = window_selection(height, width, kernel_size, like=weights)
    # pixel by pixel, the weights of all places that show the same pixel are summed
    pairs = weights.flatten(3).permute(3, 0, 1, 2).flatten(1, 2) @ selection.transpose(0, 1)
    pairs = pairs.view(pixels, batch, weight_channels, pixels).permute(1, 2, 0, 3)
    shared = value.reshape(batch, channels // weight_channels, weight_channels, pixels).permute(0, 2, 3, 1)
    return torch.matmul(pairs, shared).permute(0, 3, 1, 2).reshape(value.shape)


def check_aggregate(weights: Tensor, value: Tensor, kernel_size: int) -> None:
    """Raise unless the arguments of `aggregate` fit each other.

    Args:
        weights: See `aggregate`.
        value: See `aggregate`.
        kernel_size: See `aggregate`.

    Raises:
        ValueError: Names the argument that does not fit.
    """
    check_kernel_size(kernel_size)
    if value.dim() != 4 or 0 in value.shape[1:]:
        raise ValueError(f"value must be (B, C, H, W), none but B zero, got {tuple(value.shape)}")
    batch, channels, height, width = value.shape
    rest = (kernel_size**2, height, width)
    fits = weights.dim() == 5 and weights.shape[0] == batch and weights.shape[2:] == rest
    if not fits or weights.shape[1] == 0 or channels % weights.shape[1]:
        raise ValueError(
            f"weights must be {(batch, 'weight_channels', *rest)} with weight_channels dividing "
            f"{channels}, got {tuple(weights.shape)}"
        )
