"""Window attention by Triton: from tensors to the kernels that run on them."""

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor

from sasa_nas.ops.local_attention.problem import Gradients, Problem
from sasa_nas.ops.local_attention.triton_direct import direct_forward
from sasa_nas.ops.local_attention.triton_direct_key import direct_backward_key
from sasa_nas.ops.local_attention.triton_direct_query import direct_backward_query
from sasa_nas.ops.local_attention.triton_plan import Pass, Plan, WindowShape, choose_plan
from sasa_nas.ops.local_attention.triton_tile import tile_forward
from sasa_nas.ops.local_attention.triton_tile_key import tile_backward_key
from sasa_nas.ops.local_attention.triton_tile_query import tile_backward_query
from sasa_nas.ops.local_attention.triton_work import has_tables_per_head, kernel_arguments, programs_of, window_shape
from sasa_nas.ops.triton_call import Launch

_KERNELS = {
    ("direct", "forward"): direct_forward,
    ("direct", "backward_query"): direct_backward_query,
    ("direct", "backward_key"): direct_backward_key,
    ("tile", "forward"): tile_forward,
    ("tile", "backward_query"): tile_backward_query,
    ("tile", "backward_key"): tile_backward_key,
}

Planner = Callable[[Pass, WindowShape], Plan]
"""Chooses the plan of a kernel, as `choose_plan` does."""


def triton_forward(problem: Problem, plan: Planner = choose_plan) -> tuple[Tensor, Tensor]:
    """Window attention without gradients, by one kernel.

    Args:
        problem: Problem with maps on one CUDA device, in any layout.
        plan: Tile sizes and warps of the kernel.

    Returns:
        The attention `(B, H', W', heads, value_dim)` of the maps' type, and the natural logarithms of the sums of the
        exponential logits, `(B, H', W', heads)`, float64 for maps of float32 and float32 for others; both contiguous.
    """
    launch, out, lse = forward_launch(problem, plan)
    with torch.cuda.device(out.device) if out.is_cuda else nullcontext():
        launch.run()
    return out, lse


def triton_backward(
    problem: Problem, out: Tensor, lse: Tensor, grad_out: Tensor, plan: Planner = choose_plan
) -> Gradients:
    """Return the gradients of `triton_forward`, by two kernels; contiguous.

    The same inputs give the same bits: every element is summed by one program in a fixed order.

    Args:
        problem: Problem of the forward pass.
        out: Result of `triton_forward`.
        lse: Log-sum-exp of the logits, from the same call.
        grad_out: The gradient of `out`, in any layout.
        plan: Tile sizes and warps of the kernels.
    """
    launches, gradients = backward_launches(problem, out, lse, grad_out, plan)
    with torch.cuda.device(out.device) if out.is_cuda else nullcontext():
        for launch in launches:
            launch.run()
    grad_query, grad_key, grad_value, table_parts = gradients
    if problem.rel_rows is None or problem.rel_cols is None:
        return grad_query, grad_key, grad_value, None, None
    heads = problem.query.shape[3] if has_tables_per_head(problem) else 1
    by_head = table_parts.view(-1, heads, *table_parts.shape[1:])
    rows, cols = (
        by_head[:, :, i].sum(0 if table.dim() == 3 else (0, 1)).to(table.dtype)
        for i, table in enumerate((problem.rel_rows, problem.rel_cols))
    )
    return grad_query, grad_key, grad_value, rows, cols


def forward_launch(problem: Problem, plan: Planner) -> tuple[Launch, Tensor, Tensor]:
    """Return the launch of the forward pass, and the output and log-sum-exp that it fills."""
    # shapes are given in full: `empty_like` would keep a permuted or expanded layout
    out = problem.value.new_empty(*problem.query.shape[:4], problem.value.shape[4])
    # float32 weights are as exact as a plain softmax' if their sums have more digits
    exact = torch.float64 if problem.query.dtype == torch.float32 else torch.float32
    lse = problem.query.new_empty(problem.query.shape[:4], dtype=exact)
    return _launch("forward", problem, _maps(problem), {"out_ptr": out, "lse_ptr": lse}, plan), out, lse


def backward_launches(
    problem: Problem, out: Tensor, lse: Tensor, grad_out: Tensor, plan: Planner
) -> tuple[tuple[Launch, Launch], tuple[Tensor, Tensor | None, Tensor, Tensor]]:
    """Return the two launches of the backward pass, in order, and what they fill.

    That is the gradients of query, key (None without one) and value, and the programs' parts of those of the relative
    tables, `(programs, 2, kernel_size, head_dim)` float32: rows, then columns.
    """
    query, key, value = problem.query, problem.key, problem.value
    maps = _maps(problem) | {"grad_out": grad_out}
    grad_query = query.new_empty(query.shape)
    grad_key = None if key is None else key.new_empty(key.shape)
    grad_value = value.new_empty(value.shape)
    cut = plan("backward_query", window_shape(problem, maps))
    parts = 0 if problem.rel_rows is None else programs_of("backward_query", problem, cut)
    table_parts = query.new_empty(parts, 2, problem.kernel_size, query.shape[4], dtype=torch.float32)
    saved = {"lse_ptr": lse, "delta_ptr": lse.new_empty(lse.shape, dtype=torch.float32)}
    # in the interpreter the output lies in memory as a CPU's maps do
    by_query = saved | {"out_ptr": out.contiguous(), "grad_query_ptr": grad_query, "partial_ptr": table_parts}
    by_key = saved | {"grad_key_ptr": grad_value if grad_key is None else grad_key, "grad_value_ptr": grad_value}
    launches = (
        _launch("backward_query", problem, maps, by_query, plan),
        _launch("backward_key", problem, maps, by_key, plan),
    )
    return launches, (grad_query, grad_key, grad_value, table_parts)


def _launch(step: Pass, problem: Problem, maps: dict[str, Tensor], others: dict[str, Tensor], plan: Planner) -> Launch:
    """Return the launch of one kernel, that reads `maps` and reads or writes `others`, which are contiguous."""
    shape = window_shape(problem, maps)
    cut = plan(step, shape)
    kernel = _KERNELS[cut.kind, step]
    known = kernel_arguments(step, problem, maps, shape, cut) | others
    arguments = {name: known[name] for name in kernel.arg_names}
    # versions of Triton differ in whether they fuse multiply-adds when they are not told
    options = {"num_warps": cut.warps, "num_stages": cut.stages, "enable_fp_fusion": True}
    return Launch(kernel, programs_of(step, problem, cut), arguments, options)


def _maps(problem: Problem) -> dict[str, Tensor]:
    maps = {"query": problem.query, "key": problem.key, "value": problem.value}
    return {name: tensor for name, tensor in maps.items() if tensor is not None}
