"""Attention augmented convolution (Bello et al. 2019)."""

import math
from typing import Literal

from sasa_nas.nodes import Bool, Misfit, OddInt, Positive, Ratio
from sasa_nas.operators.base import Operator
from sasa_nas.operators.registry import register_operator


@register_operator(
    short="augm",
    letter="A",
    colour=("#e69f00", "#f0b429"),
    layer="sasa_nas.operators.augmented_conv.layer:AugmentedConv2d",
    count="sasa_nas.operators.augmented_conv.facts:count",
    forms="sasa_nas.ops.global_attention.dispatch:explain_choice",
    decompositions=["sasa_nas.ops.global_attention.library:global_attention_decompositions"],
    examples=[
        {"num_heads": 2, "key_ratio": 0.25, "value_ratio": 0.25, "min_key_dim": 2},
        {"num_heads": 2, "min_key_dim": 1, "downsample": True},
        {"num_heads": 4, "value_ratio": 1.0, "min_key_dim": 2, "positions": "sine"},
        {"num_heads": 2, "value_ratio": 0.5, "min_key_dim": 2, "positions": "coordconv"},
        {"value_ratio": 0.0},
    ],
)
class AugmentedConv(Operator):
    """Convolution beside whole-map attention, concatenated (Bello et al. 2019, arXiv 1904.09925)."""

    kind: Literal["augmented_conv"] = "augmented_conv"
    kernel_size: OddInt = 3
    num_heads: Positive = 8
    key_ratio: Ratio = 0.2
    """Kappa: key channels as a share of the output's."""
    value_ratio: Ratio = 0.1
    """Upsilon: attention's share of the output channels; 0 is the plain convolution."""
    min_key_dim: Positive = 20
    """Least number of key channels per head."""
    positions: Literal["none", "sine", "coordconv", "relative"] = "relative"
    downsample: Bool = False
    """Attention at half the resolution with its output upsampled, if true."""

    def check_width(self, width: int) -> None:
        """Raise `Misfit` if there are more heads than channels."""
        if self.value_ratio > 0 and self.num_heads > width:
            raise Misfit("num_heads", f"num_heads={self.num_heads} exceeds width={width}")

    @property
    def attends(self) -> bool:
        """True if attention has any of the output's channels."""
        return self.value_ratio > 0

    def scaled(self, multiplier: float) -> "AugmentedConv":
        """Return the operator with `min_key_dim`, which is a number of channels, multiplied and rounded."""
        return self.model_copy(update={"min_key_dim": max(1, math.floor(self.min_key_dim * multiplier + 0.5))})
