"""Batch norm and ReLU, alone or after a 1x1 convolution."""

from torch import nn


class NormActivation(nn.Sequential):
    """Batch norm and ReLU: the end of a network, or of a stage, whose blocks normalise their input.

    Args:
        channels: Channels of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        self.channels = channels


class ConvNormActivation(nn.Sequential):
    """A 1x1 convolution without bias, batch norm and ReLU: the head of a mobile network.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)
        )
        self.in_channels, self.out_channels = in_channels, out_channels
