"""One call of whole-map attention, as the forms with a backward pass of their own take it."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class GlobalProblem:
    """Arguments that `naive.check_global_attention` accepts.

    Attributes:
        query: `(B, H, W, heads, head_dim)`.
        key: Keys, of the shape of `query`.
        value: `(B, H, W, heads, value_dim)`.
        rel_rows: `(2H - 1, head_dim)`, or None.
        rel_cols: `(2W - 1, head_dim)`, or None.
        scale: Factor of all logits.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    rel_rows: Tensor | None
    rel_cols: Tensor | None
    scale: float


GlobalGradients = tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]
"""Those of query, key, value, rel_rows and rel_cols; None for what is None."""
