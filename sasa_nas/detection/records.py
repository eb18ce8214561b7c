"""What a detector's outright training knows about itself, what came out, and what the detector found afterwards."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from sasa_nas.run.plain import check_training
from sasa_nas.run.provenance import Place, Told
from sasa_nas.run.reader import RunError, read_record
from sasa_nas.run.records import Natural
from sasa_nas.run.training_folder import TrainingFolder
from sasa_nas.run.training_records import (
    OutrightSettings,
    Seed,
    Share,
    Spread,
    TrainingInfo,
    TrainingRecord,
    TrainingResult,
    task_of,
    unfinished,
)
from sasa_nas.detection.recipe import DetectionRecipe


class DetectionSettings(OutrightSettings):
    """How one detector is trained outright; architecture.json says which."""

    recipe: DetectionRecipe = DetectionRecipe()
    backbone_weights: Place | None = None
    """A trained classifier's weights.safetensors, from which the backbone begins with its norms held."""


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
    """By label."""
    fingerprint: str
    """Of the data set's annotations: whether a resumed training meets the same."""


class PrecisionRecord(BaseModel):
    """What one seed gave on the validation part, with the weights after its last epoch."""

    model_config = ConfigDict(frozen=True)

    seed: Seed
    ap: Share
    """COCO's mAP: average precision over the overlaps 0.5 to 0.95."""
    ap50: Share
    """At the overlap 0.5 alone."""


class DetectionResult(BaseModel):
    """The content of a detector's result.json."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    task: Literal["detection"] = "detection"
    name: Told
    architecture_id: str
    dataset: str
    epochs: Natural
    seeds: Annotated[tuple[PrecisionRecord, ...], Field(min_length=1)]
    ap: Spread
    ap50: Spread


AnyInfo: TypeAlias = TrainingInfo | DetectionInfo
"""The content of any training.json."""
AnyResult: TypeAlias = TrainingResult | DetectionResult
"""The content of any result.json."""


def read_detection(folder: TrainingFolder) -> DetectionInfo:
    """What a detector's training was asked to do.

    Raises:
        RunError: If `folder` is not a detector's training, or its training.json cannot be read.
    """
    if task_of(folder) != "detection":
        raise RunError(f"{folder.path} is the training of a classifier, and a detector's is needed")
    return read_record(folder.info, DetectionInfo, f"{folder.info} is gone")


def read_detection_result(folder: TrainingFolder) -> DetectionResult:
    """What came out of a detector's training.

    Raises:
        RunError: If it is not finished, or its result.json cannot be read.
    """
    check_training(folder)
    return read_record(folder.result, DetectionResult, unfinished(folder))


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
    """What a detector found in an image, the surest first."""

    model_config = ConfigDict(frozen=True)

    image: str
    height: int
    width: int
    objects: tuple[DetectedObject, ...]


class DetectionReport(BaseModel):
    """What `sasa-nas detect --json` prints."""

    model_config = ConfigDict(frozen=True)

    target: str
    architecture_id: str
    seed: Seed
    score_threshold: float
    images: tuple[DetectedImage, ...]
