"""Pairwise attention as operators of torch's library: one node for autograd, compilers, export and FLOP counters.

`sasa_nas::pairwise_attention` keeps the log-sum-exp of each pixel's logits and the statistics of the norms; its
backward is an operator too, which computes relation and weights again. Which form computes them is settled when an
operator runs, so that a network exported on a CPU runs on the kernels of the GPU that it is loaded on.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import cast

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from sasa_nas.ops.aggregation.naive import aggregate
from sasa_nas.ops.differentiation import register_gradients
from sasa_nas.ops.mapping.layer import BatchStatistics, MappingLayer
from sasa_nas.ops.mapping.naive import apply_mapping
from sasa_nas.ops.pairwise_attention.forms import Form, best_form, form_cannot, run_backward, run_forward, sum_dtype
from sasa_nas.ops.pairwise_attention.problem import Outcome, Problem
from sasa_nas.ops.relation.naive import PairwiseKind, pairwise_relation
from sasa_nas.ops.window_sums.sums import map_like

Size = Sequence[int]
"""A tensor's shape, as FLOP formulas get it."""

Outputs = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
"""The attention, its log-sum-exp, and each layer's mean and variance: empty for given ones and absent layers."""


@torch.library.custom_op("sasa_nas::pairwise_attention", mutates_args=())
def pairwise_attention_operator(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    norm_weight: Tensor,
    norm_bias: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor,
    next_norm_weight: Tensor | None,
    next_norm_bias: Tensor | None,
    next_mean: Tensor | None,
    next_variance: Tensor | None,
    next_weight: Tensor | None,
    bias: Tensor | None,
    kernel_size: int,
    kind: str,
    positions: int,
    eps: float,
    next_eps: float,
    form: str,
) -> Outputs:
    """See `dispatch.pairwise_attention`; a `form` of `auto` is the best that can run."""
    first = (norm_weight, norm_bias, mean, variance, weight)
    second = (next_norm_weight, next_norm_bias, next_mean, next_variance, next_weight)
    problem = _problem(query, key, value, first, second, bias, kernel_size, kind, positions, eps, next_eps)
    outcome = run_forward(_form(form, problem), problem)
    found: list[Tensor] = []
    for layer, statistics in zip(problem.mapping, outcome.statistics, strict=True):
        found += statistics if layer.mean is None else (query.new_empty(0), query.new_empty(0))
    found += [query.new_empty(0) for _ in range(4 - len(found))]
    return outcome.out, outcome.lse, found[0], found[1], found[2], found[3]


@torch.library.custom_op("sasa_nas::pairwise_attention_backward", mutates_args=())
def pairwise_attention_backward_operator(
    grad_out: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    norm_weight: Tensor,
    norm_bias: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor,
    next_norm_weight: Tensor | None,
    next_norm_bias: Tensor | None,
    next_mean: Tensor | None,
    next_variance: Tensor | None,
    next_weight: Tensor | None,
    bias: Tensor | None,
    out: Tensor,
    lse: Tensor,
    used_mean: Tensor,
    used_variance: Tensor,
    used_next_mean: Tensor,
    used_next_variance: Tensor,
    kernel_size: int,
    kind: str,
    positions: int,
    eps: float,
    next_eps: float,
    form: str,
) -> list[Tensor]:
    """Return the gradients of all fourteen tensors: zeros for given statistics, empty ones for what is None."""
    first = (norm_weight, norm_bias, mean, variance, weight)
    second = (next_norm_weight, next_norm_bias, next_mean, next_variance, next_weight)
    problem = _problem(query, key, value, first, second, bias, kernel_size, kind, positions, eps, next_eps)
    own = ((used_mean, used_variance), (used_next_mean, used_next_variance))
    statistics = tuple(
        used if layer.mean is None or layer.variance is None else (layer.mean, layer.variance)
        for layer, used in zip(problem.mapping, own, strict=False)
    )
    gradients = run_backward(_form(form, problem), problem, grad_out, Outcome(out, lse, statistics))
    found = [gradients.query, gradients.key, gradients.value]
    for layer, of_layer in zip(problem.mapping, gradients.mapping, strict=True):
        given = [
            query.new_empty(0) if tensor is None else torch.zeros_like(tensor)
            for tensor in (layer.mean, layer.variance)
        ]
        found += [of_layer.norm_weight, of_layer.norm_bias, *given, of_layer.weight]
    found += [query.new_empty(0) for _ in range(13 - len(found))]
    last = gradients.mapping[-1].bias
    return [*found, query.new_empty(0) if last is None else last]


