"""The launches of pairwise attention's Triton kernels: from a problem to the arguments that they are called with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import triton
from torch import Tensor

from sasa_nas.ops.mapping.triton_launch import map_arguments
from sasa_nas.ops.pairwise_attention.problem import Problem
from sasa_nas.ops.pairwise_attention.triton_forward import forward_kernel, statistics_kernel
from sasa_nas.ops.pairwise_attention.triton_key import key_kernel
from sasa_nas.ops.pairwise_attention.triton_plan import (
    Pass,
    Plan,
    Widths,
    choose_plan,
    widths_of,
)
from sasa_nas.ops.pairwise_attention.triton_query import first_layer_kernel, query_statistics_kernel
from sasa_nas.ops.pairwise_attention.triton_second import second_layer_kernel
from sasa_nas.ops.relation.naive import PairwiseKind
from sasa_nas.ops.triton_call import Launch

KINDS: dict[PairwiseKind, int] = {"sum": 0, "subtraction": 1, "hadamard": 2, "concatenation": 3, "dot": 4}
"""The constants of triton_pairs.py."""

_KERNELS = {
    "statistics": statistics_kernel,
    "hidden_statistics": statistics_kernel,
    "forward": forward_kernel,
    "second_layer": second_layer_kernel,
    "first_layer": first_layer_kernel,
    "query_statistics": query_statistics_kernel,
    "key": key_kernel,
    "value": key_kernel,
}

Planner = Callable[[Pass, Widths], Plan]
"""Chooses the plan of a kernel, as `choose_plan` does."""

Statistics = tuple[tuple[Tensor, Tensor], ...]
"""Mean and biased variance that each layer's norm uses."""


@dataclass(frozen=True)
class Pairs:
    """A problem for the kernels.

    Attributes:
        problem: Problem to compute.
        plan: Function that chooses tile sizes and warps of a kernel.
    """

    problem: Problem
    plan: Planner = choose_plan

    def launch(
        self,
        step: Pass,
        maps: Mapping[str, Tensor],
        others: Mapping[str, Tensor | int],
        places: int | None = None,
    ) -> Launch:
        """Return the launch of a kernel for `places` pixels, those of the maps if not said.

        Args:
            step: Pass whose kernel is launched.
            maps: Maps that it reads and writes with strides, beside query, key and value, by name.
            others: Other arguments of the kernel by name.
            places: Number of pixels or places that its programs share; None for the pixels of the maps.
        """
        batch, _, height, width = self.problem.query.shape
        widths, constants = widths_of(self.problem), self.constants()
        plan = self.plan(step, widths)
        count = batch * height * width if places is None else places
        known: dict[str, Tensor | int | float] = {
            **{
                "places": count,
                "height": height,
                "width": width,
                "norm_step": 0,
                "PIXELS": plan.pixels,
                "TOGETHER": plan.together,
            },
            **{"NEAR_PADDED": widths.near, "EXTRAS_PADDED": widths.extras, "HIDDEN_PADDED": widths.hidden},
            **{"WEIGHTS_PADDED": widths.weights, "GROUPS_PADDED": widths.groups, "SHARED": widths.shared},
            **constants,
            **others,
        }
        problem = self.problem
        for name, tensor in {"query": problem.query, "key": problem.key, "value": problem.value, **maps}.items():
            known |= map_arguments(name, tensor)
        kernel = _KERNELS[step]
        arguments = {name: known[name] for name in kernel.arg_names}
        options: dict[str, int | bool] = {"num_warps": plan.warps, "num_stages": 1, "enable_fp_fusion": True}
        return Launch(kernel, triton.cdiv(count, plan.pixels), arguments, options)

    def constants(self) -> dict[str, int]:
        """Return what the kernels are compiled for, but for the padding."""
        related = self.problem.query.shape[1] - self.problem.positions
        in_tile = {"concatenation": 2 * related, "dot": 0}.get(self.problem.kind, related)
        channels = self.problem.mapping[0].weight.shape[1]
        weights = self.problem.mapping[-1].weight.shape[0]
        return {
            "KIND": KINDS[self.problem.kind],
            "LAYERS": len(self.problem.mapping),
            "KERNEL_SIZE": self.problem.kernel_size,
            "BOUNCES": self.problem.kernel_size // 2 >= min(self.problem.query.shape[2:]),
            "RELATED": related,
            "POSITIONS": self.problem.positions,
            "IN_TILE": in_tile,
            "EXTRAS": channels - in_tile,
            "CHANNELS": channels,
            "HIDDEN": self.problem.mapping[0].weight.shape[0],
            "WEIGHTS": weights,
            "GROUPS": self.problem.value.shape[1] // weights,
        }


def programs(pairs: Pairs, step: Pass) -> int:
    """Return the number of programs of a kernel that share the pixels."""
    return len(counts(pairs, step))


def counts(pairs: Pairs, step: Pass) -> Tensor:
    """Return the number of pairs of each program of a kernel, float64."""
    pixels = pairs.plan(step, widths_of(pairs.problem)).pixels
    places = pairs.problem.pairs // pairs.problem.kernel_size**2
    first = torch.arange(0, places, pixels, device=pairs.problem.query.device, dtype=torch.float64)
    return (places - first).clamp(max=pixels) * pairs.problem.kernel_size**2


def matrix_of(pairs: Pairs, layer: int) -> Tensor:
    """Return the matrix of a layer, of the maps' type and contiguous."""
    return pairs.problem.mapping[layer].weight.to(pairs.problem.query.dtype).contiguous()


def parameters(pairs: Pairs, norms: Sequence[Tensor]) -> dict[str, Tensor]:
    """Return the mapping's parameters by the kernels' names; where there is no second layer, it is never read."""
    last = pairs.problem.mapping[-1]
    bias = last.weight.new_zeros(last.weight.shape[0]) if last.bias is None else last.bias
    return {
        "first_norm_ptr": norms[0],
        "first_weight_ptr": matrix_of(pairs, 0),
        "second_norm_ptr": norms[-1],
        "second_weight_ptr": matrix_of(pairs, -1),
        "bias_ptr": bias.float().contiguous(),
    }
