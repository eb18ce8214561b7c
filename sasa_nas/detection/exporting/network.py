"""The network that is exported of a detector, and the outputs that it must have."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import clip_boxes_to_image

from sasa_nas.detection.description import Detector
from sasa_nas.detection.layers.heads import BoxHead, ClassHead, LevelHeads
from sasa_nas.detection.layers.retinanet import RetinaNet
from sasa_nas.detection.network.anchors import ANCHOR_SIDE
from sasa_nas.detection.network.letterbox import PIXEL_MEAN, PIXEL_STD
from sasa_nas.detection.network.network import DetectionNetwork
from sasa_nas.detection.network.plan import plan_pyramid
from sasa_nas.exporting.task_export import Output

_LEVELS = ("p3", "p4", "p5", "p6", "p7")


def for_inference(network: DetectionNetwork) -> RetinaNet:
    """Return a detector in torch alone, with the modules of `network` and the same names of tensors."""
    detector = network.detector
    image, levels = detector.backbone.image, plan_pyramid(detector).levels
    classes, boxes = network.head.classification_head, network.head.regression_head
    return RetinaNet(
        network.backbone,
        LevelHeads(
            ClassHead(classes.conv, classes.cls_logits, detector.num_classes), BoxHead(boxes.conv, boxes.bbox_reg)
        ),
        detector.num_classes,
        image_size=(image.height, image.width),
        strides=tuple(level.stride for level in levels),
        anchor_sides=tuple(ANCHOR_SIDE * level.stride for level in levels),
        anchor_scales=detector.anchor_scales,
        anchor_ratios=detector.anchor_ratios,
        mean=PIXEL_MEAN,
        std=PIXEL_STD,
        score_threshold=network.score_thresh,
        nms_threshold=network.nms_thresh,
        candidates=network.topk_candidates,
        detections=network.detections_per_img,
    )


def reference(network: DetectionNetwork) -> Callable[[Tensor], Sequence[Tensor]]:
    """Return a function from standardised images to `outputs`, by torchvision's anchors and coder of boxes."""

    def run(images: Tensor) -> Sequence[Tensor]:
        height, width = images.shape[2:]
        levels = list(network.backbone(images).values())
        heads = network.head(levels)
        logits, offsets = heads["cls_logits"], heads["bbox_regression"]
        sizes = [(height, width)] * len(images)
        anchors = network.anchor_generator(ImageList(images, sizes), levels)
        decoded = [
            clip_boxes_to_image(network.box_coder.decode_single(*pair), (height, width))
            for pair in zip(offsets, anchors, strict=True)
        ]
        counts = [network.detector.num_anchors * level.shape[2] * level.shape[3] for level in levels]
        return [torch.stack(decoded), logits.sigmoid(), *logits.split(counts, dim=1), *offsets.split(counts, dim=1)]

    return run


def outputs(detector: Detector) -> tuple[Output, ...]:
    """Return the outputs of a detector: boxes, whose unit is the image's larger side, scores, and the raw heads."""
    image = detector.backbone.image
    raw = [Output(f"{kind}_{level}") for kind in ("logits", "offsets") for level in _LEVELS]
    return (Output("boxes", float(max(image.height, image.width))), Output("scores"), *raw)


def anchors_of_levels(detector: Detector) -> dict[str, int]:
    """Return the number of anchors of each level by its name, in their order in the outputs."""
    levels = plan_pyramid(detector).levels
    counts = [detector.num_anchors * level.size[0] * level.size[1] for level in levels]
    return dict(zip(_LEVELS, counts, strict=True))