Layer = tuple[Tensor | None, Tensor | None, Tensor | None, Tensor | None, Tensor | None]
"""Scale and shift of a norm, mean and variance, and the weight after it."""


def _problem(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    first: Layer,
    second: Layer,
    bias: Tensor | None,
    kernel_size: int,
    kind: str,
    positions: int,
    eps: float,
    next_eps: float,
) -> Problem:
    layers: list[MappingLayer] = []
    for (norm_weight, norm_bias, mean, variance, weight), of_norm in ((first, eps), (second, next_eps)):
        if norm_weight is not None and norm_bias is not None and weight is not None:
            last = second[4] is None or weight is second[4]
            layers.append(MappingLayer(norm_weight, norm_bias, mean, variance, weight, bias if last else None, of_norm))
    return Problem(query, key, value, tuple(layers), kernel_size, cast("PairwiseKind", kind), positions)


def _form(form: str, problem: Problem) -> Form:
    """Return the form that runs.

    Raises:
        ValueError: The one asked for cannot.
    """
    if form == "auto":
        return best_form(problem)
    asked = cast("Form", form)
    why = form_cannot(asked, problem)
    if why is not None:
        raise ValueError(f"backend {form!r} cannot run: {why}")
    return asked


def apply_operator(problem: Problem, form: str) -> tuple[Tensor, tuple[BatchStatistics, ...]]:
    """Compute a problem by the operator, with gradients.

    Args:
        problem: Problem of one or two layers, of which the last alone may have a bias.
        form: A `Form`, or `auto`.

    Returns:
        The attention, and the statistics of each norm that used the batch's own.
    """
    layers = [
        (layer.norm_weight, layer.norm_bias, layer.mean, layer.variance, layer.weight) for layer in problem.mapping
    ]
    first, second = layers if len(layers) == 2 else (*layers, (None,) * 5)
    eps = [layer.eps for layer in problem.mapping]
    out, _, *statistics = pairwise_attention_operator(
        problem.query,
        problem.key,
        problem.value,
        *first,
        *second,
        problem.mapping[-1].bias,
        problem.kernel_size,
        problem.kind,
        problem.positions,
        eps[0],
        eps[-1],
        form,
    )
    found = [
        BatchStatistics(statistics[2 * number].detach(), statistics[2 * number + 1].detach(), problem.pairs)
        for number, layer in enumerate(problem.mapping)
        if layer.mean is None
    ]
    return out, tuple(found)


def _like(tensor: Tensor | None, maps: Tensor) -> Tensor:
    return maps.new_empty(0) if tensor is None else tensor.new_empty(tensor.shape)


@pairwise_attention_operator.register_fake
def _fake(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    norm_weight: Tensor,
    norm_bias: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor,
    next_norm_weight: Tensor | None,
    next_norm_bias: Tensor | None,
    next_mean: Tensor | None,
    next_variance: Tensor | None,
    next_weight: Tensor | None,
    bias: Tensor | None,
    kernel_size: int,
    kind: str,
    positions: int,
    eps: float,
    next_eps: float,
    form: str,
) -> Outputs:
    channels = (weight if next_weight is None else next_weight).shape[0]
    lse = query.new_empty(query.shape[0], channels, *query.shape[2:], dtype=sum_dtype(query))
    own = norm_weight if mean is None else None
    next_own = next_norm_weight if next_mean is None else None
    return map_like(value), lse, _like(own, query), _like(own, query), _like(next_own, query), _like(next_own, query)


