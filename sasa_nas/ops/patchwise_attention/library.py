"""Patchwise attention as operators of torch's library: one node for autograd, compilers, export and FLOP counters.

`sasa_nas::patchwise_attention` keeps a map of what the first of two layers yields, and the statistics of batches; its
backward is an operator too, which computes the weights of windows again. Which form computes them is settled when an
operator runs, so that a network exported on a CPU runs on the kernels of the GPU that it is loaded on.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import cast

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from sasa_nas.ops.differentiation import register_gradients
from sasa_nas.ops.mapping.layer import MappingLayer
from sasa_nas.ops.patchwise_attention import naive
from sasa_nas.ops.patchwise_attention.forms import form_of, run_backward, run_forward
from sasa_nas.ops.patchwise_attention.problem import Found, Problem
from sasa_nas.ops.relation.naive import PatchwiseKind
from sasa_nas.ops.window_sums.sums import map_like

Size = Sequence[int]
"""A tensor's shape, as FLOP formulas get it."""

Outputs = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
"""Attention, first layer's output, and mean and biased variance of the first and the second norm's input.

Empty are the output of an only layer, and statistics that were given.
"""

TENSORS = 14
"""Arguments of the operator before its options."""


@torch.library.custom_op("sasa_nas::patchwise_attention", mutates_args=())
def patchwise_attention_operator(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    norm_weight: Tensor,
    norm_bias: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor,
    norm_weight2: Tensor | None,
    norm_bias2: Tensor | None,
    mean2: Tensor | None,
    variance2: Tensor | None,
    weight2: Tensor | None,
    bias: Tensor | None,
    kernel_size: int,
    kind: str,
    eps: float,
    eps2: float,
    form: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """See `dispatch.patchwise_attention`; a second layer is None, or has a weight, and `bias` is the last one's.

    A `form` of `auto` is the best that can run.
    """
    first = (norm_weight, norm_bias, mean, variance, weight)
    second = (norm_weight2, norm_bias2, mean2, variance2, weight2)
    problem = _problem(query, key, value, first, second, bias, kernel_size, kind, eps, eps2)
    with torch.autocast(value.device.type, enabled=False):
        found = run_forward(form_of(form, problem), problem)
    statistics = [value.new_empty(0) if own is None else own[part] for own in found.statistics for part in (0, 1)]
    statistics += [value.new_empty(0) for _ in range(4 - len(statistics))]
    hidden = value.new_empty(0) if found.hidden is None else found.hidden
    return found.out, hidden, *_apart(statistics)


@torch.library.custom_op("sasa_nas::patchwise_attention_backward", mutates_args=())
def patchwise_attention_backward_operator(
    grad_out: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    norm_weight: Tensor,
    norm_bias: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor,
    norm_weight2: Tensor | None,
    norm_bias2: Tensor | None,
    mean2: Tensor | None,
    variance2: Tensor | None,
    weight2: Tensor | None,
    bias: Tensor | None,
    hidden: Tensor,
    own_mean: Tensor,
    own_variance: Tensor,
    own_mean2: Tensor,
    own_variance2: Tensor,
    kernel_size: int,
    kind: str,
    eps: float,
    eps2: float,
    form: str,
) -> list[Tensor]:
    """Return the gradient of each tensor that the operator takes; those of None and of statistics are empty."""
    first = (norm_weight, norm_bias, mean, variance, weight)
    second = (norm_weight2, norm_bias2, mean2, variance2, weight2)
    problem = _problem(query, key, value, first, second, bias, kernel_size, kind, eps, eps2)
    statistics = tuple(
        None if layer.mean is not None else own
        for layer, own in zip(problem.mapping, ((own_mean, own_variance), (own_mean2, own_variance2)), strict=False)
    )
    found = Found(value, hidden if problem.two else None, statistics)
    with torch.autocast(value.device.type, enabled=False):
        gradients = run_backward(form_of(form, problem), problem, found, grad_out)
    parts: list[Tensor | None] = [gradients.query, gradients.key, gradients.value]
    for layer in gradients.mapping:
        parts += [layer.norm_weight, layer.norm_bias, None, None, layer.weight]
    parts += [None] * (TENSORS - 1 - len(parts))
    parts.append(gradients.mapping[-1].bias)
    return [value.new_empty(0) if part is None else part for part in parts]


Parameters = tuple[Tensor | None, Tensor | None, Tensor | None, Tensor | None, Tensor | None]
"""Parameters of a layer but for its bias: norm_weight, norm_bias, mean, variance, weight."""


def _problem(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    first: Parameters,
    second: Parameters,
    bias: Tensor | None,
    kernel_size: int,
    kind: str,
    eps: float,
    eps2: float,
) -> Problem:
    two = second[4] is not None
    layers = [_layer(first, None if two else bias, eps)]
    layers += [_layer(second, bias, eps2)] if two else []
    return Problem(query, key, value, tuple(layers), kernel_size, cast("PatchwiseKind", kind))


def _layer(parameters: Parameters, bias: Tensor | None, eps: float) -> MappingLayer:
    norm_weight, norm_bias, mean, variance, weight = parameters
    assert norm_weight is not None
    assert norm_bias is not None
    assert weight is not None
    return MappingLayer(norm_weight, norm_bias, mean, variance, weight, bias, eps)


def _apart(tensors: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    first, second, third, fourth = tensors
    return first, second, third, fourth


def fits_operator(problem: Problem) -> bool:
    """Return whether the operator takes a mapping: one or two layers, only the last of which may have a bias."""
    return len(problem.mapping) <= 2 and all(layer.bias is None for layer in problem.mapping[:-1])


def operator_arguments(problem: Problem, form: str) -> tuple[object, ...]:
    """Return what the operator is called with.

    Args:
        problem: One or two layers, only the last of which has a bias.
        form: A form, or `auto`.
    """
    parameters: list[Tensor | None] = []
    for layer in problem.mapping:
        parameters += [layer.norm_weight, layer.norm_bias, layer.mean, layer.variance, layer.weight]
    parameters += [None] * (10 - len(parameters))
    last = problem.mapping[-1]
    return (
        *(problem.query, problem.key, problem.value, *parameters, last.bias),
        *(problem.kernel_size, problem.kind, problem.mapping[0].eps, last.eps, form),
    )


@patchwise_attention_operator.register_fake
def _fake(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    norm_weight: Tensor,
    norm_bias: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor,
    norm_weight2: Tensor | None,
    norm_bias2: Tensor | None,
    mean2: Tensor | None,
    variance2: Tensor | None,
    weight2: Tensor | None,
    bias: Tensor | None,
    *options: object,
) -> Outputs:
    batch, _, height, width = value.shape
    hidden = value.new_empty(0) if weight2 is None else value.new_empty(batch, weight.shape[0], height, width)
    statistics = [
        value.new_empty(0) if parameter is None or given is not None else parameter.new_empty(parameter.shape)
        for parameter, given in ((norm_weight, mean), (norm_weight2, mean2))
        for _ in range(2)
    ]
    return map_like(value), hidden, *_apart(statistics)


@patchwise_attention_backward_operator.register_fake
def _fake_backward(
    grad_out: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    norm_weight: Tensor,
    norm_bias: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor,
    norm_weight2: Tensor | None,
    norm_bias2: Tensor | None,
    mean2: Tensor | None,
    variance2: Tensor | None,
    weight2: Tensor | None,
    bias: Tensor | None,
    *others: object,
) -> list[Tensor]:
    first = (norm_weight, norm_bias, None, None, weight)
    second = (norm_weight2, norm_bias2, None, None, weight2)
    parameters = (
        value.new_empty(0) if tensor is None else tensor.new_empty(tensor.shape) for tensor in (*first, *second, bias)
    )
    return [map_like(query), map_like(key), map_like(value), *parameters]


register_gradients(
    "patchwise_attention",
    patchwise_attention_operator,
    patchwise_attention_backward_operator,
    tensors=TENSORS,
    keeps_outputs=True,
    keeps_first=False,
)


def patchwise_attention_decompositions() -> dict[Callable[..., object], Callable[..., Outputs]]:
    """Return the operator in terms of torch's own, for `ExportedProgram.run_decompositions`; ONNX needs it."""
    return {torch.ops.sasa_nas.patchwise_attention.default: _decomposed}


def _decomposed(query: Tensor, key: Tensor, value: Tensor, *arguments: object) -> Outputs:
    parameters = cast("tuple[Tensor | None, ...]", arguments[: TENSORS - 3])
    kernel_size, kind, eps, eps2, _ = cast("tuple[int, str, float, float, str]", arguments[TENSORS - 3 :])
    first, second = cast("Parameters", parameters[:5]), cast("Parameters", parameters[5:10])
    problem = _problem(query, key, value, first, second, parameters[10], kernel_size, kind, eps, eps2)
    out, statistics = naive.patchwise_attention(
        query, key, value, problem.mapping, kernel_size=kernel_size, kind=problem.kind
    )
    found = iter(statistics)
    parts: list[Tensor] = []
    for layer in problem.mapping:
        own = next(found) if layer.mean is None else None
        parts += [value.new_empty(0), value.new_empty(0)] if own is None else [own.mean, own.variance]
    parts += [value.new_empty(0) for _ in range(4 - len(parts))]
    # the backward pass alone wants the first layer's output, and of a program in torch's operators there is none
    shape = (value.shape[0], problem.mapping[0].weight.shape[0], *value.shape[2:])
    return out, value.new_zeros(shape if problem.two else 0), *_apart(parts)


def _flops_of(query: Size, value: Size, weight: Size, weight2: Size | None, kernel_size: int, kind: str) -> int:
    """Multiply-accumulates, twice: of scalar products, 1x1 convolutions, and weighted windows."""
    area, channels = kernel_size**2, query[1]
    products = {"star": area, "clique": area**2}.get(kind, 0) * channels
    linear = prod(weight) + (0 if weight2 is None else prod(weight2))
    return 2 * query[0] * query[2] * query[3] * (products + linear + area * value[1])


@register_flop_formula(torch.ops.sasa_nas.patchwise_attention)
def _flops(
    query: Size,
    key: Size,
    value: Size,
    norm_weight: Size,
    norm_bias: Size,
    mean: Size | None,
    variance: Size | None,
    weight: Size,
    norm_weight2: Size | None,
    norm_bias2: Size | None,
    mean2: Size | None,
    variance2: Size | None,
    weight2: Size | None,
    bias: Size | None,
    kernel_size: int,
    kind: str,
    *options: object,
    out_shape: object = None,
) -> int:
    return _flops_of(query, value, weight, weight2, kernel_size, kind)


@register_flop_formula(torch.ops.sasa_nas.patchwise_attention_backward)
def _flops_backward(
    grad_out: Size,
    query: Size,
    key: Size,
    value: Size,
    norm_weight: Size,
    norm_bias: Size,
    mean: Size | None,
    variance: Size | None,
    weight: Size,
    norm_weight2: Size | None,
    norm_bias2: Size | None,
    mean2: Size | None,
    variance2: Size | None,
    weight2: Size | None,
    bias: Size | None,
    hidden: Size,
    own_mean: Size,
    own_variance: Size,
    own_mean2: Size,
    own_variance2: Size,
    kernel_size: int,
    kind: str,
    *options: object,
    out_shape: object = None,
) -> int:
    return 2 * _flops_of(query, value, weight, weight2, kernel_size, kind)
