"""Images and networks lie channels last, those of one channel too."""

import pytest
import torch
from torch import nn

from sasa_nas.models.layout import channels_last, to_channels_last


@pytest.mark.parametrize("channels", [1, 3])
def test_images_and_what_follows_lie_channels_last(channels: int) -> None:
    images = channels_last(torch.randn(4, channels, 5, 6))
    assert images.stride() == (30 * channels, 1, 6 * channels, channels)
    conv = to_channels_last(nn.Conv2d(channels, 8, 3))
    assert conv(images).is_contiguous(memory_format=torch.channels_last)
