"""The arguments and constants that a Triton kernel of window attention is called with."""

from math import gcd, prod

from torch import Tensor

from sasa_nas.ops.local_attention.problem import Problem
from sasa_nas.ops.local_attention.triton_plan import TILE_PIXELS, Pass, Plan, WindowShape, next_power_of_two

WORD_BYTES = 16
"""Bytes that a thread reads at once."""


def window_shape(problem: Problem, maps: dict[str, Tensor]) -> WindowShape:
    """Return the facts that the plans for a problem depend on; `maps` are those that the kernel reads."""
    height, width = problem.value.shape[1:3]
    return WindowShape(
        height=height,
        width=width,
        depth=problem.query.shape[4],
        value_depth=problem.value.shape[4],
        kernel_size=problem.kernel_size,
        stride=problem.stride,
        clipped=problem.padding == "mask",
        dtype=problem.query.dtype,
        wide=max(_extent(tensor, problem.kernel_size) for tensor in maps.values()) >= 2**31,
    )


def has_tables_per_head(problem: Problem) -> bool:
    """Return whether heads have relative tables of their own."""
    return any(table is not None and table.dim() == 3 for table in (problem.rel_rows, problem.rel_cols))


def programs_of(step: Pass, problem: Problem, plan: Plan) -> int:
    """Return the number of programs that share the work."""
    batch, height, width = (problem.value if step == "backward_key" else problem.query).shape[:3]
    heads, per_head = problem.query.shape[3], has_tables_per_head(problem)
    if plan.kind == "direct":
        places = batch * height * width
        return -(-places // plan.rows) * heads if per_head else -(-places * heads // plan.rows)
    blocks_y, blocks_x = _blocks(plan, height, width, _tile_heads(plan, heads, per_head))
    return batch * (heads // _tile_heads(plan, heads, per_head)) * blocks_y * blocks_x


def kernel_arguments(
    step: Pass, problem: Problem, maps: dict[str, Tensor], shape: WindowShape, plan: Plan
) -> dict[str, Tensor | int | float]:
    """All that kernels ask for by name: maps, strides and sizes in small letters, constants in capitals."""
    batch, seen_height, seen_width, heads = (problem.value if step == "backward_key" else problem.query).shape[:4]
    per_head = has_tables_per_head(problem)
    arguments: dict[str, Tensor | int | float] = {
        "places": batch * seen_height * seen_width,
        "heads": heads,
        "height": shape.height,
        "width": shape.width,
        "out_height": problem.query.shape[1],
        "out_width": problem.query.shape[2],
        "scale": problem.scale,
        "HAS_KEY": problem.key is not None,
        "HAS_TABLES": problem.rel_rows is not None,
        "PER_HEAD": per_head,
        "ZEROS": problem.padding == "zeros",
        "KERNEL_SIZE": shape.kernel_size,
        "STRIDE": shape.stride,
        "DEPTH": shape.depth,
        "VALUE_DEPTH": shape.value_depth,
    }
    for name, table in (("rows_ptr", problem.rel_rows), ("cols_ptr", problem.rel_cols)):
        wanted = table.expand(heads, -1, -1) if per_head and table is not None else table
        arguments[name] = problem.query if wanted is None else wanted.contiguous()
    arguments["WORD"] = word = min(map(_word, maps.values()))
    # a kernel without keys never reads them, but is called with something
    for name, tensor in ({"key": problem.value} | maps).items():
        arguments[f"{name}_ptr"] = tensor
        strides = (*(stride // word for stride in tensor.stride()[:4]), tensor.stride(4))
        arguments |= {f"{name}_s{axis}": stride for axis, stride in zip("byxhc", strides, strict=True)}
    if plan.kind == "tile":
        return arguments | _tile_numbers(shape, plan, _tile_heads(plan, heads, per_head))
    return arguments | _direct_numbers(step, shape, plan)


def _direct_numbers(step: Pass, shape: WindowShape, plan: Plan) -> dict[str, int]:
    depth, value_depth = next_power_of_two(shape.depth), next_power_of_two(shape.value_depth)
    # long code for short loops, where the registers allow: a key's kernel reads the most at once
    longest = 3 if step == "backward_key" else 7
    unroll = shape.kernel_size if shape.kernel_size <= longest and max(depth, value_depth) <= 16 else 1
    return {
        "DEPTH_PADDED": depth,
        "VALUE_DEPTH_PADDED": value_depth,
        "KERNEL_PADDED": next_power_of_two(shape.kernel_size),
        "ROWS": plan.rows,
        "UNROLL": unroll,
    }


def _tile_numbers(shape: WindowShape, plan: Plan, tile_heads: int) -> dict[str, int]:
    blocks_y, blocks_x = _blocks(plan, shape.height, shape.width, tile_heads)
    steps = -(-plan.reach[0] // plan.step_rows)
    return {
        "blocks_y": blocks_y,
        "blocks_x": blocks_x,
        "reach_y": plan.reach[0],
        "reach_x": plan.reach[1],
        # no side of a matrix is less than that of an instruction
        "DEPTH_PADDED": max(next_power_of_two(shape.depth), TILE_PIXELS),
        "VALUE_DEPTH_PADDED": max(next_power_of_two(shape.value_depth), TILE_PIXELS),
        "KERNEL_PADDED": max(next_power_of_two(shape.kernel_size), TILE_PIXELS),
        "TILES": plan.rows // TILE_PIXELS,
        "HEADS": tile_heads,
        "TILE_Y": plan.tile[0],
        "TILE_X": plan.tile[1],
        "SPAN": plan.span,
        "STEP_ROWS": plan.step_rows,
        "STEPS": steps,
        "STEPS_PADDED": next_power_of_two(steps),
    }


def _tile_heads(plan: Plan, heads: int, per_head: bool) -> int:
    """Heads of a program: the largest power of two that leaves no head without a tile."""
    return 1 if per_head else min(plan.rows // TILE_PIXELS, heads & -heads)


def _blocks(plan: Plan, height: int, width: int, tile_heads: int) -> tuple[int, int]:
    """Return the number of times that a program's tiles go into a map, down and across."""
    rows = plan.tile[0] * (plan.rows // TILE_PIXELS // tile_heads)
    return -(-height // rows), -(-width // plan.tile[1])


def _extent(heads: Tensor, kernel_size: int) -> int:
    """Elements between the first and the last of an image, with what windows and tiles reach beyond it."""
    _, height, width, count, channels = heads.shape
    beyond = kernel_size + 2 * TILE_PIXELS
    sizes = (height + beyond, width + beyond, count, channels)
    # results are contiguous
    return max(sum(size * stride for size, stride in zip(sizes, heads.stride()[1:], strict=True)), prod(sizes))


def _word(heads: Tensor) -> int:
    """Return the elements that can be read at once anywhere in a map: a power of two, of at most 16 bytes."""
    if heads.stride(4) != 1:
        return 1
    word = WORD_BYTES // heads.element_size()
    strides = [stride for size, stride in zip(heads.shape[:4], heads.stride()[:4], strict=True) if size > 1]
    return gcd(word, heads.data_ptr() // heads.element_size(), *strides)
