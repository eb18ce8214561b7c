"""Stand-alone self-attention in a window (Ramachandran et al. 2019)."""

from typing import Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from sasa_nas.nodes import Misfit, OddInt, Positive, require_divisor
from sasa_nas.operators.base import Operator
from sasa_nas.operators.registry import register_operator


@register_operator(
    short="local",
    letter="L",
    colour=("#0067a5", "#56b4e9"),
    layer="sasa_nas.operators.local_attention.layer:LocalAttention2d",
    count="sasa_nas.operators.local_attention.facts:count",
    probe="sasa_nas.operators.local_attention.facts:probe",
    forms="sasa_nas.ops.local_attention.dispatch:explain_choice",
    decompositions=["sasa_nas.ops.local_attention.library:local_attention_decompositions"],
    initialise_without_norm="sasa_nas.operators.local_attention.facts:initialise_without_norm",
    examples=[
        {"kernel_size": 3, "num_heads": 2},
        {"kernel_size": 5, "num_heads": 4, "padding": "zeros"},
        {"kernel_size": 3, "num_heads": 4, "positions": "absolute", "interactions": "content"},
        {"kernel_size": 3, "num_heads": 2, "interactions": "relative"},
        {"kernel_size": 3, "num_heads": 1, "positions": "none"},
    ],
)
class LocalAttention(Operator):
    """Stand-alone self-attention in a window (Ramachandran et al. 2019, arXiv 1906.05909)."""

    kind: Literal["local_attention"] = "local_attention"
    kernel_size: OddInt = 7
    num_heads: Positive = 8
    positions: Literal["none", "absolute", "relative"] = "relative"
    interactions: Literal["content", "relative", "both"] = "both"
    """Terms of the logits: q.k (content), q.r (relative), or their sum."""
    padding: Literal["mask", "zeros"] = "mask"
    """Treatment of keys beyond the image's edge: left out of the softmax (mask), or zero vectors."""

    @model_validator(mode="after")
    def _interactions_need_positions(self) -> "LocalAttention":
        if self.interactions == "relative" and self.positions != "relative":
            raise PydanticCustomError(
                "misfit",
                "interactions=relative needs positions=relative, not {positions}",
                {"field": "interactions", "positions": self.positions},
            )
        return self

    def check_width(self, width: int) -> None:
        """Raise `Misfit` unless the heads divide `width`, into an even number of channels for relative positions."""
        require_divisor("num_heads", self.num_heads, width)
        if self.positions == "relative" and width // self.num_heads % 2:
            raise Misfit(
                "num_heads",
                f"num_heads={self.num_heads} leaves {width // self.num_heads} channels a head of width={width}; "
                "relative positions need an even number (half for rows, half for columns)",
            )
