"""Limits and tiles of the Triton kernels of pairwise attention: fixed rules, no tuning.

The rules are chosen for registers, which were read off kernels compiled for sm_90. No rule was timed on a GPU yet.
"""

from dataclasses import dataclass
from typing import Literal

import torch

from sasa_nas.ops.local_attention.triton_plan import next_power_of_two
from sasa_nas.ops.pairwise_attention.problem import Problem
from sasa_nas.ops.triton_device import triton_cannot

Pass = Literal[
    "statistics", "hidden_statistics", "forward", "second_layer", "first_layer", "query_statistics", "key", "value"
]
"""A kernel and what it is asked for."""

THIN = 8
"""The widest channels whose products are multiply-adds of a thread, not of tensor cores."""

MOST_EXTRAS = 4
"""Channels of positions, with a scalar product, that are vectors of their own beside matrices on tensor cores."""

MOST_CHANNELS = 64
MOST_VALUES = 256
"""Channels that registers hold."""

VALUES_OF_THREAD = 8
"""Values that a thread reads at once where none need be kept."""


@dataclass(frozen=True)
class Widths:
    """Channels as the kernels hold them, padded to powers of two, and the type of the maps.

    Attributes:
        near: Channels of the relation, but for positions.
        extras: Channels of positions, and of a scalar product.
        hidden: Output channels of the mapping's first layer.
        weights: Channels of the weights, padded for matrix products.
        shared: Channels of the weights, padded for the values.
        groups: Channels that share a weight.
        dtype: Type of the maps.
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
    """Tile sizes and warps of a kernel.

    Attributes:
        pixels: Pixels of a program.
        warps: Warps of a program.
        together: Groups of values that are read at once, where they need not be kept.
    """

    pixels: int
    warps: int
    together: int


def kernels_cannot(problem: Problem) -> str | None:
    """Return the reason why the kernels cannot compute a problem, in a few words; None if they can.

    Args:
        problem: Problem, of which types, devices and shapes are read, not values.
    """
    query, margin = problem.query, problem.kernel_size - 1
    why = triton_cannot(query.device, query.dtype)
    if why is not None:
        return why
    if query.shape[0] == 0:
        return "the batch is empty"
    if query.shape[0] * (query.shape[2] + margin) * (query.shape[3] + margin) >= 2**31 - 2**12:
        return "a map has 2^31 pixels"
    widths = widths_of(problem)
    if max(widths.near, widths.hidden, widths.weights) > MOST_CHANNELS:
        return f"relation, mapping or weights have more than {MOST_CHANNELS} channels"
    if widths.shared * widths.groups > MOST_VALUES:
        return f"values have more than {MOST_VALUES} channels"
    if widths.extras > MOST_EXTRAS:
        return f"there are more than {MOST_EXTRAS} channels of positions"
    return None


def widths_of(problem: Problem) -> Widths:
    """Return the channels of a problem as the kernels pad them."""
    related = problem.query.shape[1] - problem.positions
    near = related * (2 if problem.kind == "concatenation" else 1)
    hidden, weights = problem.mapping[0].weight.shape[0], problem.weight_channels
    extras = problem.positions + (1 if problem.kind == "dot" else 0)
    # tensor cores take no shorter sides than 16
    least = 16 if max(near, hidden, weights) > THIN else 2
    return Widths(
        near=max(next_power_of_two(near), least),
        extras=next_power_of_two(max(extras, 1)),
        hidden=max(next_power_of_two(hidden), least),
        weights=max(next_power_of_two(weights), least),
        shared=next_power_of_two(weights),
        groups=next_power_of_two(problem.value.shape[1] // weights),
        dtype=problem.query.dtype,
    )


def choose_plan(step: Pass, widths: Widths) -> Plan:
    """Return the plan of a kernel, by compiled register counts.

    In half precision 64 pixels are what the tensor cores of four warps multiply at once.
    """
    widest = max(widths.near, widths.hidden, widths.weights)
    if widest <= 4:
        return plan_of(widths, 64, 4)
    if widest <= THIN:
        # Triton 3.6 spills registers of this kernel in larger tiles; later versions do not
        return plan_of(widths, 16 if step in {"first_layer", "key"} else 32, 4)
    if widths.dtype == torch.float32:
        return plan_of(widths, 32 if widest <= 16 else 16, 8)
    # a layer's matrix has sums that do not get fewer with more threads
    fits = widest <= 16 or (widest <= 32 and step != "first_layer")
    return plan_of(widths, 64, 8) if fits else plan_of(widths, 16, 4)


def plan_of(widths: Widths, pixels: int, warps: int) -> Plan:
    """Return a plan that reads as many groups of values at once as a few registers of each thread hold."""
    together = VALUES_OF_THREAD * warps * 32 // (pixels * widths.shared)
    return Plan(pixels, warps, min(max(together, 1), widths.groups))


def has_registers_for_all(widths: Widths) -> bool:
    """Return whether one kernel computes gradients of a layer's matrix and inputs, and one those of keys and values."""
    return max(widths.near, widths.hidden) <= 16 and widths.shared * widths.groups <= 64
