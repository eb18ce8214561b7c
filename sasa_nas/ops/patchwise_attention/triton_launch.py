"""Patchwise attention by Triton: from tensors to the kernels that run on them."""

from collections.abc import Mapping
from typing import Any

import torch
import triton
from torch import Tensor

from sasa_nas.ops.local_attention.triton_plan import next_power_of_two
from sasa_nas.ops.mapping.normed_maps import NormedMaps
from sasa_nas.ops.mapping.triton_launch import map_arguments, norm_coefficients, run_launches
from sasa_nas.ops.patchwise_attention.problem import Found, Gradients, LayerGradients, Problem
from sasa_nas.ops.patchwise_attention.triton_concatenation import concatenation_backward, concatenation_forward
from sasa_nas.ops.patchwise_attention.triton_plan import Plan, chunks_of, padded, weights_plan
from sasa_nas.ops.patchwise_attention.triton_star import star_backward, star_forward
from sasa_nas.ops.patchwise_attention.triton_weights import (
    active_gradient_kernel,
    second_parameters_kernel,
    values_kernel,
    weighted_sums_kernel,
)
from sasa_nas.ops.triton_call import Launch
from sasa_nas.ops.window_sums.sums import map_like
from sasa_nas.ops.window_sums.triton_launch import fold_launch


