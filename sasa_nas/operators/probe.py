"""Probes, by which attention weights are computed from a layer's own forward pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class AttentionProbe:
    """Description of a layer for the computation of its attention weights.

    The layer yields sums of values, with weights that depend on its input alone.

    Attributes:
        heads: Number of sets of weights: heads, or channels of weights in vector attention.
        channels: Channels of the values.
        changes: Arguments of the constructor, by name, with which a copy of the layer ends at the weighted sums: a
            stride of 1, no pool.
        reach: Rows and columns from a query to the farthest key of its window, in pixels; None if it attends to the
            whole map, or to its block.
        block: Side in pixels of the blocks without overlap within which it attends; None for another window.
        value: Name of the sub-module that computes the values.
        bypassed: Names of sub-modules after the weighted sums, left out of the copy.
        interleaved: Whether channel `c` of the values has the weights of head `c mod heads`; otherwise heads have
            `channels / heads` channels in a row each.
        signed: Whether weights have any sign and sum, as without a softmax.
    """

    heads: int
    channels: int
    changes: Mapping[str, Any] = field(default_factory=dict)
    reach: int | None = None
    block: int | None = None
    value: str = "value"
    bypassed: Sequence[str] = ()
    interleaved: bool = False
    signed: bool = False
