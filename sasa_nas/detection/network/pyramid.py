"""The feature pyramid: five maps of one width from the last three of a backbone."""

from torch import Tensor, nn
from torchvision.ops.feature_pyramid_network import ExtraFPNBlock, FeaturePyramidNetwork

from sasa_nas.blocks.plans import Size
from sasa_nas.detection.description import Detector
from sasa_nas.detection.network.operators import build_spatial
from sasa_nas.detection.network.plan import plan_pyramid


class CoarseLevels(ExtraFPNBlock):  # type: ignore[misc]
    """P6 from P5, and P7 from P6 after a ReLU (Lin et al. 2017, arXiv 1708.02002, with P5 in the place of C5).

    Args:
        p6: A module that halves a map.
        p7: A second module that halves a map.
    """

    def __init__(self, p6: nn.Module, p7: nn.Module) -> None:
        super().__init__()
        self.p6 = p6
        self.activation = nn.ReLU()
        self.p7 = p7

    def forward(self, results: list[Tensor], x: list[Tensor], names: list[str]) -> tuple[list[Tensor], list[str]]:
        """Return the levels P3 to P5 and their names, with P6 and P7 added; the backbone's own maps are unused."""
        p6 = self.p6(results[-1])
        p7 = self.p7(self.activation(p6))
        return [*results, p6, p7], [*names, "p6", "p7"]


def build_pyramid(detector: Detector) -> FeaturePyramidNetwork:
    """Build a module from an ordered dictionary of C3 to C5, `(B, channels, H, W)` each, to one of P3 to P7."""
    plan = plan_pyramid(detector)
    p3, p4, p5, p6, _ = plan.levels
    pyramid = FeaturePyramidNetwork([found.channels for found in plan.inputs], detector.pyramid_width)
    # in a sequence each: torchvision renames the weights of bare convolutions when it loads them
    pyramid.layer_blocks = nn.ModuleList(nn.Sequential(_operator(detector, level.size)) for level in (p3, p4, p5))
    pyramid.extra_blocks = CoarseLevels(_operator(detector, p5.size, stride=2), _operator(detector, p6.size, stride=2))
    return pyramid


def _operator(detector: Detector, size: Size, *, stride: int = 1) -> nn.Module:
    operator = build_spatial(detector, size, stride=stride)
    if isinstance(operator, nn.Conv2d):
        # as torchvision does it
        nn.init.kaiming_uniform_(operator.weight, a=1)
    return operator
