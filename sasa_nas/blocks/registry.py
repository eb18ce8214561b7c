"""The registry of residual blocks."""

from typing import Annotated, TypeAlias, TypeVar

from sasa_nas.blocks.base import Block
from sasa_nas.nodes import NameIn

BLOCKS: dict[str, Block] = {}
"""Every kind of block by its name."""

BlockName: TypeAlias = Annotated[str, NameIn(BLOCKS)]
"""The type of a field that holds the name of a registered kind of block."""

B = TypeVar("B", bound=type[Block])


def register_block(description: B) -> B:
    """Register a kind of block; a decorator of its description.

    Raises:
        ValueError: If the name is taken.
    """
    block = description()
    if block.name in BLOCKS:
        raise ValueError(f"the block '{block.name}' is registered already; choose another name")
    BLOCKS[block.name] = block
    return description
