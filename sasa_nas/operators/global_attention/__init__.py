"""Global multi-head self-attention, over the whole map."""

from typing import Literal

from sasa_nas.nodes import Positive, require_divisor
from sasa_nas.operators.base import Operator
from sasa_nas.operators.registry import register_operator


@register_operator(
    short="global",
    letter="G",
    colour=("#d55e00", "#ff8a3d"),
    layer="sasa_nas.operators.global_attention.layer:GlobalAttention2d",
    count="sasa_nas.operators.global_attention.facts:count",
    forms="sasa_nas.ops.global_attention.dispatch:explain_choice",
    decompositions=["sasa_nas.ops.global_attention.library:global_attention_decompositions"],
    examples=[{"num_heads": 2}, {"num_heads": 4, "positions": "none"}],
)
class GlobalAttention(Operator):
    """Global multi-head attention, over the whole map, with relative row and column logits."""

    kind: Literal["global_attention"] = "global_attention"
    num_heads: Positive = 8
    positions: Literal["none", "relative"] = "relative"

    def check_width(self, width: int) -> None:
        """Raise `Misfit` unless the heads divide `width`."""
        require_divisor("num_heads", self.num_heads, width)
