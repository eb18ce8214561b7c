"""The two heads that all levels share: one for classes, one for boxes."""

import math

from torch import Tensor, nn
from torchvision.models.detection.retinanet import RetinaNetHead

from sasa_nas.blocks.plans import Size
from sasa_nas.detection.description import Detector
from sasa_nas.detection.network.operators import build_last, build_spatial

CONV_STD = 0.01
"""Deviation of the initial weights of a head's convolutions (Lin et al. 2017, arXiv 1708.02002, section 4.1)."""
PRIOR = 0.01
"""The probability of every class at the start (ibid.)."""


class SharedHeads(RetinaNetHead):  # type: ignore[misc]
    """torchvision's heads and losses, with the operators of a detector.

    Args:
        detector: Says which operators, how many, and how wide.
        size: Height and width of the finest level.
    """

    def __init__(self, detector: Detector, size: Size) -> None:
        anchors = detector.num_anchors
        super().__init__(detector.pyramid_width, anchors, detector.num_classes)
        classes, boxes = self.classification_head, self.regression_head
        classes.conv, boxes.conv = _tower(detector, size), _tower(detector, size)
        log_odds = math.log(PRIOR / (1 - PRIOR))
        classes.cls_logits = build_last(detector, anchors * detector.num_classes, size, bias=log_odds)
        boxes.bbox_reg = build_last(detector, anchors * 4, size, bias=0.0)
        for part in (*classes.conv, classes.cls_logits, *boxes.conv, boxes.bbox_reg):
            for layer in [part] if isinstance(part, nn.Conv2d) else part.children():
                # not those inside an attention layer
                if isinstance(layer, nn.Conv2d):
                    nn.init.normal_(layer.weight, std=CONV_STD)

    def forward(self, x: list[Tensor]) -> dict[str, Tensor]:
        """Levels `(B, channels, H, W)` to logits `(B, A, classes)` and box offsets `(B, A, 4)`, A anchors in all.

        In float32 whatever autocast makes of the layers: losses and boxes need it.
        """
        outputs: dict[str, Tensor] = super().forward(x)
        return {name: output.float() for name, output in outputs.items()}


def _tower(detector: Detector, size: Size) -> nn.Sequential:
    """Return the layers before a head's last operator."""
    pairs = [nn.Sequential(build_spatial(detector, size), nn.ReLU()) for _ in range(detector.head_depth)]
    return nn.Sequential(*pairs)
