"""The narrow hidden layer that attention over channels has."""

from torch import nn


def squeezed_channels(channels: int, reduction: int) -> int:
    """Channels of the hidden layer: `channels // reduction`, at least one.

    Raises:
        ValueError: `reduction` is below one.
    """
    if reduction < 1:
        raise ValueError(f"reduction must be at least 1, got {reduction}")
    return max(1, channels // reduction)


def squeeze_mlp(channels: int, out_channels: int, *, reduction: int) -> nn.Sequential:
    """1x1 convolution to `squeezed_channels`, ReLU, 1x1 convolution; both have biases.

    On a map of one pixel these are the two fully connected layers of Hu, Shen, Sun 2018, arXiv 1709.01507.

    Args:
        channels: Channels of the input.
        out_channels: Channels of the output.
        reduction: Channels of the input over channels of the hidden layer.

    Returns:
        A module that maps `(B, channels, h, w)` to `(B, out_channels, h, w)`.

    Raises:
        ValueError: `reduction` is below one.
    """
    hidden = squeezed_channels(channels, reduction)
    return nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, out_channels, 1))
