"""The feature pyramid: five maps of one width from the last three of a backbone."""

from torch import nn
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork

from sasa_nas.blocks.plans import Size
from sasa_nas.detection.description import Detector
from sasa_nas.detection.layers.pyramid import CoarseLevels, FeaturePyramid
from sasa_nas.detection.network.operators import build_spatial
from sasa_nas.detection.network.plan import plan_pyramid


def build_pyramid(detector: Detector) -> FeaturePyramid:
    """Build a module from an ordered dictionary of C3 to C5, `(B, channels, H, W)` each, to one of P3 to P7."""
    plan = plan_pyramid(detector)
    p3, p4, p5, p6, _ = plan.levels
    # torchvision's, for the initial weights of its 1x1 convolutions
    theirs = FeaturePyramidNetwork([found.channels for found in plan.inputs], detector.pyramid_width)
    inner = nn.Sequential(*(nn.Sequential(*block) for block in theirs.inner_blocks))
    layers = nn.Sequential(*(nn.Sequential(_operator(detector, level.size)) for level in (p3, p4, p5)))
    p6_from, p7_from = (_operator(detector, level.size, stride=2) for level in (p5, p6))
    return FeaturePyramid(inner, layers, CoarseLevels(p6_from, p7_from))


def _operator(detector: Detector, size: Size, *, stride: int = 1) -> nn.Module:
    operator = build_spatial(detector, size, stride=stride)
    if isinstance(operator, nn.Conv2d):
        # as torchvision does it
        nn.init.kaiming_uniform_(operator.weight, a=1)
    return operator
