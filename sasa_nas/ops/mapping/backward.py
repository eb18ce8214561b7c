"""The gradients of a mapping in torch's operators, for where autograd records nothing: inside an operator."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sasa_nas.ops.mapping.layer import MappingLayer


def mapping_backward(
    related: Tensor,
    mapping: Sequence[MappingLayer],
    statistics: Sequence[tuple[Tensor, Tensor] | None],
    gradient: Tensor,
) -> tuple[Tensor, list[tuple[Tensor, Tensor, Tensor, Tensor | None]]]:
    """Compute the gradients of `apply_mapping`.

    Args:
        related: Input of the mapping, `(B, C, h, w)`.
        mapping: The layers.
        statistics: Mean and biased variance of each norm that used the batch's own; None of the others.
        gradient: Gradient of the mapping's output, `(B, O, h, w)`.

    Returns:
        The gradient of `related`; and of each layer those of norm_weight, norm_bias, weight, and bias where there is
        one.
    """
    steps: list[tuple[Tensor, Tensor, Tensor]] = []
    out = related
    for layer, own in zip(mapping, statistics, strict=True):
        mean, variance = own or (layer.mean, layer.variance)
        assert mean is not None
        assert variance is not None
        inverse = _channels((variance + layer.eps).rsqrt())
        normalised = (out - _channels(mean)) * inverse
        active = (normalised * _channels(layer.norm_weight) + _channels(layer.norm_bias)).relu().to(related.dtype)
        steps.append((normalised, active, inverse))
        bias = None if layer.bias is None else layer.bias.to(active.dtype)
        out = torch.nn.functional.conv2d(active, layer.weight[:, :, None, None].to(active.dtype), bias)
    found: list[tuple[Tensor, Tensor, Tensor, Tensor | None]] = []
    for layer, own, (normalised, active, inverse) in zip(
        reversed(mapping), reversed(statistics), reversed(steps), strict=True
    ):
        grad_weight = torch.einsum("bohw,bchw->oc", gradient, active).to(layer.weight.dtype)
        grad_bias = None if layer.bias is None else gradient.sum((0, 2, 3)).to(layer.bias.dtype)
        grad_norm = torch.einsum("oc,bohw->bchw", layer.weight.to(gradient.dtype), gradient) * (active > 0)
        sums, products = grad_norm.sum((0, 2, 3)), (grad_norm * normalised).sum((0, 2, 3))
        if own is not None:
            count = max(grad_norm.numel() // grad_norm.shape[1], 1)
            grad_norm = grad_norm - _channels(sums / count) - normalised * _channels(products / count)
        gradient = (grad_norm * _channels(layer.norm_weight) * inverse).to(gradient.dtype)
        of_norm = products.to(layer.norm_weight.dtype), sums.to(layer.norm_bias.dtype)
        found.insert(0, (*of_norm, grad_weight, grad_bias))
    return gradient, found


def _channels(numbers: Tensor) -> Tensor:
    """Numbers of channels, `(C,)`, beside tensors `(B, C, h, w)`."""
    return numbers[:, None, None]
