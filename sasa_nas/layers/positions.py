"""Positions of pixels: coordinates, sinusoidal encodings, and tables of relative embeddings."""

import torch
from torch import Tensor, nn


def pixel_coordinates(maps: Tensor) -> Tensor:
    """Return the x and y of every pixel of a map in [-1, 1], 0 along an axis of one pixel.

    Args:
        maps: `(B, C, H, W)`; its size, type and device are taken.

    Returns:
        `(1, 2, H, W)`: x (columns), then y (rows).
    """
    height, width = maps.shape[-2:]
    y, x = (
        torch.linspace(-1.0, 1.0, size, dtype=maps.dtype, device=maps.device) if size > 1 else maps.new_zeros(1)
        for size in (height, width)
    )
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)]).unsqueeze(0)


def sine_encoding(maps: Tensor) -> Tensor:
    """Return the two-dimensional sinusoidal encoding of a map's pixels.

    The first half of the channels (the larger, of an odd number) encodes the row, the second the column:
    of n channels, 2i and 2i + 1 are the sine and cosine of `place / 10000**(2i / n)` (Vaswani et al. 2017,
    arXiv 1706.03762, section 3.5; in two dimensions Parmar et al. 2018, arXiv 1802.05751).

    Args:
        maps: `(B, C, H, W)`; its size, type and device are taken.

    Returns:
        `(1, C, H, W)`.
    """
    channels, height, width = maps.shape[-3:]
    rows = _sine_axis((channels + 1) // 2, height, maps)
    cols = _sine_axis(channels // 2, width, maps)
    return torch.cat([rows[:, :, None].expand(-1, -1, width), cols[:, None].expand(-1, height, -1)]).unsqueeze(0)


def _sine_axis(channels: int, size: int, like: Tensor) -> Tensor:
    """Sines and cosines along one axis: `(channels, size)`."""
    # The angles reach the axis' length, which half precision would round to whole numbers and worse.
    dtype = torch.promote_types(like.dtype, torch.float32)
    channel = torch.arange(channels, device=like.device)
    frequency = 10000.0 ** (-(channel - channel % 2).to(dtype) / max(channels, 1))
    angle = frequency[:, None] * torch.arange(size, dtype=dtype, device=like.device)
    return torch.where(channel[:, None] % 2 == 0, angle.sin(), angle.cos()).to(like.dtype)


def is_position(name: str) -> bool:
    """Return True if a parameter is a table of relative position embeddings, by its name in `named_parameters`."""
    return name.rpartition(".")[2].startswith("rel_")


def relative_table(rows: int, columns: int, head_dim: int) -> nn.Parameter:
    """Return a trained table `(rows, columns)` of relative embeddings, drawn from N(0, head_dim**-0.5).

    The standard deviation is that of Bello et al. 2019 (arXiv 1904.09925), section 3.
    """
    return nn.Parameter(torch.randn(rows, columns) * head_dim**-0.5)


def central_slice(table: Tensor, size: int) -> Tensor:
    """Return the rows of a whole-map table that a smaller map uses.

    Args:
        table: `(2 * largest - 1, head_dim)`, the offsets from `1 - largest` to `largest - 1`.
        size: Pixels along the axis now, at most `largest`.

    Returns:
        `(2 * size - 1, head_dim)`, the offsets from `1 - size` to `size - 1`.
    """
    centre = table.shape[0] // 2
    return table[centre - size + 1 : centre + size]


def check_map_size(maps: Tensor, feature_size: tuple[int, int]) -> None:
    """Raise where a map is larger than the one that relative tables were made for.

    Args:
        maps: `(B, C, H, W)`.
        feature_size: The largest (height, width).

    Raises:
        ValueError: The map is higher or wider.
    """
    height, width = maps.shape[-2:]
    if height > feature_size[0] or width > feature_size[1]:
        raise ValueError(
            f"the map is {height}x{width}, larger than feature_size={feature_size[0]}x{feature_size[1]} "
            "for which the relative embeddings were made: build the layer for the larger map"
        )
