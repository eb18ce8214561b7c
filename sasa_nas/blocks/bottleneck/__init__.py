"""Bottlenecks: 1x1, operator, 1x1 to `expansion` times the width (He et al. 2015)."""

from sasa_nas.blocks.base import Block
from sasa_nas.blocks.registry import register_block
from sasa_nas.blocks.stage import Stage


@register_block
class BottleneckBlock(Block):
    """Bottlenecks."""

    name = "bottleneck"
    builder = "sasa_nas.blocks.bottleneck.building:build"
    options = frozenset({"expansion"})
    parameter_free_shortcut = True
    activated = True

    def out_channels(self, stage: Stage) -> int:
        """Return `expansion` times the width."""
        return stage.width * stage.expansion
