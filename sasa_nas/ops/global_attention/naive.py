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
    (Bello et al. 2019, arXiv 1904.09925, equations 2 to 4). Queries meet every offset of the tables once and
    the products are skewed into place, as in the paper's own code, so the relative term holds
    `B * heads * H * W * (2H - 1 + 2W - 1)` numbers, forward and backward, not `(H * W)**2 * head_dim`.

    Args:
        query: `(B, H, W, heads, head_dim)`, any floating type.
        key: Keys, of the shape of `query`.
        value: `(B, H, W, heads, value_dim)`; `value_dim` may differ from `head_dim`.
        rel_rows: `(2H - 1, head_dim)`, shared by the heads, or None.
        rel_cols: `(2W - 1, head_dim)`; both or neither.
        scale: Factor of all logits, as a rule `head_dim**-0.5`.

    Returns:
        `(B, H, W, heads, value_dim)` of the type of `value`.

    Raises:
        ValueError: An argument's shape, type or device does not fit; the message names it.
    """
    check_global_attention(query, key, value, rel_rows, rel_cols)
    return attend_to_map(map_logits(query, key, rel_rows, rel_cols, scale), value)


def map_logits(query: Tensor, key: Tensor, rel_rows: Tensor | None, rel_cols: Tensor | None, scale: float) -> Tensor:
    """Scaled logits of all pairs of pixels, `(B, heads, H, W, H, W)`; see `global_attention`."""
    logits = torch.einsum("bhwnd,byxnd->bnhwyx", query, key)
    if rel_rows is not None and rel_cols is not None:
        by_row = relative_to_absolute(torch.einsum("bhwnd,rd->bnwhr", query, rel_rows))
        by_col = relative_to_absolute(torch.einsum("bhwnd,rd->bnhwr", query, rel_cols))
        logits = logits + by_row.transpose(2, 3).unsqueeze(-1)
        logits = logits + by_col.unsqueeze(-2)
    return logits * scale


def attend_to_map(logits: Tensor, value: Tensor) -> Tensor:
    """Return the values weighted by the softmax of `map_logits`, `(B, H, W, heads, value_dim)`."""
    weights = logits.flatten(-2).softmax(-1).view(logits.shape)
    return torch.einsum("bnhwyx,byxnd->bhwnd", weights.to(value.dtype), value)


def relative_to_absolute(by_offset: Tensor) -> Tensor:
    """Turn offsets into keys along one axis: `(..., L, 2L - 1)` to `(..., L, L)`.

    Key j of query i lies at offset `j - i + L - 1`, in the flattened matrix at `i * (2L - 2) + j + L - 1`: rows of
    `2L - 2` that begin `L - 1` late have the keys in order, so nothing is gathered.
    """
    *others, size, _ = by_offset.shape
    if size == 1:
        return by_offset
    return by_offset.flatten(-2)[..., size - 1 : -1].reshape(*others, size, 2 * size - 2)[..., :size]


def check_global_attention(
    query: Tensor, key: Tensor, value: Tensor, rel_rows: Tensor | None, rel_cols: Tensor | None
) -> None:
    """Raise a ValueError that names the first argument of whole-map attention that does not fit."""
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
