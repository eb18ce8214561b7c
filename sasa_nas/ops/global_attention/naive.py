"""Attention over the whole map written down plainly: all logits are held in memory."""

import torch
from torch import Tensor


def global_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rel_rows: Tensor | None = None,
    rel_cols: Tensor | None = None,
    *,
    scale: float,
) -> Tensor:
    """Attention of every pixel to all pixels of the map, with relative logits.

    `y_i = sum_j softmax_j(scale * q_i . (k_j + rel_rows[jy - iy + H - 1] + rel_cols[jx - ix + W - 1])) v_j`
    (Bello et al. 2019, arXiv 1904.09925, equations 2 to 4). A row's embedding is met by whole rows of
    keys, so the relative term costs `heads * H * W * (H + W)` numbers, not `(H * W)**2 * head_dim`.

    Args:
        query: `(B, H, W, heads, head_dim)`, any floating type.
        key: As `query`.
        value: `(B, H, W, heads, value_dim)`; `value_dim` may differ from `head_dim`.
        rel_rows: `(2H - 1, head_dim)`, shared by the heads, or None.
        rel_cols: `(2W - 1, head_dim)`; both or neither.
        scale: Factor of all logits, as a rule `head_dim**-0.5`.

    Returns:
        `(B, H, W, heads, value_dim)` of the type of `value`.

    Raises:
        ValueError: An argument's shape, type or device does not fit; the message names it.
    """
    _check_global_attention(query, key, value, rel_rows, rel_cols)
    height, width = query.shape[1:3]
    logits = torch.einsum("bhwnd,byxnd->bnhwyx", query, key)
    if rel_rows is not None and rel_cols is not None:
        by_row = rel_rows[_offset_indices(height, query.device)]
        by_col = rel_cols[_offset_indices(width, query.device)]
        logits = logits + torch.einsum("bhwnd,hyd->bnhwy", query, by_row).unsqueeze(-1)
        logits = logits + torch.einsum("bhwnd,wxd->bnhwx", query, by_col).unsqueeze(-2)
    weights = (logits * scale).flatten(-2).softmax(-1).view(logits.shape)
    return torch.einsum("bnhwyx,byxnd->bhwnd", weights.to(value.dtype), value)


def _offset_indices(size: int, device: torch.device) -> Tensor:
    """Table index `j - i + size - 1` of key j seen from query i: `(size, size)`."""
    places = torch.arange(size, device=device)
    return places - places[:, None] + size - 1


def _check_global_attention(
    query: Tensor, key: Tensor, value: Tensor, rel_rows: Tensor | None, rel_cols: Tensor | None
) -> None:
    if query.dim() != 5 or 0 in query.shape[1:]:
        raise ValueError(f"query must be (B, H, W, heads, head_dim), none but B zero, got {tuple(query.shape)}")
    if key.shape != query.shape:
        raise ValueError(f"key must have the shape of query {tuple(query.shape)}, got {tuple(key.shape)}")
    if value.dim() != 5 or value.shape[:4] != query.shape[:4] or value.shape[4] == 0:
        raise ValueError(f"value must be {(*query.shape[:4], 'value_dim')}, got {tuple(value.shape)}")
    if (rel_rows is None) != (rel_cols is None):
        raise ValueError("rel_rows and rel_cols must be given both or not at all")
    _, height, width, _, head_dim = query.shape
    for name, table, size in (("rel_rows", rel_rows, height), ("rel_cols", rel_cols, width)):
        if table is not None and table.shape != (2 * size - 1, head_dim):
            raise ValueError(f"{name} must be {(2 * size - 1, head_dim)}, got {tuple(table.shape)}")
    for name, tensor in (("key", key), ("value", value), ("rel_rows", rel_rows), ("rel_cols", rel_cols)):
        if tensor is not None and tensor.dtype != query.dtype:
            raise ValueError(f"{name} must have the dtype of query ({query.dtype}), got {tensor.dtype}")
        if tensor is not None and tensor.device != query.device:
            raise ValueError(f"{name} must be on the device of query ({query.device}), got {tensor.device}")
