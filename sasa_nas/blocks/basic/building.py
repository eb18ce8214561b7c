"""Construction of the basic block from its plan."""

from torch import nn

from sasa_nas.blocks.basic.layer import BasicBlock
from sasa_nas.blocks.building import two_operator_block
from sasa_nas.blocks.plans import BlockPlan


def build(plan: BlockPlan) -> nn.Module:
    """Return a basic block."""
    return two_operator_block(plan, BasicBlock)
