"""Pairwise attention by Triton: from tensors to the kernels that run on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sasa_nas.ops.mapping.layer import MappingLayer
from sasa_nas.ops.mapping.triton_launch import combined_statistics, norm_coefficients, run_launches
from sasa_nas.ops.pairwise_attention.problem import Gradients, LayerGradients, Outcome, Problem
from sasa_nas.ops.pairwise_attention.triton_calls import (
    Pairs,
    Planner,
    Statistics,
    counts,
    matrix_of,
    parameters,
    programs,
)
from sasa_nas.ops.pairwise_attention.triton_plan import (
    Pass,
    choose_plan,
    has_registers_for_all,
    widths_of,
)
from sasa_nas.ops.triton_call import Launch
from sasa_nas.ops.window_sums.sums import map_like
from sasa_nas.ops.window_sums.triton_launch import fold_launch


def statistics_launch(pairs: Pairs, first_norm: Tensor | None) -> tuple[Launch, Tensor]:
    """Return the launch that finds a norm's statistics, and the parts `(programs, 2, channels)` that it fills.

    Args:
        pairs: Problem and plans of the call.
        first_norm: The first norm's coefficients for the second norm's statistics, None for the first's.
    """
    of_hidden = first_norm is not None
    step: Pass = "hidden_statistics" if of_hidden else "statistics"
    channels = pairs.problem.mapping[0].weight.shape[0 if of_hidden else 1]
    weight = matrix_of(pairs, 0)
    others = {"first_weight_ptr": weight, "first_norm_ptr": weight if first_norm is None else first_norm}
    parts = pairs.problem.query.new_empty(programs(pairs, step), 2, channels, dtype=torch.float32)
    return pairs.launch(step, {}, {**others, "parts_ptr": parts, "OF_HIDDEN": of_hidden}), parts


def forward_launch(pairs: Pairs, norms: Sequence[Tensor]) -> tuple[Launch, Tensor, Tensor]:
    """Return the launch of the attention, and the output and log-sum-exp that it fills.

    Args:
        pairs: Problem and plans of the call.
        norms: The coefficients of the layers' norms.
    """
    batch, _, height, width = pairs.problem.query.shape
    out = map_like(pairs.problem.value)
    weights = pairs.problem.mapping[-1].weight.shape[0]
    lse = pairs.problem.query.new_empty(batch, weights, height, width, dtype=torch.float32)
    others = {**parameters(pairs, norms), "lse_ptr": lse}
    return pairs.launch("forward", {"out": out}, others), out, lse


def triton_forward(problem: Problem, plan: Planner = choose_plan) -> Outcome:
    """Pairwise attention without gradients.

    Args:
        problem: One that `triton_cannot` has nothing against, its maps on one CUDA device in any layout.
        plan: Function that chooses tile sizes and warps of a kernel.
    """
    pairs, device = Pairs(problem, plan), problem.query.device
    statistics: list[tuple[Tensor, Tensor]] = []
    norms: list[Tensor] = []
    for layer in problem.mapping:
        if layer.mean is None or layer.variance is None:
            launch, parts = statistics_launch(pairs, norms[0] if norms else None)
            run_launches(device, launch)
            mean, variance = combined_statistics(parts, counts(pairs, "hidden_statistics" if norms else "statistics"))
            statistics.append((mean.to(layer.weight.dtype), variance.to(layer.weight.dtype)))
        else:
            mean, variance = layer.mean, layer.variance
            statistics.append((mean, variance))
        norms.append(norm_coefficients(layer, mean, variance))
    launch, out, lse = forward_launch(pairs, norms)
    run_launches(device, launch)
    return Outcome(out, lse, tuple(statistics))


@dataclass(frozen=True)
class Backward:
    """Arguments that the kernels of the backward pass share.

    Attributes:
        pairs: Problem and plans of the call.
        statistics: Statistics that `triton_forward` returned.
        lse: `(B, weight channels, H, W)` float32, contiguous.
        delta: The sum over a weight channel's channels of the output times its gradient, in memory as `lse`.
        grad_out: The gradient of the output, in any layout.
    """

    pairs: Pairs
    statistics: Statistics
    lse: Tensor
    delta: Tensor
    grad_out: Tensor

    def launch(
        self, step: Pass, norms: Sequence[Tensor], others: Mapping[str, Tensor | int], places: int | None = None
    ) -> Launch:
        """Return the launch of one of the kernels that go through the mapping."""
        saved = {**parameters(self.pairs, norms), "lse_ptr": self.lse, "delta_ptr": self.delta, **others}
        return self.pairs.launch(step, {"grad_out": self.grad_out}, saved, places)

    def norms(self, sums: Sequence[Tensor | None]) -> list[Tensor]:
        """Return the coefficients of the norms, where the sums for the gradient of their input are known."""
        return [
            norm_coefficients(layer, *found, known if layer.mean is None else None, self.pairs.problem.pairs)
            for layer, found, known in zip(self.pairs.problem.mapping, self.statistics, sums, strict=True)
        ]

    def second_layer_launch(self) -> tuple[Launch, Tensor]:
        """Return the launch for the second layer's gradients, and the programs' parts of them, one behind another."""
        weights, hidden = self.pairs.problem.mapping[1].weight.shape
        count = weights * hidden + weights + 2 * hidden
        parts = self.delta.new_empty(programs(self.pairs, "second_layer"), count)
        return self.launch("second_layer", self.norms([None, None]), {"parts_ptr": parts}), parts

    def first_layer_launches(self, norms: Sequence[Tensor]) -> tuple[list[Launch], Tensor, Tensor]:
        """Return the launches for gradients of the first layer, their parts, and the queries' but the statistics'."""
        hidden, channels = self.pairs.problem.mapping[0].weight.shape
        biases = hidden if len(self.pairs.problem.mapping) == 1 else 0
        parts = self.delta.new_empty(programs(self.pairs, "first_layer"), hidden * channels + biases + 2 * channels)
        batch, of_query, height, width = self.pairs.problem.query.shape
        sums = self.delta.new_empty(batch, height, width, of_query)
        others = {"parts_ptr": parts, "query_sums_ptr": sums}
        whole = {"MATRICES": True, "INPUTS": True}
        halves = [whole | {"MATRICES": False}, whole | {"INPUTS": False}]
        flags = [whole] if has_registers_for_all(widths_of(self.pairs.problem)) else halves
        return [self.launch("first_layer", norms, {**others, **each}) for each in flags], parts, sums

    def query_launch(self, norms: Sequence[Tensor], sums: Tensor) -> tuple[Launch, Tensor]:
        """Return the launch for the queries' whole gradients, and what it fills."""
        pairs = self.pairs
        grad_query = map_like(pairs.problem.query)
        others = {"first_norm_ptr": norms[0], "query_sums_ptr": sums}
        constants = {"BATCH_STATISTICS": pairs.problem.mapping[0].mean is None}
        return pairs.launch("query_statistics", {"grad_query": grad_query}, {**others, **constants}), grad_query

    def key_launches(self, norms: Sequence[Tensor]) -> tuple[tuple[Launch, ...], Tensor, Tensor]:
        """Return the launches, in order, for the gradients of keys and values, and these."""
        pairs = self.pairs
        margin = pairs.problem.kernel_size - 1
        batch, _, height, width = pairs.problem.query.shape
        padded = (height + margin, width + margin)
        key_sums, value_sums = (
            self.delta.new_empty(batch, maps.shape[1], *padded) for maps in (pairs.problem.key, pairs.problem.value)
        )
        others = {"key_sums_ptr": key_sums, "value_sums_ptr": value_sums}
        places = batch * padded[0] * padded[1]
        at_once = has_registers_for_all(widths_of(pairs.problem))
        gathers = [self.launch("key", norms, {**others, "KEYS": True, "VALUES": at_once}, places)]
        if not at_once:
            gathers.append(self.launch("value", norms, {**others, "KEYS": False, "VALUES": True}, places))
        grad_key, grad_value = map_like(pairs.problem.key), map_like(pairs.problem.value)
        folds = (
            fold_launch(key_sums, grad_key, pairs.problem.kernel_size),
            fold_launch(value_sums, grad_value, pairs.problem.kernel_size),
        )
        return (*gathers, *folds), grad_key, grad_value


