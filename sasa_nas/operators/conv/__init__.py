"""Dense convolution, the baseline of all comparisons."""

from typing import Literal

from sasa_nas.nodes import OddInt
from sasa_nas.operators.base import Operator
from sasa_nas.operators.registry import register_operator


@register_operator(
    short="conv",
    letter="C",
    colour=("#6b7280", "#9aa3b2"),
    layer="sasa_nas.operators.conv.layer:convolution",
    count="sasa_nas.operators.conv.facts:count",
    forms="sasa_nas.operators.conv.facts:forms",
    examples=[{}, {"kernel_size": 1}, {"kernel_size": 5}],
)
class Conv(Operator):
    """Dense convolution, the baseline that all other operators are compared with."""

    kind: Literal["conv"] = "conv"
    kernel_size: OddInt = 3

    @property
    def attends(self) -> bool:
        """False, as it has no attention."""
        return False
