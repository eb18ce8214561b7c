"""The sums over windows of float32 on a CPU: the loops of loops/, called with the tensors' addresses and strides."""

import ctypes
from pathlib import Path

import torch
from torch import Tensor

from sasa_nas.ops.compiled import CannotCompileError, load_library
from sasa_nas.ops.window_sums.sums import WindowSums, are_channels_last, map_like

SOURCE = Path(__file__).parent / "loops" / "windows.c"

CHUNK = 4
"""Weight channels of a task where channels lie next to each other in memory, and are turned over that many at once."""


class _Map(ctypes.Structure):
    """A tensor as the loops see it, strides in elements; see loops/planes.h for the axes."""

    _fields_ = (("data", ctypes.c_void_p), ("strides", ctypes.c_int64 * 5))


_SIZES = ("batch", "height", "width", "weight_channels", "groups", "kernel_size", "threads", "chunk")


class _Windows(ctypes.Structure):
    """The arguments of the loops, `Windows` of loops/planes.h; a map left out is a null pointer."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in _SIZES),
        ("sign", ctypes.c_double),
        *((name, _Map) for name in ("weights", "center", "shown")),
    )


def cpu_cannot(device: torch.device, dtype: torch.dtype) -> str | None:
    """Return the reason why the loops cannot run, in a few words; None if they can.

    The first call of a machine compiles them, which takes a second or two.

    Args:
        device: Device of the tensors.
        dtype: Type of the tensors.
    """
    if device.type != "cpu":
        return f"tensors are on {device.type}, not on a CPU"
    if dtype != torch.float32:
        return f"its loops take float32, not {str(dtype).removeprefix('torch.')}"
    try:
        load_library(SOURCE)
    except CannotCompileError as error:
        return str(error)
    return None


def _weighted_sums(weights: Tensor, shown: Tensor, kernel_size: int) -> Tensor:
    center = map_like(shown)
    _call("weighted_sums", weights, center, shown, kernel_size)
    return center


def _products(center: Tensor, shown: Tensor, kernel_size: int, weights: Tensor) -> None:
    _call("products", weights, center, shown, kernel_size)


def _spread_sums(weights: Tensor, center: Tensor, kernel_size: int) -> Tensor:
    shown = map_like(center)
    _call("spread_sums", weights, center, shown, kernel_size)
    return shown


def _comparisons(center: Tensor | None, shown: Tensor, kernel_size: int, sign: int, weights: Tensor) -> None:
    _call("comparisons", weights, center, shown, kernel_size, sign)


def _comparison_sums(weights: Tensor, like: Tensor, kernel_size: int, sign: int) -> tuple[Tensor, Tensor]:
    center, shown = map_like(like), map_like(like)
    _call("comparison_sums", weights, center, shown, kernel_size, sign)
    return center, shown


LOOPS = WindowSums(_weighted_sums, _products, _spread_sums, _comparisons, _comparison_sums)


def _call(name: str, weights: Tensor, center: Tensor | None, shown: Tensor, kernel_size: int, sign: int = 1) -> None:
    """Run a loop on up to `torch.get_num_threads()` threads, how many of which changes no bit of the result.

    Raises:
        MemoryError: There is not enough memory for the copies that every thread makes.
    """
    batch, channels, _, height, width = weights.shape
    together = any(are_channels_last(tensor) for tensor in (weights, center, shown) if tensor is not None)
    job = _Windows(
        *(batch, height, width, channels, shown.shape[1] // channels, kernel_size),
        *(torch.get_num_threads(), CHUNK if together else 1),
        sign,
    )
    sb, sw, sj, sy, sx = weights.stride()
    job.weights = _Map(weights.data_ptr(), (sb, sy, sx, sw, sj))
    job.shown = _map(shown, channels)
    if center is not None:
        job.center = _map(center, channels)
    if load_library(SOURCE)[name](ctypes.byref(job)):
        raise MemoryError(f"no memory for windows of {kernel_size}x{kernel_size} on {height}x{width} maps")


def _map(maps: Tensor, weight_channels: int) -> _Map:
    sb, sc, sy, sx = maps.stride()
    return _Map(maps.data_ptr(), (sb, sy, sx, sc, weight_channels * sc))
