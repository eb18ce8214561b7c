"""The mapping gamma of SAN (Zhao, Jia, Koltun 2020, section 4) by torch's own batch norm and convolution."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sasa_nas.ops.mapping.layer import BatchStatistics, MappingLayer


def apply_mapping(related: Tensor, mapping: Sequence[MappingLayer]) -> tuple[Tensor, tuple[BatchStatistics, ...]]:
    """Map relations to weights, layer by layer: batch norm, ReLU, 1x1 convolution.

    Args:
        related: `(B, C, h, w)`.
        mapping: The layers.

    Returns:
        `(B, O, h, w)`, and the statistics of each norm that used the batch's own.

    Raises:
        ValueError: A norm shall use the batch's statistics, and there is one value a channel.
    """
    statistics: list[BatchStatistics] = []
    out = related
    for layer in mapping:
        if layer.mean is None or layer.variance is None:
            out, found = _normalise_by_batch(out, layer)
            statistics.append(found)
        else:
            out = torch.nn.functional.batch_norm(
                out, layer.mean, layer.variance, weight=layer.norm_weight, bias=layer.norm_bias, eps=layer.eps
            )
        weight, bias = layer.weight.to(out.dtype), None if layer.bias is None else layer.bias.to(out.dtype)
        out = torch.nn.functional.conv2d(torch.nn.functional.relu(out), weight[:, :, None, None], bias)
    return out, tuple(statistics)


def _normalise_by_batch(maps: Tensor, layer: MappingLayer) -> tuple[Tensor, BatchStatistics]:
    """Normalise maps by their own statistics, which torch's batch norm tells through running ones of momentum one."""
    mean, unbiased = torch.zeros_like(layer.norm_weight), torch.zeros_like(layer.norm_weight)
    mean, unbiased = mean.detach(), unbiased.detach()
    out = torch.nn.functional.batch_norm(
        maps,
        mean,
        unbiased,
        weight=layer.norm_weight,
        bias=layer.norm_bias,
        training=True,
        momentum=1.0,
        eps=layer.eps,
    )
    count = maps.shape[0] * maps.shape[2] * maps.shape[3]
    return out, BatchStatistics(mean, unbiased * ((count - 1) / count) if count else unbiased, count)