class WindowWeights:
    """The second layer of a problem with the sums of values, and its launches.

    Args:
        problem: Problem with two layers.
        hidden: Output of the first layer, `(B, O, H, W)`.
        statistics: Mean and biased variance that the second's norm normalises `hidden` with.
    """

    def __init__(self, problem: Problem, hidden: Tensor, statistics: tuple[Tensor, Tensor]) -> None:
        self.problem, self.hidden = problem, hidden
        layer = problem.mapping[1]
        area = problem.kernel_size**2
        bias = layer.weight.new_zeros(layer.weight.shape[0]) if layer.bias is None else layer.bias
        # rows are weight channel by weight channel; kernels take them offset by offset
        matrices, biases = (torch.unflatten(tensor, 0, (-1, area)).transpose(0, 1) for tensor in (layer.weight, bias))
        self._parameters = {
            "norm_ptr": norm_coefficients(layer, *statistics),
            "matrices_ptr": matrices.to(problem.value.dtype).contiguous(),
            "biases_ptr": biases.float().contiguous(),
        }
        self._weights = layer.weight.shape[0] // area

    def forward_launch(self) -> tuple[Launch, Tensor]:
        """Return the launch that computes the attention, and that."""
        out = map_like(self.problem.value)
        return self._launch(weighted_sums_kernel, {"out": out}), out

    def hidden_launch(self, grad_out: Tensor) -> tuple[Launch, Tensor]:
        """Return the launch for the gradient of what the norm yields, and that, float32.

        Args:
            grad_out: The gradient of the attention.
        """
        grad = torch.empty_like(self.hidden, dtype=torch.float32, memory_format=torch.contiguous_format)
        return self._launch(active_gradient_kernel, {"grad_out": grad_out, "hidden_grad": grad}), grad

    def parameters_launch(self, grad_out: Tensor) -> tuple[Launch, Tensor]:
        """Return the launch for the gradients of matrices and biases, and the programs' parts of them.

        Args:
            grad_out: The gradient of the attention.
        """
        area, hidden = self.problem.kernel_size**2, self.hidden.shape[1]
        tiles = triton.cdiv(_pixels(self.hidden), self._plan().pixels)
        chunks, each = chunks_of(tiles, area)
        parts = grad_out.new_empty(chunks, area, self._weights * (hidden + 1), dtype=torch.float32)
        launch = self._launch(
            second_parameters_kernel,
            {"grad_out": grad_out},
            {"parts_ptr": parts, "tiles": each},
            programs=chunks * area,
        )
        return launch, parts

    def values_launches(self, grad_out: Tensor) -> tuple[tuple[Launch, Launch], Tensor]:
        """Return the launches, in order, for the gradient of the values, and that.

        Args:
            grad_out: The gradient of the attention.
        """
        value, margin = self.problem.value, self.problem.kernel_size - 1
        batch, channels, height, width = value.shape
        sums = value.new_empty(batch, channels, height + margin, width + margin, dtype=torch.float32)
        gather = self._launch(values_kernel, {"grad_out": grad_out}, {"value_sums_ptr": sums}, _pixels(sums))
        grad_value = map_like(value)
        return (gather, fold_launch(sums, grad_value, self.problem.kernel_size)), grad_value

    def _groups(self) -> int:
        return self.problem.value.shape[1] // self._weights

    def _plan(self) -> Plan:
        hidden, _ = padded(self.hidden.shape[1], self._weights)
        return weights_plan(hidden, next_power_of_two(self._weights), next_power_of_two(self._groups()))

    def _launch(
        self,
        kernel: Any,
        maps: dict[str, Tensor],
        others: Mapping[str, Tensor | int] | None = None,
        places: int | None = None,
        programs: int | None = None,
    ) -> Launch:
        problem = self.problem
        height, width = problem.value.shape[2:]
        hidden, weights = padded(self.hidden.shape[1], self._weights)
        plan = self._plan()
        count = _pixels(problem.value) if places is None else places
        groups = self._groups()
        known: dict[str, Tensor | int | float] = {
            **{"places": count, "height": height, "width": width, "PIXELS": plan.pixels, "TOGETHER": plan.together},
            **{"KERNEL_SIZE": problem.kernel_size, "BOUNCES": problem.kernel_size // 2 >= min(height, width)},
            **{"HIDDEN": self.hidden.shape[1], "WEIGHTS": self._weights, "GROUPS": groups},
            **{"HIDDEN_PADDED": hidden, "WEIGHTS_PADDED": weights},
            **{"SHARED": next_power_of_two(self._weights), "GROUPS_PADDED": next_power_of_two(groups)},
            **self._parameters,
            **(others or {}),
        }
        for name, tensor in {"hidden": self.hidden, "value": problem.value, **maps}.items():
            known |= map_arguments(name, tensor)
        arguments = {name: known[name] for name in kernel.arg_names}
        options = {"num_warps": plan.warps, "num_stages": 1, "enable_fp_fusion": True}
        return Launch(kernel, triton.cdiv(count, plan.pixels) if programs is None else programs, arguments, options)


def triton_forward(problem: Problem) -> Found:
    """Compute patchwise attention without gradients.

    Args:
        problem: One that `triton_cannot` has nothing against, its maps on one CUDA device in any layout.
    """
    forward = star_forward if problem.kind == "star" else concatenation_forward
    hidden, first = forward(problem)
    statistics = NormedMaps(hidden, problem.mapping[1]).statistics
    launch, out = WindowWeights(problem, hidden, statistics).forward_launch()
    run_launches(out.device, launch)
    found = (first, statistics if problem.mapping[1].mean is None else None)
    like_parameters = (
        None if own is None else (own[0].to(layer.weight.dtype), own[1].to(layer.weight.dtype))
        for own, layer in zip(found, problem.mapping, strict=True)
    )
    return Found(out, hidden, tuple(like_parameters))


def triton_backward(problem: Problem, found: Found, grad_out: Tensor) -> Gradients:
    """Compute the gradients of `triton_forward`, those through the batch's statistics included.

    The same inputs give the same bits: every number is summed in a fixed order.

    Args:
        problem: Problem of the forward pass.
        found: Result of `triton_forward`; its output is not read, nor are its statistics, which may be rounded to the
            parameters' type: they are computed again.
        grad_out: The gradient of the attention, in any layout.
    """
    assert found.hidden is not None
    hidden, device = found.hidden, grad_out.device
    normed = NormedMaps(hidden, problem.mapping[1])
    second = WindowWeights(problem, hidden, normed.statistics)
    hidden_launch, active_grad = second.hidden_launch(grad_out)
    parameters_launch, parts = second.parameters_launch(grad_out)
    values_launches, grad_value = second.values_launches(grad_out)
    run_launches(device, hidden_launch, parameters_launch, *values_launches)
    hidden_grad, sums = normed.gradient(active_grad)
    layer = problem.mapping[1]
    weights = layer.weight.shape[0] // problem.kernel_size**2
    matrices, biases = torch.split(parts.sum(0, dtype=torch.float64).float(), [weights * hidden.shape[1], weights], 1)
    matrix = torch.unflatten(matrices, 1, (weights, -1)).transpose(0, 1).flatten(0, 1)
    bias = None if layer.bias is None else biases.t().flatten()
    backward = star_backward if problem.kind == "star" else concatenation_backward
    grad_query, grad_key, of_first = backward(problem, hidden_grad)
    layers = (of_first, LayerGradients(sums[1], sums[0], matrix, bias))
    like_parameters = (
        _like_parameters(own, layer.weight.dtype) for own, layer in zip(layers, problem.mapping, strict=True)
    )
    return Gradients(grad_query, grad_key, grad_value, tuple(like_parameters))


def _like_parameters(own: LayerGradients, dtype: torch.dtype) -> LayerGradients:
    # results of an operator must not share memory, as pieces of one sum do
    norm_weight, norm_bias, weight = (
        tensor.to(dtype, copy=True).contiguous() for tensor in (own.norm_weight, own.norm_bias, own.weight)
    )
    bias = None if own.bias is None else own.bias.to(dtype, copy=True).contiguous()
    return LayerGradients(norm_weight, norm_bias, weight, bias)


def _pixels(maps: Tensor) -> int:
    return maps.shape[0] * maps.shape[2] * maps.shape[3]
