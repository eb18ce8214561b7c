"""Object detectors: trained, and used once they are trained."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sasa_nas.detection.records import (
    DetectionInfo,
    DetectionReport,
    DetectionResult,
    DetectionSettings,
    DetectorResources,
)

# what a function needs beyond these is imported when it is called: torch takes seconds
if TYPE_CHECKING:
    from torch import Tensor

    from sasa_nas.workflows.observer import TrainingObserver, TrainingSummary


def train_detector(
    target: str,
    settings: DetectionSettings,
    *,
    out: Path | str | None = None,
    observer: "TrainingObserver | None" = None,
    command: str = "",
) -> "TrainingSummary[DetectionInfo, DetectionResult]":
    """Train one detector with one seed or several; its average precision is that on the validation part.

    Args:
        target: Name of a detector, its file, or the folder of another detector's training, whose design is taken.
        settings: Data set, recipe, weights of the backbone, seeds, device.
        out: Folder of the training, which must not exist or be empty; `runs/train-<name>-<time>` if None.
        observer: Observer of the progress; None for none.
        command: Command line that asked for it, for the record.

    Returns:
        The folder and the result.

    Raises:
        UserError: If it cannot be trained as asked; then nothing was written.

    Examples:
        >>> import sasa_nas
        >>> settings = sasa_nas.DetectionSettings(dataset="coco:/data/coco")
        >>> sasa_nas.train_detector("retinanet_sasa_resnet50", settings).result  # doctest: +SKIP
    """
    from sasa_nas.detection.description import Detector
    from sasa_nas.detection.workflows.train import train_detector
    from sasa_nas.workflows.targets import find_to_train

    place, detector = None if out is None else Path(out), find_to_train(target, Detector)
    return train_detector(detector, settings, name=target, out=place, observer=observer, command=command)


def resume_detector(
    folder: Path | str, *, external: DetectorResources | None = None, observer: "TrainingObserver | None" = None
) -> "TrainingSummary[DetectionInfo, DetectionResult]":
    """Go on with a detector's training where it stopped, to the same result on a CPU as without the stop.

    Args:
        folder: Folder of the training; a finished one is left as it is.
        external: Resources outside the folder that its record names, named again, or others in their place.
        observer: Observer of the progress; None for none.

    Raises:
        UserError: If the folder is no detector's training, its record names a resource that `external` does not, its
            data set has changed, or another process is training in it.

    Examples:
        >>> import sasa_nas
        >>> sasa_nas.resume_detector("runs/train-retinanet_resnet50").result  # doctest: +SKIP
    """
    from sasa_nas.detection.workflows.train import resume_detector

    return resume_detector(Path(folder), external=external, observer=observer)


def detect(
    folder: Path | str, files: Sequence[Path], *, score_threshold: float = 0.5, device: str = "auto"
) -> "tuple[DetectionReport, list[Tensor]]":
    """Find objects in images with a trained detector.

    Args:
        folder: Folder of the detector's training, whose first finished seed is taken.
        files: Files of the images.
        score_threshold: The least score of an object that is reported, in [0.05, 1].
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Returns:
        The objects of each image; and the images, (3, height, width), uint8.

    Raises:
        UserError: If there is no trained detector, its weights are another's, or an image cannot be read.

    Examples:
        >>> import sasa_nas
        >>> sasa_nas.detect("runs/train-retinanet_resnet50", ["street.png"])  # doctest: +SKIP
    """
    from sasa_nas.detection.workflows.detect import detect_objects

    return detect_objects(Path(folder), files, score_threshold=score_threshold, device=device)
