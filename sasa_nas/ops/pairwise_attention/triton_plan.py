"""How many pixels a program of each kernel of pairwise attention takes, and how many threads."""

from dataclasses import dataclass
from typing import Literal

import torch

Pass = Literal[
    "statistics", "hidden_statistics", "forward", "second_layer", "first_layer", "query_statistics", "key", "value"
]


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
    """How a kernel cuts its work up.

    Attributes:
        pixels: Of a program.
        warps: Of a program.
        together: Groups of values that are read at once, where they need not be kept.
    """

    pixels: int
    warps: int
    together: int


def choose_plan(step: Pass, widths: Widths) -> Plan:
    """The plan of a kernel, by compiled register counts."""
    return plan_of(widths, 64, 4)


def plan_of(widths: Widths, pixels: int, warps: int) -> Plan:
    """A plan that reads as many groups of values at once as a few registers of each thread hold."""
    together = VALUES_OF_THREAD * warps * 32 // (pixels * widths.shared)
    return Plan(pixels, warps, min(max(together, 1), widths.groups))


VALUES_OF_THREAD = 8


def gathers_at_once(widths: Widths) -> bool:
    """Whether registers hold the gradients of keys and of values at once."""
    return widths.near * widths.shared * widths.groups <= 16 * 64
