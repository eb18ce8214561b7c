"""Facts about SAN's patchwise attention."""

import functools
from typing import Any

from torch import Tensor, nn

from sasa_nas.operators.counts import Counts, Elementwise, Macs
from sasa_nas.operators.patchwise.layer import PatchwiseAttention2d
from sasa_nas.operators.pooling import stride_pool_inputs
from sasa_nas.operators.probe import AttentionProbe


def count(layer: PatchwiseAttention2d, height: int, width: int) -> Counts:
    """Count the relation and the aggregation, for a map of `height` x `width`."""
    area = layer.kernel_size**2
    products = {"star": area, "clique": area**2}.get(layer.relation, 0)
    pixels = height * width
    return Counts(
        macs=Macs(qk=pixels * products * layer.key_channels, aggregation=pixels * area * layer.out_channels),
        elementwise=Elementwise(pool_inputs=stride_pool_inputs(layer, height, width)),
    )


def probe(layer: PatchwiseAttention2d) -> AttentionProbe:
    """Return the probe of the layer's attention weights."""
    return AttentionProbe(
        heads=layer.weight_channels,
        channels=layer.out_channels,
        changes={"stride": 1},
        reach=layer.kernel_size // 2,
        interleaved=True,
        signed=True,
    )


def bound_flow(layer: PatchwiseAttention2d) -> None:
    """Normalise the layer's weights to a sum of one over the window, as the softmax of other operators does."""
    layer.mapping.register_forward_hook(functools.partial(_normalise, layer.kernel_size**2))


def _normalise(area: int, _mapping: nn.Module, _related: tuple[Any, ...], weights: Tensor) -> Tensor:
    """Return weights (B, channels * area, H, W) that sum to one over the window."""
    windows = weights.view(len(weights), -1, area, *weights.shape[2:])
    return (windows / windows.sum(2, keepdim=True)).view(weights.shape)
