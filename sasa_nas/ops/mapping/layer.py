"""The parameters of a mapping as data, for operators that compute it together with what comes before and after."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class MappingLayer:
    """Batch norm, ReLU and a 1x1 convolution.

    Attributes:
        norm_weight: Scale of the normalised inputs, `(C,)`.
        norm_bias: Shift of the norm, `(C,)`.
        mean: Statistics to normalise with, `(C,)`; None for those of the batch.
        variance: Biased, `(C,)`; None for that of the batch.
        weight: Weight of the convolution, `(O, C)`.
        bias: Bias of the convolution, `(O,)`, or None.
        eps: Added to the variance.
    """

    norm_weight: Tensor
    norm_bias: Tensor
    mean: Tensor | None
    variance: Tensor | None
    weight: Tensor
    bias: Tensor | None
    eps: float


@dataclass(frozen=True)
class BatchStatistics:
    """The statistics of one batch norm's inputs, without gradients.

    Attributes:
        mean: `(C,)`.
        variance: Biased: the mean squared distance from the mean, `(C,)`.
        count: Values of each channel.
    """

    mean: Tensor
    variance: Tensor
    count: int


def check_mapping(mapping: Sequence[MappingLayer], in_channels: int, out_channels: int | None, count: int) -> None:
    """Raise unless the layers of a mapping fit each other and what they are applied to.

    Args:
        mapping: The layers.
        in_channels: Channels of the relation.
        out_channels: Channels of the weights; None where any number will do.
        count: Values of each channel of the relation, over which batch statistics are taken.

    Raises:
        ValueError: Names the parameter that does not fit.
    """
    if not mapping:
        raise ValueError("mapping must have at least one layer")
    before = in_channels
    for number, layer in enumerate(mapping):
        name = f"mapping[{number}]"
        if layer.weight.dim() != 2 or layer.weight.shape[1] != before or 0 in layer.weight.shape:
            raise ValueError(f"{name}.weight must be (channels, {before}), got {tuple(layer.weight.shape)}")
        if (layer.mean is None) != (layer.variance is None):
            raise ValueError(f"{name} must have both mean and variance, or neither")
        after = layer.weight.shape[0]
        for part, tensor, channels in (
            ("norm_weight", layer.norm_weight, before),
            ("norm_bias", layer.norm_bias, before),
            ("mean", layer.mean, before),
            ("variance", layer.variance, before),
            ("bias", layer.bias, after),
        ):
            if tensor is not None and tensor.shape != (channels,):
                raise ValueError(f"{name}.{part} must be ({channels},), got {tuple(tensor.shape)}")
        if layer.mean is None and count == 1:
            raise ValueError(f"{name} needs more than 1 value per channel to take the batch's statistics")
        before = after
    if out_channels is not None and before != out_channels:
        raise ValueError(f"the last weight of mapping must have {out_channels} rows, got {before}")


def check_mapping_types(mapping: Sequence[MappingLayer], maps: Tensor) -> None:
    """Raise unless the parameters of a mapping are on the device of the maps and have their type.

    Those of maps in half precision may be float32, as under autocast.

    Args:
        mapping: The layers.
        maps: Maps that the mapping is applied to.

    Raises:
        ValueError: Names the parameter that does not fit.
    """
    for number, layer in enumerate(mapping):
        for part in ("norm_weight", "norm_bias", "mean", "variance", "weight", "bias"):
            tensor = getattr(layer, part)
            if tensor is None:
                continue
            half = maps.dtype in (torch.float16, torch.bfloat16)
            if tensor.dtype != maps.dtype and not (half and tensor.dtype == torch.float32):
                raise ValueError(f"mapping[{number}].{part} must be {maps.dtype} as the maps are, got {tensor.dtype}")
            if tensor.device != maps.device:
                raise ValueError(f"mapping[{number}].{part} must be on {maps.device} as the maps are")
