"""The weighted sum of SAN (Zhao, Jia, Koltun 2020), equations 2 and 4, its windows laid out in memory."""

from torch import Tensor

from sasa_nas.ops.windows import reflected_windows


def aggregate(weights: Tensor, value: Tensor, *, kernel_size: int) -> Tensor:
    """Sums every pixel's window of `value`, weighted pixel by pixel and channel by channel.

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
    windows = reflected_windows(value, kernel_size)
    batch, channels, *rest = windows.shape
    fits = weights.dim() == 5 and weights.shape[0] == batch and list(weights.shape[2:]) == rest
    if not fits or weights.shape[1] == 0 or channels % weights.shape[1]:
        raise ValueError(
            f"weights must be {(batch, 'weight_channels', *rest)} with weight_channels dividing "
            f"{channels}, got {tuple(weights.shape)}"
        )
    shared = windows.reshape(batch, channels // weights.shape[1], weights.shape[1], *rest)
    # not an einsum: as a batched matrix product of one row each it takes twice the time
    return (weights.unsqueeze(1) * shared).sum(3).flatten(1, 2)
