"""The first layer of patchwise attention's mapping by Triton, where a window is described by concatenation."""

from collections.abc import Mapping
from typing import Any

import torch
import triton
from torch import Tensor

from sasa_nas.ops.mapping.layer import MappingLayer
from sasa_nas.ops.mapping.normed_maps import NormedMaps
from sasa_nas.ops.mapping.triton_launch import map_arguments, norm_coefficients, run_launches
from sasa_nas.ops.patchwise_attention.places import channel_by_channel, place_by_place, window_statistics
from sasa_nas.ops.patchwise_attention.problem import LayerGradients, Problem
from sasa_nas.ops.patchwise_attention.triton_first import first_parameters_kernel, hidden_kernel, keys_kernel
from sasa_nas.ops.patchwise_attention.triton_plan import chunks_of, first_plan, padded
from sasa_nas.ops.triton_call import Launch
from sasa_nas.ops.window_sums.sums import map_like
from sasa_nas.ops.window_sums.triton_launch import fold_launch


class Concatenation:
    """The first layer of a problem, and its launches.

    Args:
        problem: Problem of kind `concatenation`.

    Attributes:
        statistics: Mean and biased variance of its norm's inputs, `(C,)` float32.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        layer = problem.mapping[0]
        self.statistics = (
            _statistics(problem)
            if layer.mean is None or layer.variance is None
            else (
                layer.mean.float(),
                layer.variance.float(),
            )
        )
        self._matrices = place_by_place(layer.weight.to(problem.value.dtype), problem.query.shape[1])

    def hidden_launch(self) -> tuple[Launch, Tensor]:
        """Return the launch that computes what the layer yields, and that."""
        value = self.problem.value
        hidden = value.new_empty(value.shape[0], self.problem.mapping[0].weight.shape[0], *value.shape[2:])
        return self._launch(hidden_kernel, {"hidden": hidden}, {"norms_ptr": self._norms(None)}), hidden

    def parameters_launch(self, grad: Tensor) -> tuple[Launch, Tensor]:
        """Return the launch for the gradients of the parameters, and the programs' parts of them, place by place.

        Args:
            grad: The gradient of what the layer yields, `(B, O, H, W)`.
        """
        hidden, channels = self.problem.mapping[0].weight.shape[0], self.problem.query.shape[1]
        places = 1 + self.problem.kernel_size**2
        tiles = triton.cdiv(_pixels(grad), first_plan(*self._widths()).pixels)
        chunks, each = chunks_of(tiles, places)
        parts = grad.new_empty(chunks, places, hidden * channels + 2 * channels, dtype=torch.float32)
        others: dict[str, Tensor | int] = {"norms_ptr": self._norms(None), "parts_ptr": parts, "tiles": each}
        launch = self._launch(first_parameters_kernel, {"hidden_grad": grad}, others, programs=chunks * places)
        return launch, parts

    def keys_launches(self, grad: Tensor, sums: Tensor) -> tuple[tuple[Launch, Launch], Tensor]:
        """Return the launches, in order, for the gradient of the keys, and that.

        Args:
            grad: Gradient, as for `parameters_launch`.
            sums: `(2, C)`, those that the gradients of the norm's inputs take; see `norm_coefficients`.
        """
        key, margin = self.problem.key, self.problem.kernel_size - 1
        batch, channels, height, width = key.shape
        key_sums = key.new_empty(batch, channels, height + margin, width + margin, dtype=torch.float32)
        others = {"norms_ptr": self._norms(sums), "key_sums_ptr": key_sums}
        gather = self._launch(keys_kernel, {"hidden_grad": grad}, others, _pixels(key_sums))
        grad_key = map_like(key)
        return (gather, fold_launch(key_sums, grad_key, self.problem.kernel_size)), grad_key

    def _norms(self, sums: Tensor | None) -> Tensor:
        """Return the coefficients of the norms, place by place."""
        layer = self.problem.mapping[0]
        known = sums if layer.mean is None else None
        coefficients = norm_coefficients(layer, *self.statistics, known, _pixels(self.problem.query))
        return place_by_place(coefficients, self.problem.query.shape[1])

    def _widths(self) -> tuple[int, ...]:
        return padded(self.problem.query.shape[1], self.problem.mapping[0].weight.shape[0])

    def _launch(
        self,
        kernel: Any,
        maps: dict[str, Tensor],
        others: Mapping[str, Tensor | int],
        places: int | None = None,
        programs: int | None = None,
    ) -> Launch:
        problem = self.problem
        height, width = problem.query.shape[2:]
        channels, hidden = self._widths()
        plan = first_plan(channels, hidden)
        count = _pixels(problem.query) if places is None else places
        known: dict[str, Tensor | int | float] = {
            **{"places": count, "height": height, "width": width, "PIXELS": plan.pixels},
            **{"KERNEL_SIZE": problem.kernel_size, "BOUNCES": problem.kernel_size // 2 >= min(height, width)},
            **{"CHANNELS": problem.query.shape[1], "HIDDEN": problem.mapping[0].weight.shape[0]},
            **{"CHANNELS_PADDED": channels, "HIDDEN_PADDED": hidden, "matrices_ptr": self._matrices},
            **others,
        }
        for name, tensor in {"query": problem.query, "key": problem.key, **maps}.items():
            known |= map_arguments(name, tensor)
        arguments = {name: known[name] for name in kernel.arg_names}
        options = {"num_warps": plan.warps, "num_stages": 1, "enable_fp_fusion": True}
        return Launch(kernel, triton.cdiv(count, plan.pixels) if programs is None else programs, arguments, options)


def concatenation_forward(problem: Problem) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
    """Compute what the first layer yields.

    Args:
        problem: Problem of kind `concatenation`.

    Returns:
        `(B, O, H, W)` of the maps' type, contiguous, and the batch's mean and biased variance where they were taken.
    """
    first = Concatenation(problem)
    launch, hidden = first.hidden_launch()
    run_launches(hidden.device, launch)
    return hidden, first.statistics if problem.mapping[0].mean is None else None


def concatenation_backward(problem: Problem, grad: Tensor) -> tuple[Tensor, Tensor, LayerGradients]:
    """Compute the gradients of queries, keys and the layer.

    Args:
        problem: Problem of the forward pass.
        grad: The gradient of what `concatenation_forward` returned, `(B, O, H, W)`.
    """
    first = Concatenation(problem)
    hidden, channels = problem.mapping[0].weight.shape[0], problem.query.shape[1]
    launch, parts = first.parameters_launch(grad)
    run_launches(grad.device, launch)
    total = parts.sum(0, dtype=torch.float64).float()
    matrices, sums = torch.split(total, [hidden * channels, 2 * channels], 1)
    matrix = channel_by_channel(torch.unflatten(matrices, 1, (hidden, channels)))
    sums = channel_by_channel(torch.unflatten(sums, 1, (2, channels)))
    launches, grad_key = first.keys_launches(grad, sums)
    run_launches(grad.device, *launches)
    grad_query = map_like(problem.query).copy_(_query_gradient(problem, grad))
    return grad_query, grad_key, LayerGradients(sums[1], sums[0], matrix, None)


def _statistics(problem: Problem) -> tuple[Tensor, Tensor]:
    query = torch.var_mean(problem.query.float(), (0, 2, 3), correction=0)
    mean, variance = window_statistics(problem.key, problem.kernel_size)
    return torch.cat([query[1], mean.flatten().float()]), torch.cat([query[0], variance.flatten().float()])


def _query_gradient(problem: Problem, grad: Tensor) -> Tensor:
    """Return the gradient of the queries, which are channels of the description as they are."""
    channels, layer, dtype = problem.query.shape[1], problem.mapping[0], problem.value.dtype
    mean, variance = (None if tensor is None else tensor[:channels] for tensor in (layer.mean, layer.variance))
    scale, shift = layer.norm_weight[:channels], layer.norm_bias[:channels]
    own = MappingLayer(scale, shift, mean, variance, layer.weight, None, layer.eps)
    through = torch.einsum("bohw,oc->bchw", grad.to(dtype), layer.weight[:, :channels].to(dtype))
    return NormedMaps(problem.query, own).gradient(through.float())[0]


def _pixels(maps: Tensor) -> int:
    return maps.shape[0] * maps.shape[2] * maps.shape[3]
