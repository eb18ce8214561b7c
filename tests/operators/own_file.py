"""A small file of operators, as a stranger writes one, for tests."""

SOURCE = """
from typing import Literal

from torch import nn

from sasa_nas.nodes import OddInt
from sasa_nas.operators import Counts, Operator, register_operator


def doubled(in_channels, out_channels, *, kernel_size, stride):
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=kernel_size // 2, bias=False),
        nn.Conv2d(out_channels, out_channels, 1, bias=False),
    )


@register_operator(
    short="twice", letter="W", colour=("#123456", "#abcdef"), layer=doubled,
    count=lambda layer, height, width: Counts(),
)
class Doubled(Operator):
    kind: Literal["doubled"] = "doubled"
    kernel_size: OddInt = 3
"""
