"""Whole-map attention on a CPU by torch's own fused attention, to which the relative logits are further channels.

`q . k + by_row[jy] + by_col[jx]` is one product of `[q, by_row, by_col]` with `[k, e_jy, e_jx]`, `e` being rows of
unit matrices: `head_dim + H + W` channels. Torch's kernels look at blocks of pairs, keep the log-sum-exp alone, and
have a backward pass that computes the weights again. Half-width types are computed in float32.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from sasa_nas.ops.global_attention.offsets import from_planes, offset_gradients, offset_logits, to_planes
from sasa_nas.ops.global_attention.problem import GlobalGradients, GlobalProblem

_FORWARD = "_scaled_dot_product_flash_attention_for_cpu"
_BACKWARD = "_scaled_dot_product_flash_attention_for_cpu_backward"


def fused_cannot(problem: GlobalProblem) -> str | None:
    """Return the reason why torch's fused attention cannot compute a problem, in a few words; None if it can."""
    if problem.query.device.type != "cpu":
        return f"tensors are on {problem.query.device.type}, not on a CPU"
    if not all(hasattr(torch.ops.aten, name) for name in (_FORWARD, _BACKWARD)):
        return "this build of torch has no fused attention for CPUs"
    return None


def fused_forward(problem: GlobalProblem) -> tuple[Tensor, Tensor]:
    """Whole-map attention without gradients.

    Returns:
        The attention `(B, H, W, heads, value_dim)` of the type of the values, and the natural logarithms of the sums
        of the exponential logits, `(B, H, W, heads)`, float64 for float64 and float32 otherwise.
    """
    value = problem.value
    batch, height, width, heads, channels = value.shape
    if not batch:
        return value.new_empty(value.shape), to_planes(value).new_empty(value.shape[:4])
    out, lse = getattr(torch.ops.aten, _FORWARD)(*_extended(problem), scale=problem.scale)
    planes = out[..., :channels].unflatten(2, (height, width))
    return from_planes(planes, value), lse.view(batch, heads, height, width).permute(0, 2, 3, 1)


def fused_backward(problem: GlobalProblem, out: Tensor, lse: Tensor, grad_out: Tensor) -> GlobalGradients:
    """Return the gradients of `fused_forward`.

    Args:
        problem: Problem of the forward pass.
        out: Result of `fused_forward`.
        lse: Log-sum-exp of the logits, from the same call.
        grad_out: The gradient of `out`.
    """
    query, key, value = problem.query, problem.key, problem.value
    batch, height, width, _, depth = query.shape
    if not batch:
        tables = (problem.rel_rows, problem.rel_cols)
        rows, cols = (None if table is None else torch.zeros_like(table) for table in tables)
        return query.new_empty(query.shape), key.new_empty(key.shape), value.new_empty(value.shape), rows, cols
    inputs = _extended(problem)
    channels = inputs[0].shape[-1]
    grad, result = (_with_channels(to_planes(tensor), channels) for tensor in (grad_out, out))
    sums = lse.permute(0, 3, 1, 2).flatten(2).contiguous()
    gradients = getattr(torch.ops.aten, _BACKWARD)(grad, *inputs, result, sums, 0.0, False, scale=problem.scale)
    grad_query, grad_key, grad_value = (tensor.unflatten(2, (height, width)) for tensor in gradients)
    of_query, grad_rows, grad_cols = grad_query[..., :depth], None, None
    if problem.rel_rows is not None and problem.rel_cols is not None:
        by_row, by_col = grad_query[..., depth : depth + height + width].split([height, width], -1)
        queries, table_rows, table_cols = _promoted(problem, problem.rel_rows, problem.rel_cols)
        by_offset, grad_rows, grad_cols = offset_gradients(queries, table_rows, table_cols, by_row, by_col)
        of_query = of_query + by_offset
        grad_rows, grad_cols = grad_rows.to(query.dtype), grad_cols.to(query.dtype)
    return (
        from_planes(of_query, query),
        from_planes(grad_key[..., :depth], key),
        from_planes(grad_value[..., : value.shape[4]], value),
        grad_rows,
        grad_cols,
    )


def _extended(problem: GlobalProblem) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries, keys and values of as many channels, `(B, heads, H * W, channels)`, the offsets' among them."""
    queries, keys, values = (to_planes(heads) for heads in (problem.query, problem.key, problem.value))
    if problem.rel_rows is not None and problem.rel_cols is not None:
        _, rows, cols = _promoted(problem, problem.rel_rows, problem.rel_cols)
        queries = torch.cat([queries, *offset_logits(queries, rows, cols)], -1)
        keys = torch.cat([keys, _places(keys)], -1)
    channels = max(queries.shape[-1], values.shape[-1])
    return _with_channels(queries, channels), _with_channels(keys, channels), _with_channels(values, channels)


def _places(keys: Tensor) -> Tensor:
    """Each key's row and its column as unit vectors beside each other, `(B, heads, H, W, H + W)`."""
    height, width = keys.shape[2:4]
    rows, cols = (torch.eye(size, dtype=keys.dtype, device=keys.device) for size in (height, width))
    place = torch.cat([rows[:, None].expand(-1, width, -1), cols[None].expand(height, -1, -1)], -1)
    return place.expand(*keys.shape[:2], -1, -1, -1)


def _promoted(problem: GlobalProblem, rel_rows: Tensor, rel_cols: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    queries = to_planes(problem.query)
    return queries, rel_rows.to(queries.dtype), rel_cols.to(queries.dtype)


def _with_channels(planes: Tensor, channels: int) -> Tensor:
    """`(B, heads, H, W, C)` as `(B, heads, H * W, channels)`, zeros appended; torch's kernels ask for it contiguous."""
    return F.pad(planes, (0, channels - planes.shape[-1])).flatten(2, 3).contiguous()
