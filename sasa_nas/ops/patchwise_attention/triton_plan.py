"""Limits and tiles of the Triton kernels of patchwise attention: fixed rules, no tuning.

The rules are chosen for registers, which were read off kernels compiled for sm_90. No rule was timed on a GPU yet.
"""

from dataclasses import dataclass

from sasa_nas.ops.local_attention.triton_plan import next_power_of_two
from sasa_nas.ops.patchwise_attention.problem import Problem
from sasa_nas.ops.triton_device import triton_cannot

THIN = 8
"""The widest channels whose products are multiply-adds of a thread, not of tensor cores."""

MOST_CHANNELS = 128
MOST_VALUES = 512
"""Channels that registers hold."""

PROGRAMS = 1024
"""Approximate number of programs of kernels that sum over pixels: more than a GPU runs at once."""

VALUES_OF_THREAD = 8
"""Values that a thread reads at once where none need be kept."""


@dataclass(frozen=True)
class Plan:
    """Tile sizes and warps of a kernel.

    Attributes:
        pixels: Pixels of a program.
        warps: Warps of a program.
        together: Groups of values that are read at once, where they need not be kept.
    """

    pixels: int
    warps: int
    together: int = 1


def kernels_cannot(problem: Problem) -> str | None:
    """Return why the kernels cannot compute a problem, in a few words; None where they can.

    Args:
        problem: Problem, of which types, devices and shapes are read, not values.
    """
    query, margin = problem.query, problem.kernel_size - 1
    why = triton_cannot(query.device, query.dtype)
    if why is not None:
        return why
    if not problem.two:
        return "the mapping has one layer"
    if problem.kind == "clique":
        return "a clique has kernel_size**4 channels"
    if query.shape[0] == 0:
        return "the batch is empty"
    if query.shape[0] * (query.shape[2] + margin) * (query.shape[3] + margin) >= 2**31 - 2**12:
        return "a map has 2^31 pixels"
    hidden = problem.mapping[0].weight.shape[0]
    weights = problem.mapping[1].weight.shape[0] // problem.kernel_size**2
    keys = query.shape[1] if problem.kind == "concatenation" else 1
    if max(keys, hidden, weights) > MOST_CHANNELS:
        return f"keys, mapping or weights have more than {MOST_CHANNELS} channels"
    if next_power_of_two(weights) * next_power_of_two(problem.value.shape[1] // weights) > MOST_VALUES:
        return f"values have more than {MOST_VALUES} channels"
    return None


def padded(*channels: int) -> tuple[int, ...]:
    """Return channels of matrices as the kernels hold them: powers of two, wide enough for tensor cores or all thin.

    Args:
        channels: Sides of the matrices.
    """
    least = 16 if max(channels) > THIN else 2
    return tuple(max(next_power_of_two(count), least) for count in channels)


def chunks_of(tiles: int, places: int) -> tuple[int, int]:
    """Return into how many chunks the pixels' tiles are cut, and the tiles of each.

    Args:
        tiles: Number of tiles of pixels.
        places: Programs of each chunk.
    """
    each = max(-(-tiles * places // PROGRAMS), 1)
    return -(-tiles // each), each


def first_plan(channels: int, hidden: int) -> Plan:
    """Return the plan of the kernels of the first layer.

    Args:
        channels: Channels of the keys, padded.
        hidden: That the layer yields, as padded.
    """
    if max(channels, hidden) <= 32:
        return Plan(64, 4)
    return Plan(32, 8) if max(channels, hidden) <= 64 else Plan(16, 8)


def weights_plan(hidden: int, shared: int, groups: int) -> Plan:
    """Return the plan of the kernels of the last layer.

    Args:
        hidden: That the first layer yields, as padded.
        shared: Weight channels, as padded for values.
        groups: That share a weight, as padded.
    """
    pixels, warps = (64, 4) if hidden * shared * groups <= 16 * 64 else (32, 8)
    if shared * groups > 256 or hidden > 64:
        pixels = 16
    together = VALUES_OF_THREAD * warps * 32 // (pixels * shared)
    return Plan(pixels, warps, min(max(together, 1), groups))
