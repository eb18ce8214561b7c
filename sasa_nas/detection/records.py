"""Records of a detector's training: its settings, its result, and detections."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sasa_nas.detection.recipe import DetectionRecipe
from sasa_nas.run.external import ExternalResources, folder_or_none
from sasa_nas.run.plain import check_training
from sasa_nas.run.provenance import Place
from sasa_nas.run.reader import read_record
from sasa_nas.run.training_folder import TrainingFolder
from sasa_nas.run.training_records import (
    BaseTrainingSettings,
    ResultRecord,
    Seed,
    Share,
    Spread,
    TrainingRecord,
    require_task,
    unfinished,
)
from sasa_nas.tasks import DETECTION


class DetectionSettings(BaseTrainingSettings):
    """Settings of the training of a detector, which architecture.json describes."""

    recipe: DetectionRecipe = DetectionRecipe()
    backbone_weights: Place | None = None
    """A trained classifier's weights.safetensors, from which the backbone begins with its norms held."""


@dataclass(frozen=True)
class DetectorResources(ExternalResources):
    """Resources outside a detector's training that its record or a command names.

    Attributes:
        backbone_weights: A file of weights that the backbone begins with.
    """

    backbone_weights: Path | None = None

    @classmethod
    def of_detector(cls, settings: DetectionSettings) -> "DetectorResources":
        """Return the resources that the record of a detector's training names."""
        return cls(
            data_dir=settings.data_dir,
            dataset=folder_or_none(settings.dataset),
            backbone_weights=settings.backbone_weights,
        )


class CategoryRecord(BaseModel):
    """A class of objects: its number in the data set's files, and its name."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: int
    name: str


class DetectionInfo(TrainingRecord):
    """The content of a detector's training.json."""

    task: Literal["detection"] = "detection"
    settings: DetectionSettings
    categories: Annotated[tuple[CategoryRecord, ...], Field(min_length=1)]
    """Categories by label."""
    fingerprint: str
    """Fingerprint of the data set's annotations, which must be the same when a training is resumed."""


class PrecisionRecord(BaseModel):
    """Average precision of one seed on the validation part, with the weights after its last epoch."""

    model_config = ConfigDict(frozen=True)

    seed: Seed
    ap: Share
    """COCO's mAP: average precision over the overlaps 0.5 to 0.95."""
    ap50: Share
    """Average precision at the overlap 0.5 alone."""


class DetectionResult(ResultRecord):
    """The content of a detector's result.json."""

    task: Literal["detection"] = "detection"
    seeds: Annotated[tuple[PrecisionRecord, ...], Field(min_length=1)]
    ap: Spread
    ap50: Spread


def read_detection(folder: TrainingFolder) -> DetectionInfo:
    """Return the record of a detector's training.

    Raises:
        RunError: If `folder` is not a detector's training, or its training.json cannot be read.
    """
    require_task(folder, DETECTION)
    return read_record(folder.info, DetectionInfo, f"{folder.info} is gone")


def read_detection_result(folder: TrainingFolder) -> DetectionResult:
    """Return the result of a detector's training.

    Raises:
        RunError: If it is not finished, or its result.json cannot be read.
    """
    check_training(folder)
    return read_record(folder.result, DetectionResult, unfinished(folder, DETECTION))


class DetectedObject(BaseModel):
    """An object that a detector found in an image."""

    model_config = ConfigDict(frozen=True)

    category: str
    category_id: int
    """The category's number in the files of the data set that the detector was trained on."""
    score: Share
    box: tuple[float, float, float, float]
    """Left, top, right and bottom, in the image's pixels."""


class DetectedImage(BaseModel):
    """The detected objects of an image, sorted by decreasing score."""

    model_config = ConfigDict(frozen=True)

    image: str
    height: int
    width: int
    objects: tuple[DetectedObject, ...]


class DetectionReport(BaseModel):
    """The data printed by `sasa-nas detect --json`."""

    model_config = ConfigDict(frozen=True)

    target: str
    architecture_id: str
    seed: Seed
    score_threshold: float
    images: tuple[DetectedImage, ...]
