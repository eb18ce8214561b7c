"""Plan of the input and output maps of a detector's pyramid: shapes without modules."""

from dataclasses import dataclass

from sasa_nas.blocks.plans import Size, strided
from sasa_nas.detection.description import Detector
from sasa_nas.models.plans import plan_network, stage_reductions


@dataclass(frozen=True)
class MapPlan:
    """A map: its channels, its height and width, and its stride in the image's pixels."""

    channels: int
    size: Size
    stride: int


@dataclass(frozen=True)
class PyramidPlan:
    """Input maps C3 to C5 and output maps P3 to P7 of the pyramid, fine to coarse."""

    inputs: tuple[MapPlan, ...]
    levels: tuple[MapPlan, ...]


def plan_pyramid(detector: Detector) -> PyramidPlan:
    """Return the plan of the pyramid of `detector`."""
    backbone, width = detector.backbone, detector.pyramid_width
    stages = zip(stage_reductions(backbone), plan_network(backbone).stages, strict=True)
    inputs = tuple(MapPlan(parts[-1].out_channels, parts[-1].out_size, stride) for stride, parts in stages)[-3:]
    levels = [MapPlan(width, found.size, found.stride) for found in inputs]
    for _ in range(2):
        levels.append(MapPlan(width, strided(levels[-1].size, 2), 2 * levels[-1].stride))
    return PyramidPlan(inputs, tuple(levels))
