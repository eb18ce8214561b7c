"""Construction of stems from their descriptions."""

from torch import nn

from sasa_nas.nodes import resolve
from sasa_nas.stems.base import Stem
from sasa_nas.stems.registry import STEMS


def build_stem(stem: Stem, in_channels: int) -> nn.Module:
    """Build a stem for images of `in_channels` channels."""
    options = stem.options
    module: nn.Module = resolve(STEMS[stem.kind].layer)(in_channels, options.pop("width"), **options)
    return module
