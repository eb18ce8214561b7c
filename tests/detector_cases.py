"""Small detectors whose objects can be told, though nothing trained them."""

from typing import Any

import torch
from torch import Tensor

from sasa_nas.detection.description import Detector
from sasa_nas.detection.network import DetectionNetwork, build_detector

SIZES = ((50, 70), (70, 100), (140, 60), (1, 9))
"""Height and width of images: smaller than the letterbox, as large, tall, and a line."""


def small_detector(height: int = 70, width: int = 100, **fields: Any) -> Detector:
    """A detector of three classes for images whose sides no stride divides."""
    stages = [{"blocks": 1, "width": 8, "stride": stride} for stride in (1, 2, 2, 2)]
    image = {"height": height, "width": width}
    backbone = {"block": "basic", "stem": {"kind": "conv", "width": 8}, "stages": stages, "image": image}
    small = {"backbone": backbone, "pyramid_width": 16, "head_depth": 1, "num_classes": 3}
    return Detector.model_validate({**small, **fields})


def sure_network(detector: Detector) -> DetectionNetwork:
    """The detector in evaluation mode with random weights that find hundreds of boxes, with many scores."""
    torch.manual_seed(0)
    network = build_detector(detector).eval()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif tensor.is_floating_point():
                tensor += 0.1 * torch.randn(tensor.shape)
        for head in (network.head.classification_head.cls_logits, network.head.regression_head.bbox_reg):
            for name, parameter in head.named_parameters():
                parameter.copy_(0.3 * torch.randn(parameter.shape) if name.endswith("weight") else 0 * parameter - 0.2)
    return network


def pictures() -> list[Tensor]:
    """An image of each of `SIZES`, uint8."""
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(256, (3, *size), dtype=torch.uint8, generator=generator) for size in SIZES]
