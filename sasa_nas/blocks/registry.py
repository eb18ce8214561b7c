"""The registry of residual blocks."""

from typing import Annotated, TypeAlias, TypeVar

from sasa_nas.blocks.base import Block
from sasa_nas.nodes import NameIn

BLOCKS: dict[str, Block] = {}
"""All kinds of blocks by name."""

BlockName: TypeAlias = Annotated[str, NameIn(BLOCKS)]
"""Type of a field with the name of a registered kind of block."""

B = TypeVar("B", bound=type[Block])


def register_block(description: B) -> B:
    """Register a kind of block, as a decorator of its description.

    Raises:
        ValueError: If the name is taken.
    """
    block = description()
    if block.name in BLOCKS:
        raise ValueError(f"the block '{block.name}' is registered already; choose another name")
    BLOCKS[block.name] = block
    return description
