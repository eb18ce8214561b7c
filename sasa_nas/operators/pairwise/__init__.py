"""Pairwise self-attention of SAN (Zhao, Jia, Koltun 2020)."""

from typing import Annotated, Literal

from pydantic import Field

from sasa_nas.nodes import Bool, OddInt, Positive, Ratio, require_divisor
from sasa_nas.operators.base import Operator
from sasa_nas.operators.registry import register_operator


@register_operator(
    short="pair",
    letter="P",
    colour=("#1aa37a", "#2fc99a"),
    layer="sasa_nas.operators.pairwise.layer:PairwiseAttention2d",
    count="sasa_nas.operators.pairwise.facts:count",
    probe="sasa_nas.operators.pairwise.facts:probe",
    forms="sasa_nas.ops.pairwise_attention.dispatch:explain_choice",
    decompositions=[
        "sasa_nas.ops.pairwise_attention.library:pairwise_attention_decompositions",
        "sasa_nas.ops.relation.library:relation_decompositions",
        "sasa_nas.ops.aggregation.library:aggregate_decompositions",
    ],
    examples=[
        {"kernel_size": 3, "share_channels": 4},
        {"kernel_size": 5, "share_channels": 2, "relation": "hadamard", "positions": False},
        {"kernel_size": 3, "share_channels": 8, "relation": "concatenation", "mapping_layers": 3},
        {"kernel_size": 3, "share_channels": 4, "relation": "sum", "mapping_layers": 1},
        {"kernel_size": 3, "share_channels": 4, "relation": "dot"},
    ],
)
class Pairwise(Operator):
    """Pairwise self-attention of SAN (Zhao, Jia, Koltun 2020, equation 2)."""

    kind: Literal["pairwise"] = "pairwise"
    kernel_size: OddInt = 7
    relation: Literal["sum", "subtraction", "hadamard", "concatenation", "dot"] = "subtraction"
    key_ratio: Annotated[Ratio, Field(gt=0.0)] = 0.25
    """Channels of phi and psi as a share of the stage's width (r2 / r1 in the paper)."""
    share_channels: Positive = 8
    """Number of feature channels that share one attention weight."""
    mapping_layers: Annotated[Positive, Field(le=3)] = 2
    """Linear layers in the mapping gamma."""
    positions: Bool = True

    def check_width(self, width: int) -> None:
        """Raise `Misfit` unless the groups that share a weight divide `width`."""
        require_divisor("share_channels", self.share_channels, width)
