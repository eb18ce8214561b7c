"""Patchwise self-attention of SAN (Zhao, Jia, Koltun 2020)."""

from typing import Annotated, Literal

from pydantic import Field

from sasa_nas.nodes import OddInt, Positive, Ratio, require_divisor
from sasa_nas.operators.base import Operator
from sasa_nas.operators.registry import register_operator


@register_operator(
    short="patch",
    letter="T",
    colour=("#cc79a7", "#e6a3c8"),
    layer="sasa_nas.operators.patchwise.layer:PatchwiseAttention2d",
    count="sasa_nas.operators.patchwise.facts:count",
    probe="sasa_nas.operators.patchwise.facts:probe",
    forms="sasa_nas.ops.patchwise_attention.dispatch:explain_choice",
    decompositions=[
        "sasa_nas.ops.patchwise_attention.library:patchwise_attention_decompositions",
        "sasa_nas.ops.relation.library:relation_decompositions",
        "sasa_nas.ops.aggregation.library:aggregate_decompositions",
    ],
    bound_flow="sasa_nas.operators.patchwise.facts:bound_flow",
    examples=[
        {"kernel_size": 3, "share_channels": 4},
        {"kernel_size": 3, "share_channels": 2, "relation": "star"},
        {"kernel_size": 3, "share_channels": 4, "relation": "clique", "mapping_layers": 1},
    ],
)
class Patchwise(Operator):
    """Patchwise self-attention of SAN (Zhao, Jia, Koltun 2020, equation 4)."""

    kind: Literal["patchwise"] = "patchwise"
    kernel_size: OddInt = 7
    relation: Literal["star", "clique", "concatenation"] = "concatenation"
    key_ratio: Annotated[Ratio, Field(gt=0.0)] = 0.25
    """Channels of phi and psi as a share of the stage's width (r2 / r1 in the paper)."""
    share_channels: Positive = 8
    """Number of feature channels that share one attention weight."""
    mapping_layers: Annotated[Positive, Field(le=3)] = 2
    """Linear layers in the mapping gamma."""

    def check_width(self, width: int) -> None:
        """Raise `Misfit` unless the groups that share a weight divide `width`."""
        require_divisor("share_channels", self.share_channels, width)
