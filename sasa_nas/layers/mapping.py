"""The mapping gamma of SAN, from relations to attention weights."""

import itertools

from torch import nn


def mapping_gamma(in_channels: int, hidden_channels: int, out_channels: int, *, layers: int) -> nn.Sequential:
    """Batch norm, ReLU and a 1x1 convolution, `layers` times over (Zhao, Jia, Koltun 2020, section 4).

    Only the last convolution has a bias: batch norm follows the others and would remove it.

    Args:
        in_channels: Channels of the relation.
        hidden_channels: Channels between two linear layers.
        out_channels: Channels of the weights.
        layers: Linear layers, at least one.

    Returns:
        A module that maps `(B, in_channels, h, w)` to `(B, out_channels, h, w)`.

    Raises:
        ValueError: `layers` is below one.
    """
    if layers < 1:
        raise ValueError(f"mapping_layers must be at least 1, got {layers}")
    widths = [in_channels, *[hidden_channels] * (layers - 1), out_channels]
    modules: list[nn.Module] = []
    for layer, (before, after) in enumerate(itertools.pairwise(widths), start=1):
        modules += [nn.BatchNorm2d(before), nn.ReLU(), nn.Conv2d(before, after, 1, bias=layer == layers)]
    return nn.Sequential(*modules)


def check_san_widths(out_channels: int, key_ratio: float, share_channels: int) -> None:
    """Raises where the channels of a SAN layer cannot be divided as asked.

    Args:
        out_channels: Channels of the values.
        key_ratio: Key channels as a share of `out_channels`.
        share_channels: Channels of a group that shares one weight.

    Raises:
        ValueError: `share_channels` does not divide `out_channels`, or `key_ratio` is not positive.
    """
    if share_channels < 1 or out_channels % share_channels:
        raise ValueError(f"share_channels={share_channels} must divide out_channels={out_channels}")
    if key_ratio <= 0:
        raise ValueError(f"key_ratio must be positive, got {key_ratio}")
