"""From a `Detector` to its module: torchvision's RetinaNet around a network of our own.

Apart from the rest of `sasa_nas.models`, which works without torchvision.
"""

from sasa_nas.detection.network.network import DetectionNetwork, build_detector, check_backbone, load_backbone

__all__ = ["DetectionNetwork", "build_detector", "check_backbone", "load_backbone"]
