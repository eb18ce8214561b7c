"""Relative logits of whole-map attention, an axis at a time: `(B, heads, H, W, H + W)` numbers, not all pairs."""

import torch
from torch import Tensor
from torch.nn import functional as F

from sasa_nas.ops.global_attention.naive import relative_to_absolute


def offset_logits(queries: Tensor, rel_rows: Tensor, rel_cols: Tensor) -> tuple[Tensor, Tensor]:
    """Terms that a key's row and its column add to the logits.

    Args:
        queries: `(B, heads, H, W, head_dim)`.
        rel_rows: `(2H - 1, head_dim)`.
        rel_cols: `(2W - 1, head_dim)`.

    Returns:
        `(B, heads, H, W, H)` and `(B, heads, H, W, W)`.
    """
    by_row = relative_to_absolute((queries @ rel_rows.t()).transpose(2, 3)).transpose(2, 3)
    return by_row, relative_to_absolute(queries @ rel_cols.t())


def offset_gradients(
    queries: Tensor, rel_rows: Tensor, rel_cols: Tensor, grad_rows: Tensor, grad_cols: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of queries and tables from those of what `offset_logits` returned."""
    by_row = _absolute_to_relative(grad_rows.transpose(2, 3)).transpose(2, 3)
    by_col = _absolute_to_relative(grad_cols)
    flat = queries.flatten(0, 3)
    return by_row @ rel_rows + by_col @ rel_cols, by_row.flatten(0, 3).t() @ flat, by_col.flatten(0, 3).t() @ flat


def _absolute_to_relative(by_key: Tensor) -> Tensor:
    """Invert `relative_to_absolute`, `(..., L, L)` to `(..., L, 2L - 1)`, zero at offsets without a key."""
    *others, size, _ = by_key.shape
    if size == 1:
        return by_key
    flat = F.pad(by_key, (0, size - 2)).flatten(-2)
    return F.pad(flat, (size - 1, 1)).view(*others, size, 2 * size - 1)


def to_planes(heads: Tensor) -> Tensor:
    """`(B, H, W, heads, channels)` as `(B, heads, H, W, channels)`, float32 unless it is float64."""
    return heads.permute(0, 3, 1, 2, 4).to(torch.promote_types(heads.dtype, torch.float32))


def from_planes(planes: Tensor, heads: Tensor) -> Tensor:
    """Return the inverse of `to_planes`, in the type of `heads`."""
    return planes.permute(0, 2, 3, 1, 4).to(heads.dtype)
