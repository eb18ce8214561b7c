"""Anchors: the boxes at every place of every level that a detector judges and moves."""

import torch
from torch import Tensor
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from sasa_nas.detection.description import Detector
from sasa_nas.detection.network.plan import plan_pyramid

ANCHOR_SIDE = 4
"""Side of an anchor of scale 1, over its level's stride: 32 pixels on P3 of a usual backbone (Lin et al. 2017)."""


class LevelAnchors(AnchorGenerator):  # type: ignore[misc]
    """torchvision's anchors at the levels' own strides.

    torchvision divides the image's size by the map's and so comes out too low wherever a stride does not divide
    the image; and its anchors have the maps' type, in which, were it bfloat16, they would be off by whole pixels.

    Args:
        detector: Says which scales and ratios.
    """

    def __init__(self, detector: Detector) -> None:
        self.strides = tuple(level.stride for level in plan_pyramid(detector).levels)
        super().__init__(
            sizes=tuple(tuple(ANCHOR_SIDE * stride * s for s in detector.anchor_scales) for stride in self.strides),
            aspect_ratios=(detector.anchor_ratios,) * len(self.strides),
        )

    def forward(self, image_list: ImageList, feature_maps: list[Tensor]) -> list[Tensor]:
        """Return the anchors of every image, `(A, 4)` each, float32: left, top, right and bottom in pixels."""
        device = feature_maps[0].device
        self.set_cell_anchors(torch.float32, device)
        strides = [[torch.tensor(stride, device=device)] * 2 for stride in self.strides]
        anchors = torch.cat(self.grid_anchors([level.shape[-2:] for level in feature_maps], strides))
        return [anchors] * len(image_list.image_sizes)
