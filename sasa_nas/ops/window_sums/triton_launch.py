"""The sums over windows by Triton: from tensors to the kernels that run on them."""

from collections.abc import Mapping
from contextlib import nullcontext

import torch
import triton
from torch import Tensor

from sasa_nas.ops.triton_call import Launch
from sasa_nas.ops.window_sums.sums import WindowSums, are_channels_last, map_like
from sasa_nas.ops.window_sums.triton_kernels import (
    comparisons_kernel,
    fold_kernel,
    products_kernel,
    spread_sums_kernel,
    weighted_sums_kernel,
)

ROWS = 128
"""Weight channels by pixels of a program: a thread each, which holds the groups that share a weight."""

MOST_GROUPS = 8
MOST_CHANNELS = 32
"""Neighbours in memory that are read at once where channels come last."""


def weighted_sums_launch(weights: Tensor, center: Tensor, shown: Tensor, kernel_size: int) -> Launch:
    """Return the launch that writes `center`."""
    return _launch(weighted_sums_kernel, weights, {"center": center, "shown": shown}, kernel_size)


def products_launch(weights: Tensor, center: Tensor, shown: Tensor, kernel_size: int) -> Launch:
    """Return the launch that writes `weights`."""
    return _launch(products_kernel, weights, {"center": center, "shown": shown}, kernel_size)


def comparisons_launch(
    weights: Tensor, center: Tensor | None, shown: Tensor, kernel_size: int, sign: int = 1
) -> Launch:
    """Return the launch that writes `weights`."""
    maps = {"center": shown if center is None else center, "shown": shown}
    constants = {"sign": sign, "HAS_CENTER": center is not None}
    return _launch(comparisons_kernel, weights, maps, kernel_size, constants)


def spread_sums_launches(
    weights: Tensor, center: Tensor | None, shown: Tensor, kernel_size: int, sign: int = 1
) -> tuple[Launch, Launch]:
    """Return the two launches, in order, that write `shown`; without a center it counts as ones."""
    batch, channels, height, width = shown.shape
    margin = kernel_size - 1
    padded = shown.new_empty(batch, channels, height + margin, width + margin, dtype=torch.float32)
    # a kernel without a center never reads it, but is called with something
    maps = {"center": shown if center is None else center}
    others: dict[str, Tensor | int] = {"padded_ptr": padded, "HAS_CENTER": center is not None}
    spread = _launch(
        spread_sums_kernel, weights, maps, kernel_size, others, pixels=(height + margin) * (width + margin)
    )
    return spread, fold_launch(padded, shown, kernel_size, sign)


def fold_launch(padded: Tensor, shown: Tensor, kernel_size: int, sign: int = 1) -> Launch:
    """Return the launch that writes to each pixel of `shown` the sum of all places of `padded` reflected to it.

    Args:
        padded: `(B, C, H + kernel_size - 1, W + kernel_size - 1)` float32, contiguous.
        shown: `(B, C, H, W)`.
        kernel_size: Side of the window.
        sign: Factor of the sums.
    """
    batch, channels, height, width = shown.shape
    together = min(triton.next_power_of_2(channels), MOST_CHANNELS) if are_channels_last(shown) else 1
    images = {f"images_{axis}": _images(size, kernel_size // 2) for axis, size in (("y", height), ("x", width))}
    arguments: dict[str, Tensor | int | float] = {
        **{"padded_ptr": padded, "height": height, "width": width, "sign": sign, "KERNEL_SIZE": kernel_size},
        # channels stand alone: no group of them shares a weight
        **{"weight_channels": channels, "groups": 1, "group_blocks": 1},
        **{"GROUPS": 1, "CHANNELS": together, "PIXELS": ROWS // together},
        **images,
        **_tensor("shown", shown, "bcyx"),
    }
    programs = triton.cdiv(height * width, ROWS // together) * triton.cdiv(channels, together) * batch
    return Launch(fold_kernel, programs, arguments, {"num_warps": ROWS // 32, "enable_fp_fusion": True})


def _weighted_sums(weights: Tensor, shown: Tensor, kernel_size: int) -> Tensor:
    center = map_like(shown)
    _run(shown, weighted_sums_launch(weights, center, shown, kernel_size))
    return center


def _products(center: Tensor, shown: Tensor, kernel_size: int, weights: Tensor) -> None:
    _run(shown, products_launch(weights, center, shown, kernel_size))


def _spread_sums(weights: Tensor, center: Tensor, kernel_size: int) -> Tensor:
    shown = map_like(center)
    _run(shown, *spread_sums_launches(weights, center, shown, kernel_size))
    return shown


def _comparisons(center: Tensor | None, shown: Tensor, kernel_size: int, sign: int, weights: Tensor) -> None:
    _run(shown, comparisons_launch(weights, center, shown, kernel_size, sign))


def _comparison_sums(weights: Tensor, like: Tensor, kernel_size: int, sign: int) -> tuple[Tensor, Tensor]:
    shown = map_like(like)
    _run(shown, *spread_sums_launches(weights, None, shown, kernel_size, sign))
    return map_like(like).copy_(weights.sum(2)), shown


KERNELS = WindowSums(_weighted_sums, _products, _spread_sums, _comparisons, _comparison_sums)


def _run(maps: Tensor, *launches: Launch) -> None:
    with torch.cuda.device(maps.device) if maps.is_cuda else nullcontext():
        for launch in launches:
            launch.run()


def _images(size: int, radius: int) -> int:
    """Return the largest number of images of a pixel on an axis padded by `radius`, counted as `image_place` does."""
    return 4 * ((2 * (size - 1) + radius) // max(2 * (size - 1), 1)) + 2


def _launch(
    kernel: object,
    weights: Tensor,
    maps: dict[str, Tensor],
    kernel_size: int,
    others: Mapping[str, Tensor | int] | None = None,
    *,
    pixels: int | None = None,
) -> Launch:
    """Return the launch of a kernel, that handles `pixels` places of every image, those of the map if not said."""
    batch, channels, _, height, width = weights.shape
    first = next(iter(maps.values()))
    groups = first.shape[1] // channels
    # whatever is contiguous in memory is so for neighbouring threads
    together = min(triton.next_power_of_2(channels), MOST_CHANNELS) if are_channels_last(weights) else 1
    block_groups = min(triton.next_power_of_2(groups), MOST_GROUPS)
    group_blocks = triton.cdiv(groups, block_groups)
    known: dict[str, Tensor | int | float] = {
        **{"height": height, "width": width, "weight_channels": channels, "groups": groups},
        **{"group_blocks": group_blocks, "KERNEL_SIZE": kernel_size, "ONE_BLOCK": group_blocks == 1},
        **{"GROUPS": block_groups, "CHANNELS": together, "PIXELS": ROWS // together},
        "BOUNCES": kernel_size // 2 >= min(height, width),
        **_tensor("weights", weights, "bcjyx"),
    }
    for name, tensor in maps.items():
        known |= _tensor(name, tensor, "bcyx")
    known |= others or {}
    arguments = {name: known[name] for name in kernel.arg_names}  # type: ignore[attr-defined]
    programs = triton.cdiv(pixels or height * width, ROWS // together) * triton.cdiv(channels, together) * batch
    if kernel is not products_kernel:
        programs *= group_blocks
    return Launch(kernel, programs, arguments, {"num_warps": ROWS // 32, "enable_fp_fusion": True})


def _tensor(name: str, tensor: Tensor, axes: str) -> dict[str, Tensor | int]:
    strides = {f"{name}_s{axis}": stride for axis, stride in zip(axes, tensor.stride(), strict=True)}
    return {f"{name}_ptr": tensor} | strides
