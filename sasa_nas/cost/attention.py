"""The work inside the attention layers, beyond the projections, which count as the convolutions that they are.

The counts follow the definitions, not a clever implementation: a window has `kernel_size ** 2` keys at the edge
too, and `q . r` counts once a key although rows and columns could be computed apart (Ramachandran et al. 2019).
"""

from functools import singledispatch

from torch import nn

from sasa_nas.cost.counts import Counts, Elementwise, Macs
from sasa_nas.layers.attention_stem import AttentionStem
from sasa_nas.layers.local_attention import LocalAttention2d
from sasa_nas.layers.map_attention import MapAttention2d
from sasa_nas.layers.pairwise import PairwiseAttention2d
from sasa_nas.layers.patchwise import PatchwiseAttention2d


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
        elementwise=Elementwise(softmax=pairs * layer.num_heads),
    )


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
        ),
    )


@attention_counts.register
def _(layer: PatchwiseAttention2d, height: int, width: int) -> Counts:
    area = layer.kernel_size**2
    products = {"star": area, "clique": area**2}.get(layer.relation, 0)
    pixels = height * width
    return Counts(macs=Macs(qk=pixels * products * layer.key_channels, aggregation=pixels * area * layer.out_channels))


@attention_counts.register
def _(layer: AttentionStem, height: int, width: int) -> Counts:
    pixels = height * width
    products = pixels * layer.kernel_size**2 * layer.out_channels
    mixed = pixels * layer.mixtures * layer.out_channels if layer.values == "spatially_aware" else 0
    return Counts(
        macs=Macs(conv_linear=mixed * layer.in_channels, qk=products, av=products, aggregation=mixed),
        elementwise=Elementwise(softmax=pixels * layer.kernel_size**2 * layer.num_heads),
    )
