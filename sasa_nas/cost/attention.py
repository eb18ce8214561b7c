"""The work inside the attention layers and their stem, beyond the projections, which count as convolutions.

The counts follow the definitions, not a clever implementation: a window has `kernel_size ** 2` keys at the edge
too, and `q . r` counts once a key although rows and columns could be computed apart (Ramachandran et al. 2019).
"""

from functools import singledispatch
from math import ceil

from torch import nn

from sasa_nas.cost.counts import Counts, Elementwise, Macs
from sasa_nas.layers.attention_stem import AttentionStem
from sasa_nas.layers.augmented_conv import AugmentedConv2d
from sasa_nas.layers.global_attention import GlobalAttention2d
from sasa_nas.layers.local_attention import LocalAttention2d
from sasa_nas.layers.map_attention import MapAttention2d
from sasa_nas.layers.pairwise import PairwiseAttention2d
from sasa_nas.layers.patchwise import PatchwiseAttention2d

Strided = LocalAttention2d | GlobalAttention2d | PairwiseAttention2d | PatchwiseAttention2d
"""The layers whose stride is an average pool after the attention."""


@singledispatch
def attention_counts(layer: nn.Module, height: int, width: int) -> Counts:
    """The work of `layer` on one map of `height` x `width`, without its sub-modules'; none for other layers."""
    return Counts()


@attention_counts.register
def _(layer: LocalAttention2d, height: int, width: int) -> Counts:
    pairs = height * width * layer.kernel_size**2
    products = pairs * layer.out_channels
    return Counts(
        macs=Macs(
            qk=products if layer.key is not None else 0,
            qr=products if layer.rel_rows is not None else 0,
            av=products,
        ),
        elementwise=Elementwise(softmax=pairs * layer.num_heads, pool_inputs=_stride_pool_inputs(layer, height, width)),
    )


@attention_counts.register
def _(layer: GlobalAttention2d, height: int, width: int) -> Counts:
    return Counts(elementwise=Elementwise(pool_inputs=_stride_pool_inputs(layer, height, width)))


@attention_counts.register
def _(layer: AugmentedConv2d, height: int, width: int) -> Counts:
    if layer.attention is None:
        return Counts()
    pooled = height * width if layer.stride > 1 else 0
    if layer.downsample:
        pooled += ceil(height / layer.stride) * ceil(width / layer.stride)
    return Counts(elementwise=Elementwise(pool_inputs=pooled * layer.in_channels))


@attention_counts.register
def _(layer: MapAttention2d, height: int, width: int) -> Counts:
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


@attention_counts.register
def _(layer: PairwiseAttention2d, height: int, width: int) -> Counts:
    pairs = height * width * layer.kernel_size**2
    dot = layer.relation == "dot"
    combines = layer.relation in ("sum", "subtraction", "hadamard")
    return Counts(
        macs=Macs(qk=pairs * layer.key_channels if dot else 0, aggregation=pairs * layer.out_channels),
        elementwise=Elementwise(
            softmax=pairs * layer.weight_channels,
            relation=pairs * ((layer.key_channels if combines else 0) + (2 if layer.positions else 0)),
            pool_inputs=_stride_pool_inputs(layer, height, width),
        ),
    )


@attention_counts.register
def _(layer: PatchwiseAttention2d, height: int, width: int) -> Counts:
    area = layer.kernel_size**2
    products = {"star": area, "clique": area**2}.get(layer.relation, 0)
    pixels = height * width
    return Counts(
        macs=Macs(qk=pixels * products * layer.key_channels, aggregation=pixels * area * layer.out_channels),
        elementwise=Elementwise(pool_inputs=_stride_pool_inputs(layer, height, width)),
    )


@attention_counts.register
def _(layer: AttentionStem, height: int, width: int) -> Counts:
    pixels = height * width
    products = pixels * layer.kernel_size**2 * layer.out_channels
    mixed = pixels * layer.mixtures * layer.out_channels if layer.values == "spatially_aware" else 0
    return Counts(
        macs=Macs(conv_linear=mixed * layer.in_channels, qk=products, av=products, aggregation=mixed),
        elementwise=Elementwise(
            softmax=pixels * layer.kernel_size**2 * layer.num_heads,
            pool_inputs=pixels * layer.out_channels if layer.pool else 0,
        ),
    )


def _stride_pool_inputs(layer: Strided, height: int, width: int) -> int:
    """Elements that the average pool sees by which attention layers stride."""
    return height * width * layer.out_channels if layer.stride > 1 else 0
