"""Attention weights of any layer, computed by differentiating its own forward pass."""

import functools
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn

from sasa_nas.layers import MapAttention2d
from sasa_nas.nodes import Reference, resolve
from sasa_nas.operators import OPERATORS, OperatorEntry
from sasa_nas.operators.probe import AttentionProbe
from sasa_nas.stems import STEMS, StemEntry

Cell = tuple[int, int]
"""Row and column on a layer's map."""


class _FreeValues(nn.Module):
    """A replacement for the value projection whose output is a leaf tensor, to differentiate the layer's output by."""

    kernel_size = (1, 1)
    """Kernel size of the replaced projection, which the attention stem reads."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.latest: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        self.latest = x.new_zeros((batch, self.channels, height, width), requires_grad=True)
        return self.latest


def attention_probe(layer: nn.Module) -> AttentionProbe | None:
    """Return the adapter that computes a layer's attention weights; None if it is no attention layer.

    Augmented convolutions and global attention contain one as a submodule.
    """
    entries: list[OperatorEntry | StemEntry] = [*OPERATORS, *STEMS]
    probes = _probes(tuple((entry.layer, entry.probe) for entry in entries if entry.probe is not None))
    probe = next((probes[base] for base in type(layer).__mro__ if base in probes), None)
    return None if probe is None else probe(layer)


@functools.lru_cache(maxsize=8)
def _probes(kinds: tuple[tuple[Reference, Reference], ...]) -> Mapping[type, Callable[[Any], AttentionProbe]]:
    """Return the probes by layer type: those registered with operators and stems, and that of their common layer."""
    found: dict[type, Callable[[Any], AttentionProbe]] = {MapAttention2d: _of_map}
    return found | {resolve(layer): resolve(probe) for layer, probe in kinds}


def _of_map(layer: MapAttention2d) -> AttentionProbe:
    return AttentionProbe(heads=layer.num_heads, channels=layer.value_channels, bypassed=["projection"])


def attention_weights(layer: nn.Module, x: Tensor, cells: Sequence[Cell]) -> Tensor:
    """Return the weights by which attention in evaluation mode sums the values of a map, for some of its queries.

    Every operator here yields sums of values, weighted by what the input alone decides, so the weights are the
    derivative of these sums by the values. The layer itself is run and differentiated: kernels, positions, padding
    and softmax are its own. The sums are those before the average pool of a stride and before an output projection;
    a map that an operator reduces (an augmented convolution's stride, `downsample`) is the reduced one.

    Where a window is reflected at the map's edge, a weight counts for the cell that is shown there. With the padding
    `zeros` what lies beyond the edge takes its part of the softmax, and the weights sum to less than one. Patchwise
    weights have no softmax: any sign and sum.

    Args:
        layer: A layer with an `attention_probe`; it is left unchanged.
        x: The layer's input, `(B, in_channels, H, W)`.
        cells: The queries' rows and columns.

    Returns:
        `(B, len(cells), heads, H, W)` of the type of `x`. Pairwise and patchwise attention weight value
        channel `c` with head `c mod heads`, all others `channels / heads` of them in a row.

    Raises:
        ValueError: If a cell lies outside the map, or the layer does not attend.
    """
    height, width = x.shape[2:]
    for row, column in cells:
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(f"cells: ({row}, {column}) lies outside a map of {height} x {width}")
    probe = _probe_of(layer)
    twin, values = _twin(layer, probe)
    # one value channel stands for all that share its head's weights
    step = 1 if probe.interleaved else probe.channels // probe.heads
    represent = slice(0, probe.heads * step, step)
    with torch.enable_grad():
        sums = twin(x.detach())
    assert values.latest is not None
    weights = [
        torch.autograd.grad(sums[:, represent, row, column].sum(), values.latest, retain_graph=True)[0][:, represent]
        for row, column in cells
    ]
    # the stem completes its last blocks with pixels that are no keys
    return torch.stack(weights, dim=1)[..., :height, :width]


def footprint(layer: nn.Module, cell: Cell, size: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns of a map of this height and width that a layer's query at `cell` can attend to.

    Raises:
        ValueError: If the layer does not attend.
    """
    probe = _probe_of(layer)
    if probe.block is not None:
        starts, side = [place // probe.block * probe.block for place in cell], probe.block
    elif probe.reach is not None:
        starts, side = [place - probe.reach for place in cell], 2 * probe.reach + 1
    else:
        return slice(0, size[0]), slice(0, size[1])
    rows, columns = (slice(max(0, start), min(start + side, end)) for start, end in zip(starts, size, strict=True))
    return rows, columns


def _probe_of(layer: nn.Module) -> AttentionProbe:
    probe = attention_probe(layer)
    if probe is None:
        raise ValueError(f"layer: {type(layer).__name__} has no attention weights to read")
    return probe


def _twin(layer: nn.Module, probe: AttentionProbe) -> tuple[nn.Module, _FreeValues]:
    """Return a copy of `layer` that stops at the weighted sums, and the values in it, which are free."""
    arguments = {name: getattr(layer, name) for name in signature(type(layer)).parameters}
    with torch.device("meta"):
        twin = type(layer)(**{**arguments, **probe.changes})
    for name in probe.bypassed:
        twin.register_module(name, nn.Identity())
    values = _FreeValues(probe.channels)
    twin.register_module(probe.value, values)
    state = layer.state_dict()
    twin.load_state_dict({name: state[name] for name in twin.state_dict()}, assign=True)
    return twin.eval().requires_grad_(False), values
