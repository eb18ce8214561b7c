"""Residual blocks, one folder each: the description, the layer, and its construction from a plan.

A kind is added by `register_block`. Descriptions and plans import no torch; layers and builders do.
"""

from sasa_nas.blocks.base import Block
from sasa_nas.blocks.registry import BLOCKS, BlockName, register_block
from sasa_nas.blocks.stage import Stage
from sasa_nas.nodes import import_folders

__all__ = ["BLOCKS", "Block", "BlockName", "Stage", "register_block"]

import_folders(__name__, __path__, first="bottleneck")