@pairwise_attention_backward_operator.register_fake
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
    next_norm_weight: Tensor | None,
    next_norm_bias: Tensor | None,
    next_mean: Tensor | None,
    next_variance: Tensor | None,
    next_weight: Tensor | None,
    bias: Tensor | None,
    *others: object,
) -> list[Tensor]:
    parameters = (norm_weight, norm_bias, mean, variance, weight)
    following = (next_norm_weight, next_norm_bias, next_mean, next_variance, next_weight, bias)
    return [map_like(query), map_like(key), map_like(value)] + [
        _like(tensor, query) for tensor in (*parameters, *following)
    ]


register_gradients(
    "pairwise_attention",
    pairwise_attention_operator,
    pairwise_attention_backward_operator,
    tensors=14,
    keeps_outputs=True,
)


def pairwise_attention_decompositions() -> dict[Callable[..., object], Callable[..., Outputs]]:
    """Return the operator in terms of torch's own, for `ExportedProgram.run_decompositions`; ONNX needs it."""
    return {torch.ops.sasa_nas.pairwise_attention.default: _decomposed}


def _decomposed(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    norm_weight: Tensor,
    norm_bias: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor,
    next_norm_weight: Tensor | None,
    next_norm_bias: Tensor | None,
    next_mean: Tensor | None,
    next_variance: Tensor | None,
    next_weight: Tensor | None,
    bias: Tensor | None,
    kernel_size: int,
    kind: PairwiseKind,
    positions: int,
    eps: float,
    next_eps: float,
    form: str,
) -> Outputs:
    first = (norm_weight, norm_bias, mean, variance, weight)
    second = (next_norm_weight, next_norm_bias, next_mean, next_variance, next_weight)
    problem = _problem(query, key, value, first, second, bias, kernel_size, kind, positions, eps, next_eps)
    related = pairwise_relation(query, key, kernel_size=kernel_size, kind=kind, positions=positions)
    logits, found = apply_mapping(related.flatten(3), problem.mapping)
    weights = logits.softmax(2).view(*logits.shape[:3], *query.shape[2:])
    lse = logits.logsumexp(2).view(*logits.shape[:2], *query.shape[2:]).to(sum_dtype(query))
    own = iter(found)
    statistics: list[Tensor] = []
    for layer in problem.mapping:
        batch = next(own) if layer.mean is None else None
        statistics += [query.new_empty(0)] * 2 if batch is None else [batch.mean, batch.variance]
    statistics += [query.new_empty(0)] * (4 - len(statistics))
    out = aggregate(weights, value, kernel_size=kernel_size)
    return out, lse, statistics[0], statistics[1], statistics[2], statistics[3]


def _macs(query: Size, value: Size, weight: Size, next_weight: Size | None, options: Sequence[object]) -> int:
    """Multiply-accumulates: 1x1 convolutions of every pair, scalar products, and the weighted sum."""
    kernel_size, kind, positions = options[:3]
    assert isinstance(kernel_size, int)
    assert isinstance(positions, int)
    pixels, area = query[0] * prod(query[2:]), kernel_size**2
    products = prod(weight) + (0 if next_weight is None else prod(next_weight))
    dots = query[1] - positions if kind == "dot" else 0
    return pixels * area * (products + dots + value[1])


@register_flop_formula(torch.ops.sasa_nas.pairwise_attention)
def _flops(query: Size, key: Size, value: Size, *others: object, out_shape: object = None) -> int:
    weight, next_weight = others[4], others[9]
    return 2 * _macs(query, value, cast("Size", weight), cast("Size | None", next_weight), others[11:])


@register_flop_formula(torch.ops.sasa_nas.pairwise_attention_backward)
def _flops_backward(
    grad_out: Size, query: Size, key: Size, value: Size, *others: object, out_shape: object = None
) -> int:
    weight, next_weight = others[4], others[9]
    # two products for each of the forward pass, as torch counts convolutions; what is computed again does not count
    return 4 * _macs(query, value, cast("Size", weight), cast("Size | None", next_weight), others[17:])
