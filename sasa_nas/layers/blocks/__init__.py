"""Residual blocks around spatial operators, and what stands between the blocks of a network."""

from sasa_nas.layers.blocks.basic import BasicBlock
from sasa_nas.layers.blocks.bottleneck import Bottleneck
from sasa_nas.layers.blocks.inverted import InvertedResidual
from sasa_nas.layers.blocks.norm_activation import ConvNormActivation, NormActivation
from sasa_nas.layers.blocks.preactivation import PreactivationBlock
from sasa_nas.layers.blocks.san import SanBlock, SanTransition
from sasa_nas.layers.blocks.shortcut import PaddedShortcut, Shortcut

__all__ = [
    "BasicBlock",
    "Bottleneck",
    "ConvNormActivation",
    "InvertedResidual",
    "NormActivation",
    "PaddedShortcut",
    "PreactivationBlock",
    "SanBlock",
    "SanTransition",
    "Shortcut",
]
