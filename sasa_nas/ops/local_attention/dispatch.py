"""Which form of window attention runs."""

from torch import Tensor

from sasa_nas.ops.local_attention import dense, naive
from sasa_nas.ops.local_attention.naive import WindowPadding

DENSE_PAIRS = 4
"""The dense form runs where it looks at no more than this many times the pairs of the window."""


def local_attention(
    query: Tensor,
    key: Tensor | None,
    value: Tensor,
    rel_rows: Tensor | None = None,
    rel_cols: Tensor | None = None,
    *,
    kernel_size: int,
    scale: float = 1.0,
    padding: WindowPadding = "mask",
) -> Tensor:
    """Attention of every pixel to the window around it, in whichever form is faster for this map.

    Args:
        query: `(B, H, W, heads, head_dim)`, any floating type.
        key: As `query`, or None: the logits are then those of the relative embeddings alone.
        value: `(B, H, W, heads, value_dim)`; `value_dim` may differ from `head_dim`.
        rel_rows: `(kernel_size, head_dim)` or `(heads, kernel_size, head_dim)`, or None.
        rel_cols: As `rel_rows`, for the column offsets; both or neither.
        kernel_size: Side of the window in pixels, odd.
        scale: Factor of all logits.
        padding: What a key beyond the edge is: absent from the softmax (`mask`) or a zero vector (`zeros`).

    Returns:
        `(B, H, W, heads, value_dim)` of the type of `value`; see `naive.local_attention` for the equation.

    Raises:
        ValueError: An argument's shape, type, device or value does not fit; the message names it.
    """
    margin = kernel_size - 1 if padding == "zeros" else 0
    pairs = (query.shape[1] + margin) * (query.shape[2] + margin) if query.dim() == 5 else 0
    form = dense.dense_local_attention if pairs <= DENSE_PAIRS * kernel_size**2 else naive.local_attention
    return form(query, key, value, rel_rows, rel_cols, kernel_size=kernel_size, scale=scale, padding=padding)
