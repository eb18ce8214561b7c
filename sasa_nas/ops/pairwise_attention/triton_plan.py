"""How many pixels a program of each kernel of pairwise attention takes, and how many threads."""

from dataclasses import dataclass
from typing import Literal

import torch

Pass = Literal["statistics", "hidden_statistics", "forward", "second_layer", "first_layer", "query_statistics", "key"]


@dataclass(frozen=True)
class Widths:
    """Channels as the kernels hold them, padded to powers of two, and the type of the maps.

    Attributes:
        near: Of the relation, but for positions.
        extras: Of positions, and of a scalar product.
        hidden: Of the mapping's first layer.
        weights: Of the weights, as matrix products take them.
        shared: Of the weights, as values take them.
        groups: That share a weight.
        dtype: Of the maps.
    """

    near: int
    extras: int
    hidden: int
    weights: int
    shared: int
    groups: int
    dtype: torch.dtype


@dataclass(frozen=True)
class Plan:
    """Pixels and warps of a program."""

    pixels: int
    warps: int


def choose_plan(step: Pass, widths: Widths) -> Plan:
    """The plan of a kernel, by compiled register counts."""
    return Plan(64, 4)
