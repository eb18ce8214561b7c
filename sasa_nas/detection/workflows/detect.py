"""Detection of objects in images with a trained detector."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from sasa_nas.data.image_file import read_whole_image
from sasa_nas.detection.description import Detector, load_detector
from sasa_nas.detection.network import DetectionNetwork, build_detector
from sasa_nas.detection.records import (
    CategoryRecord,
    DetectedImage,
    DetectedObject,
    DetectionReport,
    read_detection,
)
from sasa_nas.detection.training.average_precision import Detections, detect
from sasa_nas.errors import UserError
from sasa_nas.exporting.weights import check_state, load_weights
from sasa_nas.run import TrainingFolder
from sasa_nas.run.training_records import untrained
from sasa_nas.tasks import DETECTION
from sasa_nas.training.device import pick_device


def detect_objects(
    target: Path, files: Sequence[Path], *, score_threshold: float, device: str = "auto"
) -> tuple[DetectionReport, list[Tensor]]:
    """Find objects in images, one image after the other, with the first seed of a finished training.

    Args:
        target: The folder of a detector's training.
        files: Files of the images.
        score_threshold: Least score of a detection that is kept, in [0, 1]; the network itself keeps none below 0.05.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Returns:
        What is in each image, and the images, (3, height, width), uint8.

    Raises:
        UserError: If there is no trained detector, its weights are another's, or an image cannot be read.
    """
    chosen = pick_device(device)
    folder = TrainingFolder(target)
    info = read_detection(folder)
    seed = next((seed for seed in info.settings.seeds if folder.seed(seed).weights.is_file()), None)
    if seed is None:
        raise UserError(untrained(folder, DETECTION))
    pictures = [read_whole_image(file) for file in files]
    detector = load_detector(folder.architecture)
    network = load_detection_network(detector, folder.seed(seed).weights, chosen)
    found = [
        _image(file, picture, detect(network, [picture], chosen)[0], info.categories, score_threshold)
        for file, picture in zip(files, pictures, strict=True)
    ]
    report = DetectionReport(
        target=str(target),
        architecture_id=detector.id,
        seed=seed,
        score_threshold=score_threshold,
        images=tuple(found),
    )
    return report, pictures


def load_detection_network(detector: Detector, weights: Path, device: torch.device) -> DetectionNetwork:
    """Return the detector with the weights of a safetensors file, in evaluation mode.

    Raises:
        UserError: If the file cannot be read, or its weights are another detector's.
    """
    tensors = load_weights(weights)
    network = build_detector(detector)
    check_state(network.state_dict(), tensors, f"detector {detector.id}")
    network.load_state_dict(tensors)
    network.to(device).eval()
    return network


def _image(
    file: Path, picture: Tensor, found: Detections, categories: Sequence[CategoryRecord], threshold: float
) -> DetectedImage:
    objects = [
        DetectedObject(
            category=categories[label].name, category_id=categories[label].id, score=score, box=(x0, y0, x1, y1)
        )
        for (x0, y0, x1, y1), score, label in zip(
            found.boxes.tolist(), found.scores.tolist(), found.labels.tolist(), strict=True
        )
        if score >= threshold
    ]
    height, width = picture.shape[1:]
    return DetectedImage(image=str(file), height=height, width=width, objects=tuple(objects))
