"""Division of the work of window attention's Triton kernels: fixed rules, no tuning at run time.

A search meets many shapes once, so that a tuner would spend more than it saves. The rules are chosen for registers and
for few pairs looked at in vain; the registers were read off kernels compiled for sm_90.
"""

from dataclasses import dataclass
from typing import Literal

import torch

Pass = Literal["forward", "backward_query", "backward_key"]
"""One kernel runs forward, two run backward."""

KernelKind = Literal["direct", "tile"]
"""A row of threads for each query (or key) of each head, or 16 of them at once on tensor cores."""

TILE_PIXELS = 16
MAX_TILE_DEPTH = 64

_TILES = ((2, 8), (4, 4), (1, 16))
"""The better ones first: long rows are adjacent in memory."""


@dataclass(frozen=True)
class WindowShape:
    """Facts that the plan of a kernel depends on.

    Attributes:
        height: Height of the map of keys in pixels.
        width: Width of the map of keys in pixels.
        depth: Channels of a head's keys.
        value_depth: Channels of a head's values.
        kernel_size: Side of the window.
        stride: Distance of the queries' pixels.
        clipped: Whether windows end where the map does, as with padding of `mask`.
        dtype: Type of all maps.
        wide: Whether offsets within one image need more than 32 bits.
    """

    height: int
    width: int
    depth: int
    value_depth: int
    kernel_size: int
    stride: int
    clipped: bool
    dtype: torch.dtype
    wide: bool = False


@dataclass(frozen=True)
class Plan:
    """Constants that a kernel is compiled for beyond its problem.

    Attributes:
        kind: Name of the kernel.
        rows: Queries (or keys) of single heads in a program, a power of two; a tile is 16.
        warps: Warps of 32 threads in a program.
        tile: Rows and columns of pixels in a tile; their product is 16.
        reach: Rows and columns that the windows of a tile reach.
        span: Columns of a step, the reach rounded up to a power of two.
        step_rows: Rows of a step, a power of two.
        stages: Steps whose loads are under way at once; each takes registers and shared memory.
    """

    kind: KernelKind
    rows: int
    warps: int = 4
    tile: tuple[int, int] = (1, 1)
    reach: tuple[int, int] = (1, 1)
    span: int = 1
    step_rows: int = 1
    stages: int = 1


def next_power_of_two(number: int) -> int:
    """Return the least power of two that is not below `number`, a positive one."""
    return 1 << (number - 1).bit_length()


def choose_plan(step: Pass, shape: WindowShape) -> Plan:
    """Return the plan for one kernel: tiles where tensor cores can and a window or a depth would fill them.

    float32 stays off the tensor cores, which would round it to TF32.
    """
    depth = max(shape.depth, shape.value_depth)
    can = shape.dtype != torch.float32 and shape.stride == 1 and depth <= MAX_TILE_DEPTH and not shape.wide
    return tile_plan(step, shape) if can and (shape.kernel_size > 3 or depth > 8) else direct_plan(step, shape)


def direct_plan(step: Pass, shape: WindowShape) -> Plan:
    """Return the plan without tensor cores."""
    elements = 2048 if step == "forward" else 1024
    return Plan("direct", rows=max(elements // next_power_of_two(max(shape.depth, shape.value_depth, 8)), 4))


def tile_plan(step: Pass, shape: WindowShape) -> Plan:
    """Return the plan on tensor cores that looks at the fewest pairs."""
    tile = min(_TILES, key=lambda tile: _pairs(tile, step, shape))
    rows, cols = _reach(tile, step, shape)
    span = next_power_of_two(cols)
    if step == "backward_key":
        # the columns of one row are a matrix' inner dimension, of which tensor cores want 16
        return Plan("tile", 4 * TILE_PIXELS, 4, tile, (rows, cols), max(span, 16), 1)
    channels = max(next_power_of_two(max(shape.depth, shape.value_depth)), 16)
    elements = 2048 if step == "forward" else 1024
    step_rows = min(max(elements // channels, TILE_PIXELS) // span, next_power_of_two(rows))
    return Plan("tile", 4 * TILE_PIXELS, 4, tile, (rows, cols), span, max(step_rows, TILE_PIXELS // span, 1))


def _reach(tile: tuple[int, int], step: Pass, shape: WindowShape) -> tuple[int, int]:
    rows, cols = (side + shape.kernel_size - 1 for side in tile)
    if shape.clipped or step == "backward_key":
        return min(rows, shape.height), min(cols, shape.width)
    return rows, cols


def _pairs(tile: tuple[int, int], step: Pass, shape: WindowShape) -> int:
    """Return the number of pairs that the tiles of a map look at."""
    rows, cols = _reach(tile, step, shape)
    tiles = -(-shape.height // tile[0]) * -(-shape.width // tile[1])
    return tiles * TILE_PIXELS * rows * next_power_of_two(cols)
