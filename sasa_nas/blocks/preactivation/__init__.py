"""Two operators, batch norm and ReLU before each (He et al. 2016, Zagoruyko and Komodakis 2016)."""

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
        """Return batch norm and ReLU of the last block's output."""
        return (NormPlan(channels, channels, size, stride=1),)
