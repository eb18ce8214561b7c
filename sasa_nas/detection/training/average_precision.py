"""COCO's average precision of a detector (https://cocodataset.org/#detection-eval), by pycocotools."""

import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor

from sasa_nas.detection.data.batches import in_order
from sasa_nas.detection.data.boxes import BoxedSet, Category
from sasa_nas.detection.network import DetectionNetwork
from sasa_nas.training.evaluate import autocast, evaluating


@dataclass(frozen=True, eq=False)
class Detections:
    """The detections in one image, on the CPU, sorted by decreasing score.

    Attributes:
        boxes: (N, 4), float32: left, top, right and bottom in the image's pixels.
        scores: (N,), float32, in [0, 1].
        labels: (N,), int64: index of each object's category.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor


@dataclass(frozen=True)
class AveragePrecision:
    """Precision, averaged over recall and categories, in [0, 1].

    Attributes:
        ap: Averaged over the overlaps 0.5, 0.55, ..., 0.95 from which on a box counts as found: COCO's mAP.
        ap50: Average precision at the overlap 0.5 alone.
    """

    ap: float
    ap50: float


def detect(network: DetectionNetwork, images: Sequence[Tensor], device: torch.device) -> list[Detections]:
    """Find objects in images of any size.

    Args:
        network: Network on `device`; its mode is restored afterwards.
        images: (3, H, W) each, uint8; at least one.
        device: Device to compute on.
    """
    with evaluating(network), torch.inference_mode(), autocast(device):
        found = network([as_input(image, device) for image in images])
    return [Detections(*(answer[key].cpu() for key in ("boxes", "scores", "labels"))) for answer in found]


def as_input(image: Tensor, device: torch.device) -> Tensor:
    """Return an image (3, H, W), uint8, as the input of a detector: float32 in [0, 1]."""
    return image.to(device).to(torch.float32) / 255


def evaluate_detector(
    network: DetectionNetwork,
    data: BoxedSet,
    categories: Sequence[Category],
    *,
    batch_size: int,
    device: torch.device,
) -> AveragePrecision:
    """Evaluate `network`, in evaluation mode, on every image of `data`; restore its mode.

    Args:
        network: Network on `device`.
        data: Images with one box at least that is no crowd.
        categories: Categories in the order of labels.
        batch_size: Images at a time.
        device: Device to compute on.

    Raises:
        UserError: If an image cannot be read.
    """
    found: list[tuple[int, Detections]] = []
    for batch in in_order(data, batch_size=batch_size):
        answers = detect(network, [example.pixels for example in batch], device)
        found += [(example.source.id, answer) for example, answer in zip(batch, answers, strict=True)]
    return average_precision(data.truth, found, categories)


def average_precision(
    truth: Mapping[str, Any], found: Iterable[tuple[int, Detections]], categories: Sequence[Category]
) -> AveragePrecision:
    """Compute average precision from detections and annotations.

    Args:
        truth: Annotations in COCO's format, as in `BoxedSet`.
        found: The number of an image and what was found in it; an image may be missing.
        categories: Categories in the order of labels.
    """
    results = [
        {"image_id": number, "category_id": categories[label].id, "bbox": [x0, y0, x1 - x0, y1 - y0], "score": score}
        for number, answer in found
        for (x0, y0, x1, y1), score, label in zip(
            answer.boxes.tolist(), answer.scores.tolist(), answer.labels.tolist(), strict=True
        )
    ]
    # pycocotools cannot take an empty list
    if not results:
        return AveragePrecision(ap=0.0, ap50=0.0)
    # it prints what it does, and writes into what it is given
    with redirect_stdout(io.StringIO()):
        there = COCO()
        there.dataset = {**truth, "annotations": [dict(annotation) for annotation in truth["annotations"]]}
        there.createIndex()
        evaluation = COCOeval(there, there.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    ap, ap50 = (float(number) for number in evaluation.stats[:2])
    return AveragePrecision(ap=ap, ap50=ap50)
