"""Window attention as masked attention over the whole map: no windows in memory, but all pairs of pixels."""

import torch
from torch import Tensor
from torch.nn import functional as F

from sasa_nas.ops.local_attention.naive import WindowPadding, check_local_attention


def dense_local_attention(
    query: Tensor,
    key: Tensor | None,
    value: Tensor,
    rel_rows: Tensor | None = None,
    rel_cols: Tensor | None = None,
    *,
    kernel_size: int,
    stride: int = 1,
    scale: float = 1.0,
    padding: WindowPadding = "mask",
) -> Tensor:
    """Return the same function as `naive.local_attention`, for maps not much larger than the window.

    Two matrix products over all pairs of pixels, with -inf for the pairs that are out of each other's
    window. On a map of 8 x 8 and a window of 7 x 7 that is 1.3 times the pairs, but nothing has to be laid
    out in windows.

    Args:
        query: `(B, H, W, heads, head_dim)`, any floating type.
        key: Keys, of the shape of `query`, or None.
        value: `(B, H, W, heads, value_dim)`.
        rel_rows: `(kernel_size, head_dim)` or `(heads, kernel_size, head_dim)`, or None.
        rel_cols: Embeddings of the column offsets, of the shape of `rel_rows`; both or neither.
        kernel_size: Side of the window in pixels, odd.
        stride: Distance of the pixels that attend.
        scale: Factor of all logits.
        padding: Treatment of keys beyond the edge: `mask` or `zeros`.

    Returns:
        `(B, ceil(H / stride), ceil(W / stride), heads, value_dim)` of the type of `value`.

    Raises:
        ValueError: An argument's shape, type, device or value does not fit; the message names it.
    """
    check_local_attention(query, key, value, rel_rows, rel_cols, kernel_size, stride, padding)
    height, width = query.shape[1:3]
    query = query[:, ::stride, ::stride]
    batch, out_height, out_width, heads, _ = query.shape
    # zero vectors beyond the edge are keys like any others; absent ones need no place
    margin = kernel_size // 2 if padding == "zeros" else 0
    rows = _offsets(height, margin, kernel_size, query.device)[::stride]
    cols = _offsets(width, margin, kernel_size, query.device)[::stride]
    keys = rows.shape[1] * cols.shape[1]
    queries = query.permute(0, 3, 1, 2, 4)
    logits = query.new_zeros(())
    if key is not None:
        content = queries.flatten(2, 3) @ _with_margin(key, margin).permute(0, 3, 4, 1, 2).flatten(3)
        logits = content.view(batch, heads, out_height, out_width, rows.shape[1], cols.shape[1])
    row_logits = _offset_logits_at(queries, rel_rows, rows, "bnhwd,nhkd->bnhwk", kernel_size)
    col_logits = _offset_logits_at(queries, rel_cols, cols, "bnhwd,nwkd->bnhwk", kernel_size)
    row_logits = row_logits.masked_fill(~_in_window(rows, kernel_size)[:, None], float("-inf"))
    col_logits = col_logits.masked_fill(~_in_window(cols, kernel_size), float("-inf"))
    logits = (logits + row_logits.unsqueeze(-1) + col_logits.unsqueeze(-2)) * scale
    weights = logits.view(batch, heads, out_height * out_width, keys).softmax(-1).to(value.dtype)
    out = weights @ _with_margin(value, margin).permute(0, 3, 1, 2, 4).flatten(2, 3)
    return out.view(batch, heads, out_height, out_width, value.shape[-1]).permute(0, 2, 3, 1, 4)


def _offsets(size: int, margin: int, kernel_size: int, device: torch.device) -> Tensor:
    """Offset of every key of an axis from every query, plus the window's radius: `(size, size + 2 * margin)`."""
    keys = torch.arange(-margin, size + margin, device=device)
    return keys - torch.arange(size, device=device)[:, None] + kernel_size // 2


def _in_window(offsets: Tensor, kernel_size: int) -> Tensor:
    return (offsets >= 0) & (offsets < kernel_size)


def _offset_logits_at(queries: Tensor, table: Tensor | None, offsets: Tensor, product: str, kernel_size: int) -> Tensor:
    """Position logits of one axis, `(B, heads, H, W, keys)`; zero without a table and wrong out of the window."""
    if table is None:
        return queries.new_zeros(*queries.shape[:4], offsets.shape[1])
    embeddings = table.expand(queries.shape[1], -1, -1)[:, offsets.clamp(0, kernel_size - 1)]
    return torch.einsum(product, queries, embeddings)


def _with_margin(maps: Tensor, margin: int) -> Tensor:
    return F.pad(maps, (0, 0, 0, 0, margin, margin, margin, margin)) if margin else maps
