"""Pre-activation blocks: two operators after batch norm and ReLU (He et al. 2016, Zagoruyko and Komodakis 2016)."""

from sasa_nas.blocks.base import Block
from sasa_nas.blocks.plans import NormPlan, Size
from sasa_nas.blocks.registry import register_block


@register_block
class PreactivationBlock(Block):
    """Pre-activation blocks."""

    name = "preactivation"
    builder = "sasa_nas.blocks.preactivation.building:build"
    options = frozenset({"replaces"})
    parameter_free_shortcut = True

    def plan_end(self, channels: int, size: Size) -> tuple[NormPlan, ...]:
        """Return batch norm and ReLU after the last block."""
        return (NormPlan(channels, channels, size, stride=1),)
