"""One call of window attention, as the forms without windows in memory take it."""

from dataclasses import dataclass

from torch import Tensor

from sasa_nas.ops.local_attention.naive import WindowPadding


@dataclass(frozen=True)
class Problem:
    """Arguments that `naive.check_local_attention` accepts.

    Attributes:
        query: `(B, H', W', heads, head_dim)`, only the pixels that the stride leaves.
        key: `(B, H, W, heads, head_dim)`, or None.
        value: `(B, H, W, heads, value_dim)`.
        rel_rows: `(kernel_size, head_dim)` or `(heads, kernel_size, head_dim)`, or None.
        rel_cols: Embeddings of the column offsets, of the shape of `rel_rows`.
        kernel_size: Side of the window in pixels, odd.
        stride: Distance of the query's pixels.
        scale: Factor of all logits.
        padding: Treatment of keys beyond the edge: `mask` or `zeros`.
    """

    query: Tensor
    key: Tensor | None
    value: Tensor
    rel_rows: Tensor | None
    rel_cols: Tensor | None
    kernel_size: int
    stride: int
    scale: float
    padding: WindowPadding


Gradients = tuple[Tensor, Tensor | None, Tensor, Tensor | None, Tensor | None]
"""Those of query, key, value, rel_rows and rel_cols; None for what is None."""
