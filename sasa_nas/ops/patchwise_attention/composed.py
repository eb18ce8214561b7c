"""Patchwise attention of its parts, one after the other: relation, mapping and aggregation."""

import torch
from torch import Tensor

from sasa_nas.ops.aggregation import aggregate
from sasa_nas.ops.aggregation.library import aggregate_backward_operator
from sasa_nas.ops.mapping.backward import mapping_backward
from sasa_nas.ops.mapping.layer import BatchStatistics
from sasa_nas.ops.mapping.naive import apply_mapping
from sasa_nas.ops.patchwise_attention.problem import Found, Gradients, LayerGradients, Problem
from sasa_nas.ops.relation import patchwise_relation
from sasa_nas.ops.relation.library import window_relation_backward_operator, window_relation_operator
from sasa_nas.ops.window_sums.forms import Backend
from sasa_nas.ops.window_sums.sums import map_like


def composed_attention(problem: Problem, backend: Backend) -> tuple[Tensor, tuple[BatchStatistics, ...]]:
    """Compute relation, mapping and aggregation; autograd keeps what they yield.

    Args:
        problem: Problem with any number of layers and biases.
        backend: Backend of relation and aggregation.

    Returns:
        See `naive.patchwise_attention`.
    """
    size = problem.kernel_size
    related = patchwise_relation(problem.query, problem.key, kernel_size=size, kind=problem.kind, backend=backend)
    weights, statistics = apply_mapping(related, problem.mapping)
    batch, channels, height, width = weights.shape
    split = weights.view(batch, channels // size**2, size**2, height, width)
    return aggregate(split, problem.value, kernel_size=size, backend=backend), statistics


def composed_forward(problem: Problem) -> Found:
    """Compute the attention without gradients, as an operator of torch's library.

    Args:
        problem: Problem with one or two layers.
    """
    with torch.no_grad():
        out, found = composed_attention(problem, "auto")
    own = ((statistics.mean, statistics.variance) for statistics in found)
    statistics = tuple(next(own) if layer.mean is None else None for layer in problem.mapping)
    first = problem.mapping[0].weight
    # nothing of it is kept: the way back computes all of it again
    hidden = out.new_zeros(out.shape[0], first.shape[0], *out.shape[2:]) if problem.two else None
    return Found(map_like(problem.value).copy_(out), hidden, statistics)


def composed_backward(problem: Problem, found: Found, grad_out: Tensor) -> Gradients:
    """Compute the gradients, by going forward again.

    Args:
        problem: Problem of the forward pass.
        found: Result of `composed_forward`, of which the statistics are read.
        grad_out: The gradient of the attention.
    """
    size, value = problem.kernel_size, problem.value
    related = patchwise_relation(problem.query, problem.key, kernel_size=size, kind=problem.kind)
    weights, _ = apply_mapping(related, problem.mapping)
    batch, channels, height, width = weights.shape
    split = weights.view(batch, channels // size**2, size**2, height, width)
    grad_split, grad_value = aggregate_backward_operator(grad_out, split, value, size, "auto")
    grad_weights = grad_split.reshape(weights.shape)
    grad_related, layers = mapping_backward(related, problem.mapping, found.statistics, grad_weights)
    grad_query, grad_key = _relation_backward(problem, grad_related)
    maps = ((grad_query, problem.query), (grad_key, problem.key), (grad_value, value))
    query, key, value = (map_like(tensor).copy_(gradient) for gradient, tensor in maps)
    return Gradients(query, key, value, tuple(LayerGradients(*gradients) for gradients in layers))


def _relation_backward(problem: Problem, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of query and key from that of the relation."""
    query, key, size = problem.query, problem.key, problem.kernel_size
    if problem.kind != "clique":
        kind, shaped = ("patch", gradient) if problem.kind == "concatenation" else ("dot", gradient.unsqueeze(1))
        grad_query, grad_key = window_relation_backward_operator(shaped, query, key, size, kind, "auto")
        return grad_query, grad_key
    phi, psi = (window_relation_operator(maps, maps, size, "window", "auto") for maps in (query, key))
    pairs = torch.unflatten(gradient, 1, (size**2, size**2))
    of_windows = (torch.einsum("bjkhw,bckhw->bcjhw", pairs, psi), torch.einsum("bjkhw,bcjhw->bckhw", pairs, phi))
    _, grad_query = window_relation_backward_operator(of_windows[0], query, query, size, "window", "auto")
    _, grad_key = window_relation_backward_operator(of_windows[1], key, key, size, "window", "auto")
    return grad_query, grad_key
