"""Window attention as sums over slices of maps moved by each offset: no windows in memory, and a backward of its own.

Plain PyTorch on any device and in any floating type; half-width types are summed in float32. The softmax runs online, a
row of the window after another, and the backward pass computes its weights again from the saved log-sum-exp, so that
memory grows with one row of the window, not with all of it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from sasa_nas.ops.local_attention.problem import Gradients, Problem


@dataclass(frozen=True)
class _Planes:
    """A call with its maps as planes, `(B, heads, channels, H, W)`, those of keys and values with a border of zeros.

    `row_logits` and `col_logits` are the products of the queries with the tables, `(kernel_size, B, heads, H', W')`.
    `row_inside` and `col_inside` say which offsets of an axis are in the map, `(kernel_size, H')` and
    `(kernel_size, W')`, all of them where keys beyond it count.
    """

    query: Tensor
    key: Tensor | None
    value: Tensor
    row_logits: Tensor | None
    col_logits: Tensor | None
    row_inside: Tensor
    col_inside: Tensor
    stride: int
    scale: float

    def moved(self, planes: Tensor, dy: int, dx: int) -> Tensor:
        """Return the view of a padded map at an offset from every query: `(B, heads, channels, H', W')`."""
        height, width = self.query.shape[3:]
        rows = slice(dy, dy + (height - 1) * self.stride + 1, self.stride)
        cols = slice(dx, dx + (width - 1) * self.stride + 1, self.stride)
        return planes[..., rows, cols]

    def logits(self, dy: int) -> Tensor:
        """Logits of one row of all windows, `(kernel_size, B, heads, H', W')`, -inf beyond the map."""
        query = self.query
        offsets = range(self.col_inside.shape[0])
        if self.key is None:
            logits = query.new_zeros(len(offsets), *query.shape[:2], *query.shape[3:])
        else:
            logits = torch.stack([(query * self.moved(self.key, dy, dx)).sum(2) for dx in offsets])
        if self.row_logits is not None and self.col_logits is not None:
            logits += self.row_logits[dy]
            logits += self.col_logits
        inside = self.row_inside[dy, :, None] & self.col_inside[:, None, None, None, :]
        return (logits * self.scale).masked_fill(~inside, float("-inf"))


def slices_forward(problem: Problem) -> tuple[Tensor, Tensor]:
    """Window attention without gradients.

    Args:
        problem: Problem on any device, of any floating type.

    Returns:
        The attention `(B, H', W', heads, value_dim)` of the type of the values, and the natural logarithms of the sums
        of the exponential logits, `(B, H', W', heads)`, float64 for float64 and float32 otherwise.
    """
    planes = _planes(problem)
    shape = planes.query.shape
    peak = planes.query.new_full((*shape[:2], *shape[3:]), float("-inf"))
    total = torch.zeros_like(peak)
    out = planes.value.new_zeros(*shape[:2], planes.value.shape[2], *shape[3:])
    for dy in range(problem.kernel_size):
        logits = planes.logits(dy)
        new_peak = torch.maximum(peak, logits.amax(0))
        # until the first row in the map there is no peak, and -inf less -inf would be NaN
        level = new_peak.masked_fill(new_peak == float("-inf"), 0.0)
        weights = (logits - level).exp_()
        decay = (peak - level).exp_()
        total = total * decay + weights.sum(0)
        out *= decay.unsqueeze(2)
        for dx in range(problem.kernel_size):
            out.addcmul_(weights[dx].unsqueeze(2), planes.moved(planes.value, dy, dx))
        peak = new_peak
    out /= total.unsqueeze(2)
    return out.permute(0, 3, 4, 1, 2).to(problem.value.dtype), (peak + total.log()).permute(0, 2, 3, 1)


def slices_backward(problem: Problem, out: Tensor, lse: Tensor, grad_out: Tensor) -> Gradients:
    """Return the gradients of `slices_forward`.

    Args:
        problem: Problem of the forward pass.
        out: Result of `slices_forward`.
        lse: Log-sum-exp of the logits, from the same call.
        grad_out: The gradient of `out`.
    """
    query, key, kernel_size = problem.query, problem.key, problem.kernel_size
    planes = _planes(problem)
    grad = _to_planes(grad_out)
    level = lse.permute(0, 3, 1, 2).to(planes.query.dtype)
    delta = (grad * _to_planes(out)).sum(2)
    grad_query = torch.zeros_like(planes.query)
    grad_key = None if planes.key is None else torch.zeros_like(planes.key)
    grad_value = torch.zeros_like(planes.value)
    row_grads = delta.new_zeros(kernel_size, *delta.shape)
    col_grads = torch.zeros_like(row_grads)
    for dy in range(kernel_size):
        weights = (planes.logits(dy) - level).exp_()
        for dx in range(kernel_size):
            weight_grad = (grad * planes.moved(planes.value, dy, dx)).sum(2)
            logit_grad = weights[dx] * (weight_grad - delta) * problem.scale
            planes.moved(grad_value, dy, dx).addcmul_(weights[dx].unsqueeze(2), grad)
            if planes.key is not None and grad_key is not None:
                grad_query.addcmul_(logit_grad.unsqueeze(2), planes.moved(planes.key, dy, dx))
                planes.moved(grad_key, dy, dx).addcmul_(logit_grad.unsqueeze(2), planes.query)
            row_grads[dy] += logit_grad
            col_grads[dx] += logit_grad
    grad_tables: list[Tensor | None] = []
    for table, grads in ((problem.rel_rows, row_grads), (problem.rel_cols, col_grads)):
        if table is None:
            grad_tables.append(None)
            continue
        grad_query += torch.einsum("kbnhw,nkd->bndhw", grads, _per_head(table, query))
        by_head = torch.einsum("kbnhw,bndhw->nkd", grads, planes.query)
        grad_tables.append((by_head if table.dim() == 3 else by_head.sum(0)).to(table.dtype))
    return (
        _from_planes(grad_query, query),
        None if key is None or grad_key is None else _from_planes(grad_key, key),
        _from_planes(grad_value, problem.value),
        grad_tables[0],
        grad_tables[1],
    )


def _planes(problem: Problem) -> _Planes:
    query, key, value, kernel_size = problem.query, problem.key, problem.value, problem.kernel_size
    border = (kernel_size // 2,) * 4
    queries = _to_planes(query)
    row_logits, col_logits = (
        None if table is None else torch.einsum("bndhw,nkd->kbnhw", queries, _per_head(table, query))
        for table in (problem.rel_rows, problem.rel_cols)
    )
    row_inside, col_inside = (
        _inside(size, seen, kernel_size, problem.stride, query.device)
        if problem.padding == "mask"
        else torch.ones(kernel_size, seen, dtype=torch.bool, device=query.device)
        for size, seen in zip(value.shape[1:3], query.shape[1:3], strict=True)
    )
    return _Planes(
        query=queries,
        key=None if key is None else F.pad(_to_planes(key), border),
        value=F.pad(_to_planes(value), border),
        row_logits=row_logits,
        col_logits=col_logits,
        row_inside=row_inside,
        col_inside=col_inside,
        stride=problem.stride,
        scale=problem.scale,
    )


def _inside(size: int, seen: int, kernel_size: int, stride: int, device: torch.device) -> Tensor:
    """Return whether each offset from each query of an axis is in the map: `(kernel_size, seen)`."""
    place = torch.arange(seen, device=device) * stride + torch.arange(kernel_size, device=device)[:, None]
    place = place - kernel_size // 2
    return (place >= 0) & (place < size)


def _to_planes(heads: Tensor) -> Tensor:
    """`(B, H, W, heads, channels)` as `(B, heads, channels, H, W)`, float32 unless it is float64."""
    return heads.permute(0, 3, 4, 1, 2).to(torch.promote_types(heads.dtype, torch.float32)).contiguous()


def _from_planes(planes: Tensor, heads: Tensor) -> Tensor:
    """Return the gradient of `heads` from planes that may have a border."""
    height, width = heads.shape[1:3]
    top, left = (planes.shape[3] - height) // 2, (planes.shape[4] - width) // 2
    return planes[..., top : top + height, left : left + width].permute(0, 3, 4, 1, 2).to(heads.dtype)


def _per_head(table: Tensor, query: Tensor) -> Tensor:
    """Return a relative table as `(heads, kernel_size, head_dim)`, float32 unless it is float64."""
    return table.to(torch.promote_types(table.dtype, torch.float32)).expand(query.shape[3], -1, -1)
