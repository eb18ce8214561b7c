"""`config.json` of an exported detector: facts as timm names them, and those of boxes."""

from typing import Any

import torch

from sasa_nas.detection.description import Detector
from sasa_nas.detection.exporting.network import anchors_of_levels, for_inference
from sasa_nas.detection.network import build_detector
from sasa_nas.exporting.card import ModelCard
from sasa_nas.exporting.hub_config import require_facts, timm_name, with_weights


def detector_config(card: ModelCard, detector: Detector) -> dict[str, Any]:
    """Return the configuration.

    Args:
        card: Facts about the weights; of them, names and numbers of the classes and the license.
        detector: The detector.
    """
    config = with_weights(_of_detector(detector), card)
    if card.category_ids is not None:
        config["category_ids"] = list(card.category_ids)
    return config


def check_detector_config(content: bytes, detector: Detector) -> None:
    """Check that a configuration is one of a detector's network.

    Raises:
        UserError: If it is no JSON object, or describes another network.
    """
    require_facts(content, _of_detector(detector), detector)


def _of_detector(detector: Detector) -> dict[str, Any]:
    """Return the part of a configuration that follows from the detector."""
    with torch.device("meta"):
        network = for_inference(build_detector(detector))
    return {
        "architecture": timm_name(detector),
        "num_classes": detector.num_classes,
        "pretrained_cfg": {
            "num_classes": detector.num_classes,
            "input_size": [3, *network.image_size],
            "interpolation": "bilinear",
            "crop_mode": "letterbox",
            "mean": list(network.mean),
            "std": list(network.std),
        },
        "detection": {
            "box_format": "left, top, right, bottom",
            "anchors": anchors_of_levels(detector),
            "strides": list(network.strides),
            "anchor_sides": list(network.anchor_sides),
            "anchor_scales": list(network.anchor_scales),
            "anchor_ratios": list(network.anchor_ratios),
            "score_threshold": network.score_threshold,
            "nms_threshold": network.nms_threshold,
            "candidates_per_level": network.candidates,
            "detections_per_image": network.detections,
        },
    }
