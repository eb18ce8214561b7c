"""The kernels compile for sm_90 on a machine without a GPU, within a budget of registers, without spilling."""

import re
from pathlib import Path

import pytest
import torch
from kernel_compiler import MAX_STACK, TYPES, compile_launch

from sasa_nas.ops.global_attention.problem import GlobalProblem
from sasa_nas.ops.global_attention.windowed import as_window_attention
from sasa_nas.ops.local_attention.problem import Problem
from sasa_nas.ops.local_attention.triton_launch import backward_launches, forward_launch
from sasa_nas.ops.local_attention.triton_plan import choose_plan
from sasa_nas.ops.triton_call import Launch

pytestmark = pytest.mark.slow


def launches(
    depth: int, kernel_size: int, dtype: torch.dtype, *, padding: str = "mask", per_head: bool = False
) -> list[Launch]:
    """The three kernels' launches for ResNet-50's maps of this depth, 8 heads, as tensors without memory."""
    size = {8: 56, 16: 28, 32: 14, 64: 7}[depth]
    maps = torch.empty(128, size, size, 8, depth, dtype=dtype, device="meta")
    table = torch.empty(*((8,) if per_head else ()), kernel_size, depth, dtype=dtype, device="meta")
    return launches_of(Problem(maps, maps, maps, table, table, kernel_size, 1, 1.0, padding))


def launches_of(problem: Problem) -> list[Launch]:
    forward, out, lse = forward_launch(problem, choose_plan)
    backward, _ = backward_launches(problem, out, lse, out, choose_plan)
    return [forward, *backward]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=TYPES.get)
@pytest.mark.parametrize("kernel_size", [3, 7])
# by day the depths of two of ResNet-50's four stages, with all window sizes and types
@pytest.mark.parametrize("depth", [16, 64, *(pytest.param(depth, marks=pytest.mark.night) for depth in (8, 32))])
def test_within_budget(depth: int, kernel_size: int, dtype: torch.dtype, tmp_path: Path) -> None:
    on_tensor_cores = dtype == torch.bfloat16 and (depth, kernel_size) != (8, 3)
    for launch in launches(depth, kernel_size, dtype):
        kernel = compile_launch(launch, tmp_path)
        assert kernel.name.startswith("tile" if on_tensor_cores else "direct")
        assert ("mma.sync" in kernel.ptx) == on_tensor_cores, kernel.name
        assert "tf32" not in kernel.ptx
        assert "ld.global.v4" in kernel.ptx, kernel.name
        assert re.search(r"\b(atom|red)\.", kernel.ptx) is None, kernel.name
        assert kernel.stack <= MAX_STACK, (kernel.name, "spills", kernel.stack)
        # two programs of 128 threads share a multiprocessor's 65,536 registers and 227 KiB of shared memory
        assert kernel.registers <= 240, (kernel.name, kernel.registers)
        assert kernel.shared <= 64 * 1024, (kernel.name, kernel.shared)


def test_the_other_options_compile(tmp_path: Path) -> None:
    for launch in launches(16, 11, torch.float16, padding="zeros", per_head=True):
        kernel = compile_launch(launch, tmp_path)
        # the assembler of CUDA 13 rather spills six registers than gives up a third program a multiprocessor
        assert kernel.stack <= (2 * MAX_STACK if kernel.registers <= 168 else MAX_STACK), (kernel.name, kernel.stack)


# by day the largest map and the most channels
@pytest.mark.parametrize(
    ("size", "depth"),
    [
        ((28, 28), 32),
        ((14, 14), 64),
        *(pytest.param(*case, marks=pytest.mark.night) for case in (((14, 14), 20), ((9, 32), 16))),
    ],
)
def test_attention_over_the_whole_map_does_not_spill(size: tuple[int, int], depth: int, tmp_path: Path) -> None:
    maps = torch.empty(32, *size, 8, depth, dtype=torch.bfloat16, device="meta")
    rows, cols = (torch.empty(2 * side - 1, depth, dtype=torch.bfloat16, device="meta") for side in size)
    for launch in launches_of(as_window_attention(GlobalProblem(maps, maps, maps, rows, cols, 1.0))):
        kernel = compile_launch(launch, tmp_path)
        assert kernel.name.startswith("tile")
        assert kernel.stack <= MAX_STACK, (kernel.name, "spills", kernel.stack)
        assert kernel.shared <= 80 * 1024, (kernel.name, kernel.shared)
