"""The kernels of SAN's operators compile for sm_90 without a GPU, within a budget of registers, without spilling."""

import re
from pathlib import Path

import pytest
import torch
from kernel_compiler import MAX_STACK, TYPES, compile_launch
from torch import Tensor

from sasa_nas.ops.triton_call import Launch
from sasa_nas.ops.window_sums.triton_launch import (
    comparisons_launch,
    products_launch,
    spread_sums_launches,
    weighted_sums_launch,
)

pytestmark = pytest.mark.slow

MAX_REGISTERS = 128
"""Of a thread: four programs of 128 threads share a multiprocessor's 65,536."""


def launches(size: int, channels: int, kernel_size: int, dtype: torch.dtype, *, channels_last: bool) -> list[Launch]:
    """All launches for a map whose channels share weights by eights, as tensors without memory."""

    def empty(*shape: int) -> Tensor:
        if channels_last:
            return torch.empty(shape[0], *shape[2:], shape[1], dtype=dtype, device="meta").movedim(-1, 1)
        return torch.empty(shape, dtype=dtype, device="meta")

    maps = empty(128, channels, size, size)
    weights, compared = (empty(128, count, kernel_size**2, size, size) for count in (channels // 8, channels))
    return [
        weighted_sums_launch(weights, maps, maps, kernel_size),
        products_launch(weights, maps, maps, kernel_size),
        *spread_sums_launches(weights, maps, maps, kernel_size),
        comparisons_launch(compared, maps, maps, kernel_size),
        spread_sums_launches(compared, None, maps, kernel_size)[0],
    ]


@pytest.mark.parametrize("channels_last", [False, True], ids=["channels_first", "channels_last"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=TYPES.get)
def test_within_budget(dtype: torch.dtype, channels_last: bool, tmp_path: Path) -> None:
    for launch in launches(28, 128, 7, dtype, channels_last=channels_last):
        kernel = compile_launch(launch, tmp_path)
        assert re.search(r"\b(atom|red)\.", kernel.ptx) is None, kernel.name
        assert kernel.stack <= MAX_STACK, (kernel.name, "spills", kernel.stack)
        assert kernel.registers <= MAX_REGISTERS, (kernel.name, kernel.registers)


def test_windows_larger_than_the_map_do_not_spill(tmp_path: Path) -> None:
    for launch in launches(3, 64, 7, torch.float16, channels_last=True):
        kernel = compile_launch(launch, tmp_path)
        assert kernel.stack <= MAX_STACK, (kernel.name, "spills", kernel.stack)
        assert kernel.registers <= MAX_REGISTERS, (kernel.name, kernel.registers)
