"""Patchwise attention of its parts, one after the other: relation, mapping and aggregation."""

from dataclasses import replace

import torch
from torch import Tensor

from sasa_nas.ops.aggregation import aggregate
from sasa_nas.ops.mapping.layer import BatchStatistics
from sasa_nas.ops.mapping.naive import apply_mapping
from sasa_nas.ops.patchwise_attention.naive import patchwise_attention
from sasa_nas.ops.patchwise_attention.problem import Found, Gradients, LayerGradients, Problem
from sasa_nas.ops.relation import patchwise_relation
from sasa_nas.ops.window_sums.sums import map_like


def composed_attention(problem: Problem) -> tuple[Tensor, tuple[BatchStatistics, ...]]:
    """Compute relation, mapping and aggregation; autograd keeps what they yield.

    Args:
        problem: With any number of layers and biases.

    Returns:
        See `naive.patchwise_attention`.
    """
    area = problem.kernel_size**2
    related = patchwise_relation(problem.query, problem.key, kernel_size=problem.kernel_size, kind=problem.kind)
    weights, statistics = apply_mapping(related, problem.mapping)
    batch, _, height, width = problem.query.shape
    split = weights.view(batch, weights.shape[1] // area, area, height, width)
    return aggregate(split, problem.value, kernel_size=problem.kernel_size), statistics


def composed_forward(problem: Problem) -> Found:
    """Compute the attention without gradients, as an operator of torch's library.

    Args:
        problem: With one or two layers.
    """
    with torch.no_grad():
        out, found = composed_attention(problem)
    left = iter(found)
    statistics = tuple(
        None if layer.mean is not None else (own.mean, own.variance)
        for layer in problem.mapping
        for own in ([next(left)] if layer.mean is None else [None])
    )
    first = problem.mapping[0].weight
    # nothing of it is kept: the way back computes all of it again
    hidden = out.new_zeros(out.shape[0], first.shape[0], *out.shape[2:]) if problem.two else None
    return Found(map_like(problem.value).copy_(out), hidden, statistics)


def composed_backward(problem: Problem, grad_out: Tensor) -> Gradients:
    """Compute the gradients, by going forward again.

    Args:
        problem: As it went forward.
        grad_out: The gradient of the attention.
    """
    layers = problem.mapping

    def again(maps: tuple[Tensor, Tensor, Tensor], trained: tuple[tuple[Tensor, ...], ...]) -> Tensor:
        with_trained = [
            replace(layer, norm_weight=scale, norm_bias=shift, weight=weight, bias=bias[0] if bias else None)
            for layer, (scale, shift, weight, *bias) in zip(layers, trained, strict=True)
        ]
        return patchwise_attention(*maps, with_trained, kernel_size=problem.kernel_size, kind=problem.kind)[0]

    # inside an operator autograd records nothing, but its functional form does
    trained = tuple(
        (layer.norm_weight, layer.norm_bias, layer.weight, *([] if layer.bias is None else [layer.bias]))
        for layer in layers
    )
    _, back = torch.func.vjp(again, (problem.query, problem.key, problem.value), trained)
    maps, parameters = back(grad_out)
    query, key, value = (map_like(tensor).copy_(tensor) for tensor in maps)
    found = ([tensor.contiguous() for tensor in gradients] for gradients in parameters)
    return Gradients(query, key, value, tuple(LayerGradients(*g, *([] if len(g) == 4 else [None])) for g in found))
