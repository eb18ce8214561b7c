"""Contenders of window attention on equal inputs: other forms of it, and a convolution of the same width."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from measure import Timing, measure
from torch import Tensor
from torch.nn import functional as F

from sasa_nas.ops import local_attention
from sasa_nas.ops.local_attention.dispatch import Backend

FLEX_DEPTH = 16
"""Channels of a head that FlexAttention takes at least."""


@dataclass(frozen=True)
class Shape:
    """A square map and a window on it."""

    batch: int
    size: int
    heads: int
    depth: int
    kernel_size: int

    @property
    def channels(self) -> int:
        """Channels of all heads together."""
        return self.heads * self.depth

    @property
    def name(self) -> str:
        """A short name, unique among shapes."""
        return f"B{self.batch} {self.size}x{self.size} C{self.channels} d{self.depth} k{self.kernel_size}"

    @property
    def map_elements(self) -> int:
        """Elements of a map: queries, keys, values or the output."""
        return self.batch * self.size**2 * self.channels


@dataclass(frozen=True)
class Contender:
    """Two things to time: the output without gradients, and the output with the gradients of all that has one."""

    forward: Callable[[], object]
    both: Callable[[], object]


def contender(compute: Callable[..., Tensor], inputs: list[Tensor], grad_out: Tensor) -> Contender:
    """Time `compute(*inputs)`, with `grad_out` as the gradient of what it returns."""

    def forward() -> Tensor:
        with torch.no_grad():
            return compute(*inputs)

    def both() -> tuple[Tensor, ...]:
        return torch.autograd.grad(compute(*inputs), inputs, grad_out)

    return Contender(forward, both)


@dataclass(frozen=True)
class Timed:
    """A contender's timings, or why there are none."""

    forward: Timing | None = None
    both: Timing | None = None
    error: str | None = None


def timed(make: Callable[[], Contender], device: torch.device, *, seconds: float = 0.5) -> Timed:
    """Time one contender, whatever it raises; `seconds` are those of `measure`."""
    forward: Timing | None = None
    try:
        runner = make()
        forward = measure(runner.forward, device, seconds=seconds)
        return Timed(forward, measure(runner.both, device, seconds=seconds))
    except (RuntimeError, ValueError, NotImplementedError) as error:
        return Timed(forward, error=f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}")


def attention_inputs(shape: Shape, dtype: torch.dtype, device: torch.device) -> tuple[list[Tensor], Tensor]:
    """Query, keys, values, tables of rows and columns, and an output's gradient; maps are channels_last."""
    generator = torch.Generator(device).manual_seed(0)
    pixels = (shape.batch, shape.size, shape.size, shape.heads, shape.depth)
    table = (shape.kernel_size, shape.depth)
    query, key, value, rows, cols, grad_out = (
        torch.randn(size, generator=generator, device=device).to(dtype)
        for size in (pixels, pixels, pixels, table, table, pixels)
    )
    inputs = [query * shape.depth**-0.5, key, value, rows, cols]
    return [tensor.requires_grad_() for tensor in inputs], grad_out


def attention(shape: Shape, dtype: torch.dtype, device: torch.device, backend: Backend = "auto") -> Contender:
    """Window attention by one of its backends."""

    def compute(query: Tensor, key: Tensor, value: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
        return local_attention(query, key, value, rows, cols, kernel_size=shape.kernel_size, backend=backend)

    return contender(compute, *attention_inputs(shape, dtype, device))


def convolution(shape: Shape, dtype: torch.dtype, device: torch.device) -> Contender:
    """Return a 3x3 convolution of as many channels, channels_last."""
    generator = torch.Generator(device).manual_seed(0)
    pixels = (shape.batch, shape.channels, shape.size, shape.size)
    images, weight, grad_out = (
        torch.randn(size, generator=generator, device=device).to(dtype)
        for size in (pixels, (shape.channels, shape.channels, 3, 3), pixels)
    )
    images, weight, grad_out = (
        tensor.contiguous(memory_format=torch.channels_last) for tensor in (images, weight, grad_out)
    )
    inputs = [images.requires_grad_(), weight.requires_grad_()]
    return contender(lambda images, weight: F.conv2d(images, weight, padding=1), inputs, grad_out)


def flex_attention(shape: Shape, dtype: torch.dtype, device: torch.device) -> Contender:
    """Return the same function by torch's FlexAttention, compiled, its blocks limited to those that windows touch."""
    from torch.nn.attention.flex_attention import create_block_mask
    from torch.nn.attention.flex_attention import flex_attention as flex

    size, radius = shape.size, shape.kernel_size // 2
    # each shape is compiled for itself, which torch does only so often
    torch.compiler.reset()
    compiled = torch.compile(flex, dynamic=False)

    def in_window(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        near_y = (key // size - query // size).abs() <= radius
        return near_y & ((key % size - query % size).abs() <= radius)

    mask = create_block_mask(in_window, None, None, size**2, size**2, device=device.type)

    def compute(query: Tensor, key: Tensor, value: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
        queries, keys, values = (
            F.pad(tensor.flatten(1, 2).transpose(1, 2), (0, max(FLEX_DEPTH - shape.depth, 0)))
            for tensor in (query, key, value)
        )
        by_row, by_col = (queries[..., : shape.depth] @ table.t() for table in (rows, cols))

        def with_positions(score: Tensor, batch: Tensor, head: Tensor, at: Tensor, to: Tensor) -> Tensor:
            dy = (to // size - at // size + radius).clamp(0, 2 * radius)
            dx = (to % size - at % size + radius).clamp(0, 2 * radius)
            return score + by_row[batch, head, at, dy] + by_col[batch, head, at, dx]

        out = compiled(queries, keys, values, score_mod=with_positions, block_mask=mask, scale=1.0)
        maps: Tensor = out[..., : shape.depth].transpose(1, 2)
        return maps.reshape(shape.batch, size, size, shape.heads, shape.depth)

    return contender(compute, *attention_inputs(shape, dtype, device))


def floor_bytes(shape: Shape, dtype: torch.dtype) -> tuple[int, int]:
    """Bytes that must be read and written at least, forward, and forward and backward together.

    Forward: queries, keys and values, the output, a float32 a query and head. Backward: those again and the output's
    gradient are read, three gradients are written.
    """
    whole = shape.map_elements * dtype.itemsize
    sums = shape.map_elements // shape.depth * 4
    return 4 * whole + sums, 4 * whole + sums + 8 * whole + sums
