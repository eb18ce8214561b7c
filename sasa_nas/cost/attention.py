"""The work of attention layers beyond their projections, which count as convolutions.

The counts follow the definitions, not an implementation: a window has `kernel_size ** 2` keys at the edge, too, and
`q . r` counts once per key although rows and columns could be computed separately (Ramachandran et al. 2019).
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from sasa_nas.layers.map_attention import MapAttention2d
from sasa_nas.nodes import Reference, resolve
from sasa_nas.operators import OPERATORS, OperatorEntry
from sasa_nas.operators.counts import Counts, Elementwise, Macs
from sasa_nas.stems import STEMS, StemEntry

Count = Callable[[Any, int, int], Counts]
"""A function from a layer and the height and width of its input to its own work for one image."""


def attention_counts(layer: nn.Module, height: int, width: int) -> Counts:
    """Count the work of a layer on one map, without that of its sub-modules.

    Args:
        layer: Module of any kind.
        height: Rows of its input.
        width: Columns of its input.

    Returns:
        The counts by the function registered with this layer; zero for other layers.
    """
    entries: list[OperatorEntry | StemEntry] = [*OPERATORS, *STEMS]
    counts = _counts_by_layer(tuple((entry.layer, entry.count) for entry in entries if entry.count is not None))
    count = next((counts[base] for base in type(layer).__mro__ if base in counts), None)
    return Counts() if count is None else count(layer, height, width)


@functools.lru_cache(maxsize=8)
def _counts_by_layer(kinds: tuple[tuple[Reference, Reference], ...]) -> Mapping[type, Count]:
    """Return the counting functions by layer type: those registered with operators and stems, and of common layers."""
    found: dict[type, Count] = {MapAttention2d: _map_attention}
    for reference, count in kinds:
        layer = resolve(reference)
        # a function makes a module of torch, which is counted as such
        if isinstance(layer, type):
            found[layer] = resolve(count)
    return found


def _map_attention(layer: MapAttention2d, height: int, width: int) -> Counts:
    pixels = height * width
    offsets = 2 * height - 1 + 2 * width - 1
    return Counts(
        macs=Macs(
            qk=pixels**2 * layer.key_channels,
            qr=pixels * offsets * layer.key_channels if layer.relative else 0,
            av=pixels**2 * layer.value_channels,
        ),
        elementwise=Elementwise(softmax=pixels**2 * layer.num_heads),
    )
