"""Inverted blocks: operator to `expansion` times the channels, depthwise convolution, 1x1 (MnasNet)."""

from collections.abc import Iterator

from sasa_nas.blocks.base import Block
from sasa_nas.blocks.registry import register_block
from sasa_nas.blocks.stage import Stage
from sasa_nas.nodes import Misfit
from sasa_nas.operators.conv import Conv


@register_block
class InvertedBlock(Block):
    """Inverted residual blocks."""

    name = "inverted"
    builder = "sasa_nas.blocks.inverted.building:build"
    options = frozenset({"expansion", "depthwise_size"})

    def check(self, stage: Stage) -> None:
        """Check that there is an operator only where there is an expansion."""
        if stage.expansion == 1 and stage.operator != Conv(kernel_size=1):
            raise Misfit(
                "operator",
                "with expansion=1 there is no expansion that an operator could be: write {kind: conv, kernel_size: 1}",
            )

    def hidden_widths(self, stage: Stage, in_channels: int) -> Iterator[int]:
        """Yield the hidden channels of the first block, and of the others."""
        if stage.expansion > 1:
            yield in_channels * stage.expansion
            if stage.blocks > 1:
                yield stage.width * stage.expansion
