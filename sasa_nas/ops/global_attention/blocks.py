"""Whole-map attention in blocks of pairs, in plain PyTorch on any device: no memory for all pairs at once.

A block is some heads of some images, and some rows of queries of theirs, with all keys. The backward pass computes the
weights again from the saved log-sum-exp. Half-width types are computed in float32.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sasa_nas.ops.global_attention.offsets import from_planes, offset_gradients, offset_logits, to_planes
from sasa_nas.ops.global_attention.problem import GlobalGradients, GlobalProblem

BLOCK_PAIRS = {"cpu": 2**17}
"""Pairs of a block: on a CPU they are in its cache."""

OTHER_BLOCK_PAIRS = 2**24
"""Pairs of a block on other devices: enough to keep all of the device busy."""


@dataclass(frozen=True)
class _Planes:
    """A call with heads and images as one axis: queries `(N, H, W, C)`, keys and values `(N, H * W, C)`.

    `by_row` and `by_col` are the relative logits, `(N, H, W, H)` and `(N, H, W, W)`, without the scale.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    by_row: Tensor | None
    by_col: Tensor | None
    scale: float

    def blocks(self) -> Iterator[tuple[slice, slice]]:
        """Blocks of heads and of rows of queries that belong together."""
        count, height, width, _ = self.query.shape
        most = BLOCK_PAIRS.get(self.query.device.type, OTHER_BLOCK_PAIRS)
        heads = max(most // (height * width) ** 2, 1)
        rows = min(max(most // (width * height * width), 1), height)
        for head in range(0, count, heads):
            for row in range(0, height, rows):
                yield slice(head, head + heads), slice(row, min(row + rows, height))

    def logits(self, heads: slice, rows: slice) -> Tensor:
        """Scaled logits of a block, `(heads, rows * W, H * W)`."""
        query = self.query[heads, rows]
        logits = query.flatten(1, 2) @ self.key[heads].transpose(1, 2)
        if self.by_row is not None and self.by_col is not None:
            pairs = logits.view(*query.shape[:3], *self.query.shape[1:3])
            pairs += self.by_row[heads, rows].unsqueeze(-1)
            pairs += self.by_col[heads, rows].unsqueeze(-2)
        return logits.mul_(self.scale)


def blocks_forward(problem: GlobalProblem) -> tuple[Tensor, Tensor]:
    """Whole-map attention without gradients.

    Returns:
        The attention `(B, H, W, heads, value_dim)` of the type of the values, and the natural logarithms of the sums
        of the exponential logits, `(B, H, W, heads)`, float64 for float64 and float32 otherwise.
    """
    planes = _planes(problem)
    batch, height, width, heads, channels = problem.value.shape
    out = planes.value.new_empty(batch * heads, height, width, channels)
    lse = out.new_empty(out.shape[:3])
    for some, rows in planes.blocks():
        logits = planes.logits(some, rows)
        sums = logits.logsumexp(-1, keepdim=True)
        out[some, rows] = (logits.sub_(sums).exp_() @ planes.value[some]).view(out[some, rows].shape)
        lse[some, rows] = sums.view(lse[some, rows].shape)
    return (
        from_planes(out.view(batch, heads, height, width, channels), problem.value),
        lse.view(batch, heads, height, width).permute(0, 2, 3, 1),
    )


def blocks_backward(problem: GlobalProblem, out: Tensor, lse: Tensor, grad_out: Tensor) -> GlobalGradients:
    """Return the gradients of `blocks_forward`.

    Args:
        problem: Problem of the forward pass.
        out: Result of `blocks_forward`.
        lse: Log-sum-exp of the logits, from the same call.
        grad_out: The gradient of `out`.
    """
    planes = _planes(problem)
    batch, height, width, heads, depth = problem.query.shape
    grad, result = (to_planes(tensor).flatten(0, 1) for tensor in (grad_out, out))
    sums = lse.permute(0, 3, 1, 2).flatten(0, 1).to(grad.dtype)
    delta = (grad * result).sum(-1)
    grad_query = torch.empty_like(planes.query, memory_format=torch.contiguous_format)
    grad_key, grad_value = (torch.zeros_like(tensor) for tensor in (planes.key, planes.value))
    by_row, by_col = (None if logits is None else torch.empty_like(logits) for logits in (planes.by_row, planes.by_col))
    for some, rows in planes.blocks():
        queries, grads = planes.query[some, rows].flatten(1, 2), grad[some, rows].flatten(1, 2)
        weights = planes.logits(some, rows).sub_(sums[some, rows].flatten(1).unsqueeze(-1)).exp_()
        grad_value[some] += weights.transpose(1, 2) @ grads
        logit_grads = grads @ planes.value[some].transpose(1, 2)
        logit_grads.sub_(delta[some, rows].flatten(1).unsqueeze(-1)).mul_(weights).mul_(problem.scale)
        grad_query[some, rows] = (logit_grads @ planes.key[some]).view(grad_query[some, rows].shape)
        grad_key[some] += logit_grads.transpose(1, 2) @ queries
        if by_row is not None and by_col is not None:
            pairs = logit_grads.view(*by_row[some, rows].shape, width)
            by_row[some, rows] = pairs.sum(-1)
            by_col[some, rows] = pairs.sum(-2)
    of_query = grad_query.view(batch, heads, height, width, depth)
    grad_rows = grad_cols = None
    if by_row is not None and by_col is not None and problem.rel_rows is not None and problem.rel_cols is not None:
        queries, tables = to_planes(problem.query), (problem.rel_rows.to(grad.dtype), problem.rel_cols.to(grad.dtype))
        offsets = (logits.view(batch, heads, *logits.shape[1:]) for logits in (by_row, by_col))
        by_offset, grad_rows, grad_cols = offset_gradients(queries, *tables, *offsets)
        of_query = of_query + by_offset
        grad_rows, grad_cols = grad_rows.to(problem.rel_rows.dtype), grad_cols.to(problem.rel_cols.dtype)
    return (
        from_planes(of_query, problem.query),
        from_planes(grad_key.view(of_query.shape), problem.key),
        from_planes(grad_value.view(batch, heads, height, width, problem.value.shape[4]), problem.value),
        grad_rows,
        grad_cols,
    )


def _planes(problem: GlobalProblem) -> _Planes:
    queries = to_planes(problem.query)
    by_row = by_col = None
    if problem.rel_rows is not None and problem.rel_cols is not None:
        tables = problem.rel_rows.to(queries.dtype), problem.rel_cols.to(queries.dtype)
        by_row, by_col = (logits.flatten(0, 1) for logits in offset_logits(queries, *tables))
    return _Planes(
        query=queries.flatten(0, 1),
        key=to_planes(problem.key).flatten(0, 1).flatten(1, 2),
        value=to_planes(problem.value).flatten(0, 1).flatten(1, 2),
        by_row=by_row,
        by_col=by_col,
        scale=problem.scale,
    )
