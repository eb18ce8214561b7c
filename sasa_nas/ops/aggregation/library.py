"""The weighted sum as operators of torch's library: one node for autograd, compilers, export and FLOP counters.

Which form computes them is settled when an operator runs, so that a network exported on a CPU runs on the kernels of
the GPU that it is loaded on.
"""

from collections.abc import Callable, Sequence
from math import prod

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from sasa_nas.ops.aggregation import naive
from sasa_nas.ops.differentiation import register_gradients
from sasa_nas.ops.window_sums.forms import sums_by
from sasa_nas.ops.window_sums.sums import map_like, weights_like

Size = Sequence[int]
"""A tensor's shape, as FLOP formulas get it."""


@torch.library.custom_op("sasa_nas::aggregate", mutates_args=())
def aggregate_operator(weights: Tensor, value: Tensor, kernel_size: int, form: str) -> Tensor:
    """See `dispatch.aggregate`; a `form` of `auto` is the best that can run."""
    with torch.autocast(value.device.type, enabled=False):
        return sums_by(form, value).weighted_sums(weights, value, kernel_size)


@torch.library.custom_op("sasa_nas::aggregate_backward", mutates_args=())
def aggregate_backward_operator(
    grad_out: Tensor, weights: Tensor, value: Tensor, kernel_size: int, form: str
) -> tuple[Tensor, Tensor]:
    """Return the gradients of weights and value."""
    with torch.autocast(value.device.type, enabled=False):
        sums = sums_by(form, value)
        grad_weights = _like_weights(weights)
        sums.products(grad_out, value, kernel_size, grad_weights)
        grad_value = map_like(value)
        summed = sums.spread_sums(weights, grad_out, kernel_size)
        return grad_weights, summed if summed.stride() == grad_value.stride() else grad_value.copy_(summed)


def _like_weights(weights: Tensor) -> Tensor:
    return weights_like(weights[:, :, 0], weights.shape[1], weights.shape[2])


@aggregate_operator.register_fake
def _fake(weights: Tensor, value: Tensor, kernel_size: int, form: str) -> Tensor:
    return map_like(value)


@aggregate_backward_operator.register_fake
def _fake_backward(
    grad_out: Tensor, weights: Tensor, value: Tensor, kernel_size: int, form: str
) -> tuple[Tensor, Tensor]:
    return _like_weights(weights), map_like(value)


register_gradients("aggregate", aggregate_operator, aggregate_backward_operator, tensors=2, keeps_outputs=False)


def aggregate_decompositions() -> dict[Callable[..., object], Callable[..., Tensor]]:
    """Return the operator in terms of torch's own, for `ExportedProgram.run_decompositions`; ONNX needs it."""
    return {torch.ops.sasa_nas.aggregate.default: _decomposed}


def _decomposed(weights: Tensor, value: Tensor, kernel_size: int, form: str) -> Tensor:
    return naive.aggregate(weights, value, kernel_size=kernel_size)


@register_flop_formula(torch.ops.sasa_nas.aggregate)
def _flops(weights: Size, value: Size, kernel_size: int, form: str, *, out_shape: object = None) -> int:
    return 2 * prod(value) * kernel_size**2


@register_flop_formula(torch.ops.sasa_nas.aggregate_backward)
def _flops_backward(
    grad_out: Size, weights: Size, value: Size, kernel_size: int, form: str, *, out_shape: object = None
) -> int:
    return 2 * _flops(weights, value, kernel_size, form)