def triton_backward(problem: Problem, grad_out: Tensor, outcome: Outcome, plan: Planner = choose_plan) -> Gradients:
    """Return the gradients of `triton_forward`, those through the batch's statistics included.

    The same inputs give the same bits: every number is summed in a fixed order.

    Args:
        problem: Problem of the forward pass.
        grad_out: The gradient of the attention, in any layout.
        outcome: Outcome of `triton_forward`.
        plan: Function that chooses tile sizes and warps of a kernel.
    """
    pairs, device, weights = Pairs(problem, plan), problem.query.device, problem.weight_channels
    products = torch.unflatten(grad_out.float() * outcome.out.float(), 1, (-1, weights))
    delta = products.sum(1)
    run = Backward(pairs, outcome.statistics, outcome.lse, delta.contiguous(), grad_out)
    layers = problem.mapping
    found: list[LayerGradients] = []
    sums: list[Tensor | None] = [None for _ in layers]
    if len(layers) == 2:
        launch, parts = run.second_layer_launch()
        run_launches(device, launch)
        hidden = layers[1].weight.shape[1]
        matrix, bias, of_norm = _split(parts, (weights, hidden), (weights,), (2, hidden))
        found.append(_layer_gradients(layers[1], matrix, bias, of_norm))
        sums[1] = of_norm
    launches, parts, query_sums = run.first_layer_launches(run.norms(sums))
    run_launches(device, *launches)
    hidden, channels = layers[0].weight.shape
    matrix, bias, of_norm = _split(parts, (hidden, channels), (hidden if len(layers) == 1 else 0,), (2, channels))
    found.insert(0, _layer_gradients(layers[0], matrix, bias, of_norm))
    sums[0] = of_norm
    norms = run.norms(sums)
    query_launch, grad_query = run.query_launch(norms, query_sums)
    key_launches, grad_key, grad_value = run.key_launches(norms)
    run_launches(device, query_launch, *key_launches)
    return Gradients(grad_query, grad_key, grad_value, tuple(found))


def _split(parts: Tensor, *shapes: tuple[int, ...]) -> list[Tensor]:
    """Return the sums of the programs' parts, as tensors of these shapes one behind another."""
    sizes = [torch.Size(shape).numel() for shape in shapes]
    total = parts.sum(0, dtype=torch.float64).float()
    return [piece.view(shape) for piece, shape in zip(torch.split(total, sizes), shapes, strict=True)]


def _layer_gradients(layer: MappingLayer, matrix: Tensor, bias: Tensor, sums: Tensor) -> LayerGradients:
    # results of an operator must not share memory, as pieces of one sum do
    norm_weight, norm_bias, weight, own_bias = (
        tensor.to(layer.weight.dtype, copy=True).contiguous() for tensor in (sums[1], sums[0], matrix, bias)
    )
    return LayerGradients(norm_weight, norm_bias, weight, None if layer.bias is None else own_bias)
