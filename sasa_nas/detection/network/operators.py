"""The operators of pyramid and heads."""

from torch import nn

from sasa_nas.blocks.plans import Size
from sasa_nas.detection.description import Detector
from sasa_nas.nodes import resolve
from sasa_nas.operators import OPERATORS
from sasa_nas.operators.building import build_operator
from sasa_nas.operators.conv import Conv


def build_spatial(detector: Detector, size: Size, *, stride: int = 1) -> nn.Module:
    """Build the replacement of a 3x3 convolution of the pyramid's width.

    Args:
        detector: Detector whose operator is built.
        size: Height and width of the largest map that it meets.
        stride: Stride of the operator, 1 or 2.
    """
    width = detector.pyramid_width
    if isinstance(detector.operator, Conv):
        return _conv(detector.operator, width, width, stride=stride)
    module = build_operator(detector.operator, width, width, stride=stride, feature_size=size)
    # the convolutions of pyramid and heads have no norm either
    initialise = OPERATORS[detector.operator.kind].initialise_without_norm
    if initialise is not None:
        resolve(initialise)(module)
    return module


def build_last(detector: Detector, out_channels: int, size: Size, *, bias: float) -> nn.Module:
    """Build the replacement of a head's last 3x3 convolution, which changes the number of channels.

    An operator that is no convolution keeps its channels, and a pointwise convolution follows it.

    Args:
        detector: Detector whose operator is built.
        out_channels: Channels of the output.
        size: Height and width of the largest map that it meets.
        bias: Initial value of the output's biases.
    """
    width = detector.pyramid_width
    if isinstance(detector.operator, Conv):
        return _conv(detector.operator, width, out_channels, bias=bias)
    pointwise = _conv(Conv(kernel_size=1), width, out_channels, bias=bias)
    return nn.Sequential(build_spatial(detector, size), pointwise)


def _conv(operator: Conv, in_channels: int, out_channels: int, *, stride: int = 1, bias: float = 0.0) -> nn.Conv2d:
    """Return a convolution with a bias, unlike a backbone's, as no norm follows it."""
    side = operator.kernel_size
    conv = nn.Conv2d(in_channels, out_channels, side, stride=stride, padding=side // 2)
    if conv.bias is not None:
        nn.init.constant_(conv.bias, bias)
    return conv
