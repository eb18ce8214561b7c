"""How much each cell of a map counts in what attention yields at another: read off the layers' own forward pass."""

from collections.abc import Mapping, Sequence
from inspect import signature

import torch
from torch import Tensor, nn

from sasa_nas.layers import (
    AttentionStem,
    LocalAttention2d,
    MapAttention2d,
    PairwiseAttention2d,
    PatchwiseAttention2d,
)

AttentionLayer = AttentionStem | LocalAttention2d | MapAttention2d | PairwiseAttention2d | PatchwiseAttention2d
"""The layers that attend. Augmented convolutions and global attention hold a `MapAttention2d`."""

Cell = tuple[int, int]
"""Row and column on a layer's map."""


class _FreeValues(nn.Module):
    """Stands where the value projection stood, and yields values by which the layer's output can be differentiated."""

    kernel_size = (1, 1)
    """As the projection's: the attention stem asks for it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.latest: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        self.latest = x.new_zeros((batch, self.channels, height, width), requires_grad=True)
        return self.latest


def count_heads(layer: AttentionLayer) -> int:
    """How many sets of weights a layer has: its heads or, in pairwise and patchwise attention, its weight channels."""
    if isinstance(layer, PairwiseAttention2d | PatchwiseAttention2d):
        return layer.weight_channels
    return layer.num_heads


def attention_weights(layer: AttentionLayer, x: Tensor, cells: Sequence[Cell]) -> Tensor:
    """The weights with which attention in evaluation mode sums the values of a map, for some of its queries.

    Every operator here yields sums of values, weighted by what the input alone decides, so the weights are the
    derivative of these sums by the values. The layer itself is run and differentiated: kernels, positions, padding
    and softmax are its own. The sums are those before the average pool of a stride and before an output projection;
    a map that an operator reduces (an augmented convolution's stride, `downsample`) is the reduced one.

    Where a window is reflected at the map's edge, a weight counts for the cell that is shown there. With the padding
    `zeros` what lies beyond the edge takes its part of the softmax, and the weights sum to less than one. Patchwise
    weights have no softmax: any sign and sum.

    Args:
        layer: Any; it is left as it is.
        x: Its input, `(B, in_channels, H, W)`.
        cells: The queries' rows and columns.

    Returns:
        `(B, len(cells), count_heads(layer), H, W)` of the type of `x`. Pairwise and patchwise attention weight value
        channel `c` with head `c mod heads`, all others `channels / heads` of them in a row.

    Raises:
        ValueError: If a cell lies outside the map.
    """
    height, width = x.shape[2:]
    for row, column in cells:
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(f"cells: ({row}, {column}) lies outside a map of {height} x {width}")
    heads = count_heads(layer)
    probe, values, channels = _probe(layer)
    # one value channel stands for all that share its head's weights
    step = 1 if isinstance(layer, PairwiseAttention2d | PatchwiseAttention2d) else channels // heads
    represent = slice(0, heads * step, step)
    with torch.enable_grad():
        sums = probe(x.detach())
    assert values.latest is not None
    weights = [
        torch.autograd.grad(sums[:, represent, row, column].sum(), values.latest, retain_graph=True)[0][:, represent]
        for row, column in cells
    ]
    # the stem completes its last blocks with pixels that are no keys
    return torch.stack(weights, dim=1)[..., :height, :width]


def footprint(layer: AttentionLayer, cell: Cell, size: tuple[int, int]) -> tuple[slice, slice]:
    """The rows and columns of a map of this height and width that a layer's query at `cell` can attend to."""
    if isinstance(layer, MapAttention2d):
        return slice(0, size[0]), slice(0, size[1])
    side = layer.kernel_size
    starts = [place // side * side if isinstance(layer, AttentionStem) else place - side // 2 for place in cell]
    rows, columns = (slice(max(0, start), min(start + side, end)) for start, end in zip(starts, size, strict=True))
    return rows, columns


def _probe(layer: AttentionLayer) -> tuple[nn.Module, _FreeValues, int]:
    """A twin of `layer` that stops at the weighted sums and whose values are free, and how many channels they have."""
    match layer:
        case LocalAttention2d() | PairwiseAttention2d() | PatchwiseAttention2d():
            channels = layer.out_channels
            twin = _twin(layer, {"stride": 1})
        case MapAttention2d():
            channels = layer.value_channels
            twin = _twin(layer, {})
            twin.register_module("projection", nn.Identity())
        case AttentionStem():
            channels = layer.out_channels
            # whatever makes the values, the weights are the same, and `plain` values come from one module
            twin = _twin(layer, {"values": "plain", "pool": False})
            twin.register_module("norm", nn.Identity())
    values = _FreeValues(channels)
    twin.register_module("value", values)
    state = layer.state_dict()
    twin.load_state_dict({name: state[name] for name in twin.state_dict()}, assign=True)
    return twin.eval().requires_grad_(False), values, channels


def _twin(layer: AttentionLayer, changes: Mapping[str, object]) -> nn.Module:
    """A layer made with the arguments that made `layer`, some of them changed, without weights."""
    arguments = {name: getattr(layer, name) for name in signature(type(layer)).parameters}
    with torch.device("meta"):
        return type(layer)(**{**arguments, **changes})
