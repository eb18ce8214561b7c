"""Window attention by Triton: from tensors to the kernels that run on them."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from math import gcd, prod
from typing import Any

import torch
from torch import Tensor

from sasa_nas.ops.local_attention.triton_direct import direct_forward
from sasa_nas.ops.local_attention.triton_direct_key import direct_backward_key
from sasa_nas.ops.local_attention.triton_direct_query import direct_backward_query
from sasa_nas.ops.local_attention.triton_plan import (
    TILE_PIXELS,
    Pass,
    Plan,
    WindowShape,
    choose_plan,
    next_power_of_two,
)
from sasa_nas.ops.local_attention.triton_tile import tile_forward
from sasa_nas.ops.local_attention.triton_tile_key import tile_backward_key
from sasa_nas.ops.local_attention.triton_tile_query import tile_backward_query

_KERNELS = {
    ("direct", "forward"): direct_forward,
    ("direct", "backward_query"): direct_backward_query,
    ("direct", "backward_key"): direct_backward_key,
    ("tile", "forward"): tile_forward,
    ("tile", "backward_query"): tile_backward_query,
    ("tile", "backward_key"): tile_backward_key,
}

_WORD_BYTES = 16
"""What a thread reads at once."""

Planner = Callable[[Pass, WindowShape], Plan]
"""Chooses the plan of a kernel, as `choose_plan` does."""


@dataclass(frozen=True)
class Problem:
    """One call, as the kernels take it; see `naive.local_attention`.

    The query holds only the pixels that the stride leaves; `zeros` says that the padding is of zeros. `grad_out` is
    the output's gradient, for the backward pass.
    """

    query: Tensor
    key: Tensor | None
    value: Tensor
    rel_rows: Tensor | None
    rel_cols: Tensor | None
    kernel_size: int
    stride: int
    scale: float
    zeros: bool
    grad_out: Tensor | None = None

    @property
    def maps(self) -> dict[str, Tensor]:
        """The maps that are read, by name."""
        named = {"query": self.query, "key": self.key, "value": self.value, "grad_out": self.grad_out}
        return {name: tensor for name, tensor in named.items() if tensor is not None}

    @property
    def per_head(self) -> bool:
        """Whether heads have tables of their own."""
        return any(table is not None and table.dim() == 3 for table in (self.rel_rows, self.rel_cols))

    @property
    def shape(self) -> WindowShape:
        """What plans depend on."""
        height, width = self.value.shape[1:3]
        return WindowShape(
            height=height,
            width=width,
            depth=self.query.shape[4],
            value_depth=self.value.shape[4],
            kernel_size=self.kernel_size,
            stride=self.stride,
            clipped=not self.zeros,
            dtype=self.query.dtype,
            wide=max(map(self._extent, self.maps.values())) >= 2**31,
        )

    def _extent(self, heads: Tensor) -> int:
        """Elements between the first and the last of an image, with what windows and tiles reach beyond it."""
        _, height, width, count, channels = heads.shape
        beyond = self.kernel_size + 2 * TILE_PIXELS
        sizes = (height + beyond, width + beyond, count, channels)
        spread = sum(size * stride for size, stride in zip(sizes, heads.stride()[1:], strict=True))
        # results are contiguous
        return max(spread, prod(sizes))


@dataclass(frozen=True)
class Launch:
    """One kernel with all that it is called with.

    Attributes:
        kernel: A function of `triton.jit`.
        programs: How many programs run.
        arguments: By the kernel's names: tensors, strides and sizes in small letters, constants in capitals.
        warps: Warps of 32 threads a program.
    """

    kernel: Any
    programs: int
    arguments: dict[str, Tensor | int | float]
    warps: int

    def run(self) -> None:
        """Runs the kernel on the device of its tensors."""
        if self.programs:
            self.kernel[(self.programs,)](**self.arguments, num_warps=self.warps, num_stages=1)


def forward_launch(problem: Problem, out: Tensor, lse: Tensor, plan: Planner) -> Launch:
    """The launch that fills `out` and `lse`."""
    return _launch("forward", problem, plan, {"out_ptr": out, "lse_ptr": lse})


def triton_forward(problem: Problem, plan: Planner = choose_plan) -> tuple[Tensor, Tensor]:
    """Output and natural log-sum-exp of the scaled logits.

    Args:
        problem: Maps on one CUDA device, in any layout.
        plan: How the kernel cuts its work up.

    Returns:
        `(B, H', W', heads, value_dim)` of the maps' type, and `(B, H', W', heads)` float32, both contiguous.
    """
    # shapes are given outright: `empty_like` would keep a permuted or expanded layout
    out = problem.value.new_empty(*problem.query.shape[:4], problem.value.shape[4])
    lse = problem.query.new_empty(problem.query.shape[:4], dtype=torch.float32)
    with torch.cuda.device(out.device) if out.is_cuda else nullcontext():
        forward_launch(problem, out, lse, plan).run()
    return out, lse


@dataclass(frozen=True)
class BackwardLaunches:
    """The two launches of a backward pass, in order, and what they fill; see `triton_backward`."""

    query: Launch
    key: Launch
    grad_query: Tensor
    grad_key: Tensor
    grad_value: Tensor
    table_parts: Tensor


def backward_launches(problem: Problem, out: Tensor, lse: Tensor, plan: Planner) -> BackwardLaunches:
    """The launches of the backward pass, with the memory for what they write."""
    query, value = problem.query, problem.value
    saved = {"lse_ptr": lse, "delta_ptr": torch.empty_like(lse)}
    grad_query = query.new_empty(query.shape)
    grad_value = value.new_empty(value.shape)
    grad_key = grad_value if problem.key is None else problem.key.new_empty(problem.key.shape)
    programs, _ = _grid("backward_query", problem, plan("backward_query", problem.shape))
    parts = programs if problem.rel_rows is not None else 0
    table_parts = query.new_empty(parts, 2, problem.kernel_size, query.shape[4], dtype=torch.float32)
    by_query = saved | {"out_ptr": out, "grad_query_ptr": grad_query, "partial_ptr": table_parts}
    by_key = saved | {"grad_key_ptr": grad_key, "grad_value_ptr": grad_value}
    return BackwardLaunches(
        _launch("backward_query", problem, plan, by_query),
        _launch("backward_key", problem, plan, by_key),
        grad_query,
        grad_key,
        grad_value,
        table_parts,
    )


def triton_backward(
    problem: Problem, out: Tensor, lse: Tensor, plan: Planner = choose_plan
) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None, Tensor | None]:
    """Gradients of query, key, value, rel_rows and rel_cols; None for what the problem does not have.

    The same inputs give the same bits: every element is summed by one program in a fixed order.

    Args:
        problem: As it went forward, with `grad_out`, in any layout.
        out: What `triton_forward` returned.
        lse: As `out`.
        plan: How the kernels cut their work up.
    """
    with torch.cuda.device(out.device) if out.is_cuda else nullcontext():
        launches = backward_launches(problem, out, lse, plan)
        launches.query.run()
        launches.key.run()
    grad_key = None if problem.key is None else launches.grad_key
    if problem.rel_rows is None or problem.rel_cols is None:
        return launches.grad_query, grad_key, launches.grad_value, None, None
    heads = problem.query.shape[3] if problem.per_head else 1
    parts = launches.table_parts
    grads = parts.view(-1, heads, *parts.shape[1:]).sum(0).unbind(1)
    rows, cols = (
        (grad if table.dim() == 3 else grad.sum(0)).to(table.dtype)
        for table, grad in zip((problem.rel_rows, problem.rel_cols), grads, strict=True)
    )
    return launches.grad_query, grad_key, launches.grad_value, rows, cols


def _launch(step: Pass, problem: Problem, plan: Planner, tensors: dict[str, Tensor]) -> Launch:
    """The launch of one kernel; `tensors` are those that it reads or writes beside the problem's, contiguous."""
    shape = problem.shape
    cut = plan(step, shape)
    kernel = _KERNELS[cut.kind, step]
    word = min(map(_word, problem.maps.values()))
    known: dict[str, Tensor | int | float] = dict(tensors)
    # a kernel without keys never reads them, but is called with something
    for name, tensor in ({"key": problem.value} | problem.maps).items():
        known[f"{name}_ptr"] = tensor
        strides = [stride // word for stride in tensor.stride()[:4]] + [tensor.stride(4)]
        known |= {f"{name}_s{axis}": stride for axis, stride in zip("byxhc", strides, strict=True)}
    heads = problem.query.shape[3]
    for name, table in (("rows", problem.rel_rows), ("cols", problem.rel_cols)):
        wanted = table if table is None or not problem.per_head else table.expand(heads, -1, -1)
        known[f"{name}_ptr"] = problem.query if wanted is None else wanted.contiguous()
    out_height, out_width = problem.query.shape[1:3]
    known |= {
        "heads": heads,
        "height": shape.height,
        "width": shape.width,
        "out_height": out_height,
        "out_width": out_width,
        "scale": problem.scale,
        "HAS_KEY": problem.key is not None,
        "HAS_TABLES": problem.rel_rows is not None,
        "PER_HEAD": problem.per_head,
        "ZEROS": problem.zeros,
        "KERNEL_SIZE": shape.kernel_size,
        "STRIDE": shape.stride,
        "DEPTH": shape.depth,
        "VALUE_DEPTH": shape.value_depth,
        "WORD": word,
    }
    programs, numbers = _grid(step, problem, cut)
    known |= numbers
    return Launch(kernel, programs, {name: known[name] for name in kernel.arg_names}, cut.warps)


def _grid(step: Pass, problem: Problem, cut: Plan) -> tuple[int, dict[str, int]]:
    """How many programs run, and the numbers that say which part is whose."""
    shape = problem.shape
    heads = problem.query.shape[3]
    batch, height, width = (problem.value if step == "backward_key" else problem.query).shape[:3]
    if cut.kind == "direct":
        places = batch * height * width
        depths = {
            "DEPTH_PADDED": next_power_of_two(shape.depth),
            "VALUE_DEPTH_PADDED": next_power_of_two(shape.value_depth),
        }
        programs = -(-places // cut.rows) * heads if problem.per_head else -(-places * heads // cut.rows)
        # long code for short loops, where the registers allow
        unroll = shape.kernel_size if shape.kernel_size <= 7 and max(depths.values()) <= 16 else 1
        numbers = {"places": places, "ROWS": cut.rows, "UNROLL": unroll}
        return programs, depths | numbers | {"KERNEL_PADDED": next_power_of_two(shape.kernel_size)}
    tiles = cut.rows // TILE_PIXELS
    # the largest power of two that leaves no head without a tile
    tile_heads = 1 if problem.per_head else min(tiles, heads & -heads)
    blocks_y = -(-height // (cut.tile[0] * (tiles // tile_heads)))
    blocks_x = -(-width // cut.tile[1])
    steps = -(-cut.reach[0] // cut.step_rows)
    return batch * (heads // tile_heads) * blocks_y * blocks_x, {
        "blocks_y": blocks_y,
        "blocks_x": blocks_x,
        "reach_y": cut.reach[0],
        "reach_x": cut.reach[1],
        "DEPTH_PADDED": max(next_power_of_two(shape.depth), TILE_PIXELS),
        "VALUE_DEPTH_PADDED": max(next_power_of_two(shape.value_depth), TILE_PIXELS),
        "KERNEL_PADDED": max(next_power_of_two(shape.kernel_size), TILE_PIXELS),
        "TILES": tiles,
        "HEADS": tile_heads,
        "TILE_Y": cut.tile[0],
        "TILE_X": cut.tile[1],
        "SPAN": cut.span,
        "STEP_ROWS": cut.step_rows,
        "STEPS": steps,
        "STEPS_PADDED": next_power_of_two(steps),
    }


def _word(tensor: Tensor) -> int:
    """The elements that can be read at once anywhere in a map: a power of two, of at most 16 bytes."""
    if tensor.stride(4) != 1:
        return 1
    word = _WORD_BYTES // tensor.element_size()
    strides = [stride for size, stride in zip(tensor.shape[:4], tensor.stride()[:4], strict=True) if size > 1]
    return gcd(word, tensor.data_ptr() // tensor.element_size(), *strides)
