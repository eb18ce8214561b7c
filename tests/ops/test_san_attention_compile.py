"""The kernels of SAN's attention compile for sm_90 without a GPU, within a budget of registers, without spilling."""

import itertools
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from kernel_compiler import MAX_STACK, TYPES, compile_launch
from torch import Tensor

from sasa_nas.ops import MappingLayer
from sasa_nas.ops.pairwise_attention.problem import Problem as PairwiseProblem
from sasa_nas.ops.pairwise_attention.triton_calls import Pairs
from sasa_nas.ops.pairwise_attention.triton_launch import Backward, forward_launch, statistics_launch
from sasa_nas.ops.patchwise_attention.problem import Problem as PatchwiseProblem
from sasa_nas.ops.patchwise_attention.triton_concatenation import Concatenation
from sasa_nas.ops.patchwise_attention.triton_launch import WindowWeights
from sasa_nas.ops.triton_call import Launch

pytestmark = pytest.mark.slow

POSITIONS = 2
GROUPS = 8


@dataclass(frozen=True)
class Stage:
    """A stage of SAN for images of 224 pixels: keys are a quarter of the values, and half of them are weights."""

    size: int
    keys: int
    kernel_size: int = 7

    @property
    def weights(self) -> int:
        """Weight channels."""
        return self.keys // 2


STAGES = [Stage(112, 4, 3), Stage(28, 8), Stage(56, 16), Stage(28, 32), Stage(14, 64)]


def empty(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


def maps(stage: Stage, channels: int, dtype: torch.dtype) -> Tensor:
    """Channels last in memory, as the kernels want them."""
    return empty(16, stage.size, stage.size, channels, dtype=dtype).permute(0, 3, 1, 2)


def layers(widths: list[int]) -> tuple[MappingLayer, ...]:
    pairs = itertools.pairwise(widths)
    return tuple(
        MappingLayer(empty(before), empty(before), None, None, empty(after, before), None, 1e-5)
        for before, after in pairs
    )


def pairwise_launches(stage: Stage, dtype: torch.dtype) -> list[Launch]:
    query, value = maps(stage, stage.keys + POSITIONS, dtype), maps(stage, stage.weights * GROUPS, dtype)
    widths = [stage.keys + POSITIONS, stage.keys, stage.weights]
    problem = PairwiseProblem(query, query, value, layers(widths), stage.kernel_size, "subtraction", POSITIONS)
    pairs = Pairs(problem)
    norms = [empty(6, width) for width in widths[:2]]
    saved = empty(16, stage.weights, stage.size, stage.size)
    statistics = tuple((empty(width), empty(width)) for width in widths[:2])
    backward = Backward(pairs, statistics, saved, saved, value)
    first, _, sums = backward.first_layer_launches(norms)
    return [
        statistics_launch(pairs, None)[0],
        statistics_launch(pairs, norms[0])[0],
        forward_launch(pairs, norms)[0],
        backward.second_layer_launch()[0],
        *first,
        backward.query_launch(norms, sums)[0],
        *backward.key_launches(norms)[0],
    ]


def patchwise_launches(stage: Stage, dtype: torch.dtype) -> list[Launch]:
    query, value = maps(stage, stage.keys, dtype), maps(stage, stage.weights * GROUPS, dtype)
    area = stage.kernel_size**2
    widths = [stage.keys * (1 + area), stage.weights, stage.weights * area]
    # statistics of the batch are torch's business
    given = [
        MappingLayer(own.norm_weight, own.norm_bias, own.norm_bias, own.norm_bias, own.weight, None, own.eps)
        for own in layers(widths)
    ]
    problem = PatchwiseProblem(query, query, value, tuple(given), stage.kernel_size, "concatenation")
    first = Concatenation(problem)
    hidden_launch, hidden = first.hidden_launch()
    second = WindowWeights(problem, hidden, (given[1].norm_bias, given[1].norm_bias))
    return [
        hidden_launch,
        first.parameters_launch(hidden.float())[0],
        *first.keys_launches(hidden.float(), empty(2, widths[0]))[0],
        second.forward_launch()[0],
        second.hidden_launch(value)[0],
        second.parameters_launch(value)[0],
        *second.values_launches(value)[0],
    ]


@pytest.mark.parametrize(
    ("stage", "dtype"),
    [*((stage, torch.bfloat16) for stage in STAGES), *((stage, torch.float32) for stage in STAGES[1::3])],
    ids=lambda value: TYPES.get(value, str(value)),
)
@pytest.mark.parametrize("launches", [pairwise_launches, patchwise_launches])
def test_within_budget(launches, stage: Stage, dtype: torch.dtype, tmp_path: Path) -> None:
    for launch in launches(stage, dtype):
        kernel = compile_launch(launch, tmp_path)
        assert "tf32" not in kernel.ptx
        assert re.search(r"\b(atom|red)\.", kernel.ptx) is None, kernel.name
        # the assembler rather spills a few registers than gives up a second program a multiprocessor
        stack = 2 * MAX_STACK if kernel.registers <= 128 else MAX_STACK
        assert kernel.stack <= stack, (kernel.name, "spills", kernel.stack)
        assert kernel.shared <= 64 * 1024, (kernel.name, kernel.shared)


def test_tensor_cores_multiply_what_is_wide(tmp_path: Path) -> None:
    compiled = [compile_launch(launch, tmp_path) for launch in pairwise_launches(Stage(28, 32), torch.bfloat16)]
    on_tensor_cores = {kernel.name for kernel in compiled if "mma" in kernel.ptx}
    assert on_tensor_cores >= {"forward_kernel", "second_layer_kernel", "first_layer_kernel", "key_kernel"}
