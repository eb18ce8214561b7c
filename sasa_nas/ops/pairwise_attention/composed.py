"""Pairwise attention composed of operators: the relation, torch's batch norm and convolution, the aggregation."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sasa_nas.ops.aggregation import aggregate
from sasa_nas.ops.aggregation.library import aggregate_backward_operator
from sasa_nas.ops.mapping.layer import BatchStatistics, MappingLayer
from sasa_nas.ops.mapping.naive import apply_mapping
from sasa_nas.ops.pairwise_attention.problem import Gradients, LayerGradients, Outcome, Problem
from sasa_nas.ops.relation import pairwise_relation
from sasa_nas.ops.relation.library import window_relation_backward_operator
from sasa_nas.ops.window_sums.forms import Backend
from sasa_nas.ops.window_sums.sums import map_like


def composed_attention(problem: Problem, backend: Backend) -> tuple[Tensor, tuple[BatchStatistics, ...]]:
    """Compute the attention and the statistics of norms that used the batch's, with gradients.

    Args:
        problem: Problem to compute.
        backend: Backend of relation and aggregation.
    """
    size = problem.kernel_size
    logits, statistics = apply_mapping(_related(problem, backend).flatten(3), problem.mapping)
    weights = logits.softmax(2).view(*logits.shape[:3], *problem.query.shape[2:])
    return aggregate(weights, problem.value, kernel_size=size, backend=backend), statistics


def composed_forward(problem: Problem) -> Outcome:
    """Compute the attention, its log-sum-exp and its statistics without gradients."""
    logits, found = apply_mapping(_related(problem).flatten(3), problem.mapping)
    weights = logits.softmax(2).view(*logits.shape[:3], *problem.query.shape[2:])
    own = iter(found)
    statistics = []
    for layer in problem.mapping:
        if layer.mean is None or layer.variance is None:
            batch = next(own)
            statistics.append((batch.mean, batch.variance))
        else:
            statistics.append((layer.mean, layer.variance))
    out = map_like(problem.value).copy_(aggregate(weights, problem.value, kernel_size=problem.kernel_size))
    lse = logits.logsumexp(2).view(*logits.shape[:2], *problem.query.shape[2:])
    lse = lse.to(torch.promote_types(lse.dtype, torch.float32))
    return Outcome(out, lse.contiguous(), tuple(statistics))


def composed_backward(problem: Problem, grad_out: Tensor, statistics: Sequence[tuple[Tensor, Tensor]]) -> Gradients:
    """Compute the gradients of `composed_forward`, step by step: there is no autograd within an operator.

    Args:
        problem: Problem of the forward pass.
        grad_out: The gradient of the attention.
        statistics: Statistics of the forward pass's outcome.
    """
    related = _related(problem).flatten(3)
    steps: list[_Step] = []
    for layer, (mean, variance) in zip(problem.mapping, statistics, strict=True):
        step = _Step.of(layer, related, mean, variance)
        related = step.output(layer)
        steps.append(step)
    weights = related.softmax(2)
    shaped = weights.view(*weights.shape[:3], *problem.query.shape[2:])
    grad_shaped, grad_value = aggregate_backward_operator(grad_out, shaped, problem.value, problem.kernel_size, "auto")
    grad_weights = grad_shaped.flatten(3)
    gradient = weights * (grad_weights - (weights * grad_weights).sum(2, keepdim=True))
    found: list[LayerGradients] = []
    for layer, step in zip(reversed(problem.mapping), reversed(steps), strict=True):
        gradient, of_layer = step.backward(layer, gradient)
        found.insert(0, of_layer)
    grad_query, grad_key = _relation_backward(problem, gradient.view(*gradient.shape[:3], *problem.query.shape[2:]))
    return Gradients(grad_query, grad_key, map_like(problem.value).copy_(grad_value), tuple(found))


@dataclass(frozen=True)
class _Step:
    """One layer of the mapping on its way back: normalised inputs, what the ReLU leaves, and the inverse deviation."""

    normalised: Tensor
    active: Tensor
    inverse: Tensor

    @classmethod
    def of(cls, layer: MappingLayer, related: Tensor, mean: Tensor, variance: Tensor) -> "_Step":
        """Return the state of a layer whose norm uses these statistics."""
        inverse = _channels((variance + layer.eps).rsqrt())
        normalised = (related - _channels(mean)) * inverse
        active = (normalised * _channels(layer.norm_weight) + _channels(layer.norm_bias)).relu()
        return cls(normalised, active.to(related.dtype), inverse)

    def output(self, layer: MappingLayer) -> Tensor:
        """Apply the layer's convolution."""
        dtype = self.active.dtype
        bias = None if layer.bias is None else layer.bias.to(dtype)
        return torch.nn.functional.conv2d(self.active, layer.weight[:, :, None, None].to(dtype), bias)

    def backward(self, layer: MappingLayer, grad_output: Tensor) -> tuple[Tensor, LayerGradients]:
        """Return the gradients of the layer's input and of its parameters."""
        grad_weight = torch.einsum("boph,bcph->oc", grad_output, self.active).to(layer.weight.dtype)
        grad_active = torch.einsum("oc,boph->bcph", layer.weight.to(grad_output.dtype), grad_output)
        gradient = grad_active * (self.active > 0)
        grad_shift = gradient.sum((0, 2, 3))
        grad_scale = (gradient * self.normalised).sum((0, 2, 3))
        if layer.mean is None:
            count = gradient.numel() // gradient.shape[1]
            gradient = gradient - _channels(grad_shift / count) - self.normalised * _channels(grad_scale / count)
        grad_input = (gradient * (_channels(layer.norm_weight) * self.inverse)).to(grad_output.dtype)
        grad_bias = None if layer.bias is None else grad_output.sum((0, 2, 3)).to(layer.bias.dtype)
        of_norm = (grad_scale.to(layer.norm_weight.dtype), grad_shift.to(layer.norm_bias.dtype))
        return grad_input, LayerGradients(*of_norm, grad_weight, grad_bias)


def _channels(numbers: Tensor) -> Tensor:
    """Numbers of channels, `(C,)`, beside tensors `(B, C, h, w)`."""
    return numbers[:, None, None]


def _related(problem: Problem, backend: Backend = "auto") -> Tensor:
    query, key, positions = problem.query, problem.key, problem.positions
    return pairwise_relation(
        query, key, kernel_size=problem.kernel_size, kind=problem.kind, positions=positions, backend=backend
    )


def _relation_backward(problem: Problem, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of query and key from that of the relation."""
    query, key, size, positions = problem.query, problem.key, problem.kernel_size, problem.positions
    grad_query, grad_key = map_like(query), map_like(key)
    compared = slice(0, query.shape[1] - positions)
    related = slice(0, gradient.shape[1] - positions)
    parts: list[tuple[slice, slice, str]] = [(compared, related, problem.kind)]
    if positions:
        parts.append((slice(compared.stop, None), slice(related.stop, None), "subtraction"))
    for channels, of_relation, kind in parts:
        grad_query[:, channels], grad_key[:, channels] = window_relation_backward_operator(
            gradient[:, of_relation], query[:, channels], key[:, channels], size, kind, "auto"
        )
    return grad_query, grad_key
