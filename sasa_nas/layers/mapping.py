"""The mapping gamma of SAN, from relations to attention weights."""

import itertools
from collections.abc import Sequence

from torch import nn

from sasa_nas.ops import BatchStatistics, MappingLayer


def mapping_gamma(in_channels: int, hidden_channels: int, out_channels: int, *, layers: int) -> nn.Sequential:
    """Batch norm, ReLU and a 1x1 convolution, `layers` times over (Zhao, Jia, Koltun 2020, section 4).

    Only the last convolution has a bias: batch norm follows the others and would remove it.

    Args:
        in_channels: Channels of the relation.
        hidden_channels: Channels between two linear layers.
        out_channels: Channels of the weights.
        layers: Linear layers, at least one.

    Returns:
        A module that maps `(B, in_channels, h, w)` to `(B, out_channels, h, w)`.

    Raises:
        ValueError: `layers` is below one.
    """
    if layers < 1:
        raise ValueError(f"mapping_layers must be at least 1, got {layers}")
    widths = [in_channels, *[hidden_channels] * (layers - 1), out_channels]
    modules: list[nn.Module] = []
    for layer, (before, after) in enumerate(itertools.pairwise(widths), start=1):
        modules += [nn.BatchNorm2d(before), nn.ReLU(), nn.Conv2d(before, after, 1, bias=layer == layers)]
    return nn.Sequential(*modules)


def mapping_layers(mapping: nn.Sequential) -> tuple[MappingLayer, ...] | None:
    """Return the parameters of a mapping, for operators that compute it without calling its modules.

    Args:
        mapping: Result of `mapping_gamma`, in training or evaluation mode.

    Returns:
        One entry for each batch norm, ReLU and convolution; None where the modules are others, such as
        `nn.SyncBatchNorm` or a convolution that is pruned, which have to be called.
    """
    modules = list(mapping)
    layers: list[MappingLayer] = []
    for norm, relu, conv in zip(modules[::3], modules[1::3], modules[2::3], strict=False):
        if type(norm) is not nn.BatchNorm2d or type(relu) is not nn.ReLU or type(conv) is not nn.Conv2d:
            return None
        parameters = (norm.weight, norm.bias, conv.weight)
        if not all(isinstance(parameter, nn.Parameter) for parameter in parameters) or conv.kernel_size != (1, 1):
            return None
        own = norm.training or norm.running_mean is None
        mean, variance = (None, None) if own else (norm.running_mean, norm.running_var)
        layers.append(MappingLayer(norm.weight, norm.bias, mean, variance, conv.weight.flatten(1), conv.bias, norm.eps))
    return tuple(layers) if len(modules) == 3 * len(layers) else None


def update_running_statistics(mapping: nn.Sequential, statistics: Sequence[BatchStatistics]) -> None:
    """Update the running statistics of a mapping's norms, as `nn.BatchNorm2d` does when it is called.

    Args:
        mapping: Mapping that `mapping_layers` was called with.
        statistics: Statistics of each of its norms that used the batch's, in order.
    """
    norms = [module for module in mapping if isinstance(module, nn.BatchNorm2d)]
    norms = [norm for norm in norms if norm.training or norm.running_mean is None]
    for norm, found in zip(norms, statistics, strict=True):
        if norm.running_mean is None or norm.running_var is None or not norm.track_running_stats:
            continue
        share = norm.momentum
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked.add_(1)
            share = 1.0 / float(norm.num_batches_tracked) if share is None else share
        if share is None or found.count == 0:
            continue
        unbiased = found.variance * (found.count / (found.count - 1))
        norm.running_mean.mul_(1 - share).add_(found.mean, alpha=share)
        norm.running_var.mul_(1 - share).add_(unbiased, alpha=share)


def check_san_widths(out_channels: int, key_ratio: float, share_channels: int) -> None:
    """Raise where the channels of a SAN layer cannot be divided as asked.

    Args:
        out_channels: Channels of the values.
        key_ratio: Key channels as a share of `out_channels`.
        share_channels: Channels of a group that shares one weight.

    Raises:
        ValueError: `share_channels` does not divide `out_channels`, or `key_ratio` is not positive.
    """
    if share_channels < 1 or out_channels % share_channels:
        raise ValueError(f"share_channels={share_channels} must divide out_channels={out_channels}")
    if key_ratio <= 0:
        raise ValueError(f"key_ratio must be positive, got {key_ratio}")
