"""Basic blocks: two operators (He et al. 2015)."""

from sasa_nas.blocks.base import Block
from sasa_nas.blocks.registry import register_block


@register_block
class BasicBlock(Block):
    """Basic blocks."""

    name = "basic"
    builder = "sasa_nas.blocks.basic.building:build"
    options = frozenset({"replaces"})
    parameter_free_shortcut = True
    activated = True
