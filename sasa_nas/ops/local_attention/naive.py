"""Window attention written down plainly: all windows of keys and values are laid out in memory."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from sasa_nas.ops.windows import check_kernel_size, zero_padded_windows

WindowPadding = Literal["mask", "zeros"]
"""A key beyond the map's edge is absent from the softmax (`mask`), or a zero vector (`zeros`)."""


def local_attention(
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
    """Attention of every pixel to the `kernel_size` x `kernel_size` window around it.

    `y_i = sum_j softmax_j(scale * q_i . (k_j + rel_rows[dy] + rel_cols[dx])) v_j`, `dy` and `dx` being the
    offsets of key j from query i plus `kernel_size // 2` (Ramachandran et al. 2019, arXiv 1906.05909,
    equations 2 and 3, where `scale` is 1). An embedding of half row, half column channels is the same
    with zeros in the other half. The window may be larger than the map.

    Args:
        query: `(B, H, W, heads, head_dim)`, any floating type.
        key: Keys, of the shape of `query`, or None: the logits are then those of the relative embeddings alone.
        value: `(B, H, W, heads, value_dim)`; `value_dim` may differ from `head_dim`.
        rel_rows: `(kernel_size, head_dim)` or `(heads, kernel_size, head_dim)`, or None.
        rel_cols: Embeddings of the column offsets, of the shape of `rel_rows`; both or neither.
        kernel_size: Side of the window in pixels, odd.
        stride: Distance of the pixels that attend, from the first on; all pixels are attended to.
        scale: Factor of all logits.
        padding: Treatment of keys beyond the edge: absent from the softmax (`mask`) or a zero vector (`zeros`), whose
            logit is the relative term alone.

    Returns:
        `(B, ceil(H / stride), ceil(W / stride), heads, value_dim)` of the type of `value`.

    Raises:
        ValueError: An argument's shape, type, device or value does not fit; the message names it.
    """
    check_local_attention(query, key, value, rel_rows, rel_cols, kernel_size, stride, padding)
    logits = window_logits(
        query[:, ::stride, ::stride], key, rel_rows, rel_cols, query.shape[1:3], kernel_size, stride, scale, padding
    )
    return attend_to_windows(logits, value, kernel_size, stride)


def window_logits(
    query: Tensor,
    key: Tensor | None,
    rel_rows: Tensor | None,
    rel_cols: Tensor | None,
    size: Sequence[int],
    kernel_size: int,
    stride: int,
    scale: float,
    padding: WindowPadding,
) -> Tensor:
    """Scaled logits of all windows, `(B, H', W', heads, kernel_size, kernel_size)`; see `local_attention`.

    The queries are those that the stride leaves of a map of `size`, its height and width.
    """
    logits = query.new_zeros(())
    if key is not None:
        windows = zero_padded_windows(key, kernel_size)[:, ::stride, ::stride]
        logits = torch.einsum("bhwnd,bhwndyx->bhwnyx", query, windows)
    if rel_rows is not None and rel_cols is not None:
        logits = logits + _offset_logits(query, rel_rows).unsqueeze(-1)
        logits = logits + _offset_logits(query, rel_cols).unsqueeze(-2)
    logits = logits * scale
    if padding == "mask":
        rows, cols = (_inside_map(length, kernel_size, query.device)[::stride] for length in size)
        inside = rows[:, None, None, :, None] & cols[:, None, None, :]
        logits = logits.masked_fill(~inside, float("-inf"))
    return logits


def attend_to_windows(logits: Tensor, value: Tensor, kernel_size: int, stride: int) -> Tensor:
    """Return the windows' values weighted by the softmax of `window_logits`, `(B, H', W', heads, value_dim)`."""
    weights = logits.flatten(-2).softmax(-1).view(logits.shape)
    windows = zero_padded_windows(value, kernel_size)[:, ::stride, ::stride]
    return torch.einsum("bhwnyx,bhwndyx->bhwnd", weights.to(value.dtype), windows)


def _offset_logits(query: Tensor, table: Tensor) -> Tensor:
    """Products of every query with a table's rows: `(B, H, W, heads, kernel_size)`."""
    return torch.einsum("bhwnd,nkd->bhwnk", query, table.expand(query.shape[3], -1, -1))


def _inside_map(size: int, kernel_size: int, device: torch.device) -> Tensor:
    """Return whether the key at each offset from each pixel of an axis lies on it: `(size, kernel_size)`."""
    place = torch.arange(size, device=device)[:, None] + torch.arange(kernel_size, device=device)
    place = place - kernel_size // 2
    return (place >= 0) & (place < size)


def check_local_attention(
    query: Tensor,
    key: Tensor | None,
    value: Tensor,
    rel_rows: Tensor | None,
    rel_cols: Tensor | None,
    kernel_size: int,
    stride: int,
    padding: str,
) -> None:
    """Raise a ValueError that names the first argument of window attention that does not fit."""
    check_kernel_size(kernel_size)
    if stride < 1:
        raise ValueError(f"stride must be at least 1, got {stride}")
    if padding not in get_args(WindowPadding):
        raise ValueError(f"padding must be one of {get_args(WindowPadding)}, got {padding!r}")
    if query.dim() != 5 or 0 in query.shape[1:]:
        raise ValueError(f"query must be (B, H, W, heads, head_dim), none but B zero, got {tuple(query.shape)}")
    if key is not None and key.shape != query.shape:
        raise ValueError(f"key must have the shape of query {tuple(query.shape)}, got {tuple(key.shape)}")
    if value.dim() != 5 or value.shape[:4] != query.shape[:4] or value.shape[4] == 0:
        raise ValueError(f"value must be {(*query.shape[:4], 'value_dim')}, got {tuple(value.shape)}")
    if (rel_rows is None) != (rel_cols is None):
        raise ValueError("rel_rows and rel_cols must be given both or not at all")
    if key is None and rel_rows is None:
        raise ValueError("rel_rows and rel_cols are required where key is None")
    heads, head_dim = query.shape[3:]
    for name, table in (("rel_rows", rel_rows), ("rel_cols", rel_cols)):
        if table is not None and table.shape not in ((kernel_size, head_dim), (heads, kernel_size, head_dim)):
            raise ValueError(
                f"{name} must be {(kernel_size, head_dim)} or {(heads, kernel_size, head_dim)}, "
                f"got {tuple(table.shape)}"
            )
    for name, tensor in (("key", key), ("value", value), ("rel_rows", rel_rows), ("rel_cols", rel_cols)):
        if tensor is not None and tensor.dtype != query.dtype:
            raise ValueError(f"{name} must have the dtype of query ({query.dtype}), got {tensor.dtype}")
        if tensor is not None and tensor.device != query.device:
            raise ValueError(f"{name} must be on the device of query ({query.device}), got {tensor.device}")
