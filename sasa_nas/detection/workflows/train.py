"""Training of one detector."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from sasa_nas.detection.data.boxes import BoxedSplits
from sasa_nas.detection.data.coco import load_coco
from sasa_nas.detection.description import Detector, fitted_detector, load_detector
from sasa_nas.detection.network import build_detector, check_backbone, load_backbone
from sasa_nas.detection.records import (
    CategoryRecord,
    DetectionInfo,
    DetectionResult,
    DetectionSettings,
    DetectorResources,
    PrecisionRecord,
    read_detection,
    read_detection_result,
)
from sasa_nas.detection.training.trainer import DetectionMetrics, DetectionTrainer, require_norm_batches
from sasa_nas.errors import UserError
from sasa_nas.exporting.weights import load_weights
from sasa_nas.run import SeedFolder, TrainingFolder
from sasa_nas.run.external import confirmed
from sasa_nas.run.provenance import git_state, versions
from sasa_nas.run.training_records import Spread
from sasa_nas.tasks import DETECTION
from sasa_nas.training.checkpoint import Progress
from sasa_nas.training.device import describe_device, pick_device
from sasa_nas.training.seeding import seeded
from sasa_nas.workflows.observer import TrainingObserver, TrainingSummary
from sasa_nas.workflows.seed_session import train_in_epochs
from sasa_nas.workflows.training_session import (
    begin_session,
    new_folder,
    require_same_network,
    resume_session,
)


@dataclass(frozen=True)
class _Detection:
    """The `TrainingJob` of a detector."""

    name: str
    detector: Detector
    settings: DetectionSettings
    splits: BoxedSplits
    backbone: Mapping[str, Tensor] | None
    """Initial weights of the backbone; None for random ones."""
    device: torch.device

    def train(self, seed: int, place: SeedFolder, progress: Progress[DetectionMetrics]) -> None:
        """Train the detector with one seed; see `SeedJob.train`."""
        train_in_epochs(partial(self.trainer, seed), DetectionMetrics, place, progress)

    def trainer(self, seed: int) -> DetectionTrainer:
        """Return a trainer before its first epoch."""
        with seeded(seed):
            network = build_detector(self.detector)
        if self.backbone is not None:
            load_backbone(network, self.backbone)
        return DetectionTrainer(network, self.splits, self.settings.recipe, seed=seed, device=self.device)

    def estimate(self, folder: TrainingFolder) -> None:
        """Return None: the first epoch ends soon, and tells."""

    def result(self, folder: TrainingFolder, observer: TrainingObserver) -> DetectionResult:
        """Return the average precision after the last epoch from the metrics on disk; there is no test part."""
        seeds = []
        for seed in self.settings.seeds:
            metrics = _last_metrics(folder.seed(seed))
            seeds.append(PrecisionRecord(seed=seed, ap=metrics.ap, ap50=metrics.ap50))
        return DetectionResult(
            name=self.name,
            architecture_id=self.detector.id,
            dataset=self.settings.dataset,
            epochs=self.settings.recipe.epochs,
            seeds=tuple(seeds),
            ap=Spread.of([seed.ap for seed in seeds]),
            ap50=Spread.of([seed.ap50 for seed in seeds]),
        )


def _last_metrics(folder: SeedFolder) -> DetectionMetrics:
    try:
        last = folder.metrics.read_text(encoding="utf-8").splitlines()[-1]
        return DetectionMetrics(**json.loads(last))
    except (OSError, ValueError, IndexError, TypeError) as error:
        raise UserError(f"{folder.metrics} is missing or damaged; remove {folder.path} and resume") from error


def train_detector(
    detector: Detector,
    settings: DetectionSettings,
    *,
    name: str,
    out: Path | None = None,
    observer: TrainingObserver | None = None,
    command: str = "",
) -> TrainingSummary[DetectionInfo, DetectionResult]:
    """Train a detector, fitted to a data set's categories, and keep everything in a new folder.

    Args:
        detector: The detector, for categories of any number.
        settings: Data set, recipe and seeds of the training.
        name: Name of the detector.
        out: The folder, which must be empty or not exist; default: `runs/train-<name>-<time>`.
        observer: Observer of the progress.
        command: The command line, for the record.

    Raises:
        UserError: If it cannot be trained as asked, and then nothing was written; or if the disk is full, the
            GPU's memory is too small or the training diverges, and then `resume_detector` can go on.
    """
    folder = new_folder(name, out, DETECTION)
    device = pick_device(settings.device)
    splits = load_coco(settings.dataset, settings.data_dir)
    fitted = fitted_detector(detector, num_classes=len(splits.categories), image_size=settings.image_size)
    # names of files and folders are made absolute, so that a resume from elsewhere reads the same ones
    settings = settings.model_copy(
        update={"dataset": splits.name, "backbone_weights": _absolute(settings.backbone_weights)}
    )
    job = _job(name, fitted, settings, splits, device)
    info = DetectionInfo(
        name=name,
        architecture_id=fitted.id,
        settings=settings,
        created=datetime.now(UTC),
        command=command,
        versions=versions(),
        git=git_state(),
        device=describe_device(device),
        categories=tuple(map(CategoryRecord.model_validate, splits.categories)),
        fingerprint=splits.fingerprint(),
    )
    return begin_session(folder, fitted, info, job, observer)


def resume_detector(
    path: Path, *, external: DetectorResources | None = None, observer: TrainingObserver | None = None
) -> TrainingSummary[DetectionInfo, DetectionResult]:
    """Resume a training, with the same result on a CPU as without the stop.

    Args:
        path: The training's folder. A finished training is left as it is.
        external: External resources that the training's record names, or their replacements.
        observer: Observer of the progress.

    Raises:
        UserError: If `path` is no detector's training, its record names something that `external` does not, its data
            set has changed, or another process is training in it; and as `train_detector`.
    """
    known = external or DetectorResources()

    def resumed_job(folder: TrainingFolder, info: DetectionInfo, _: TrainingObserver) -> _Detection:
        detector = load_detector(folder.architecture)
        require_same_network(folder, detector, info)
        named = confirmed(DetectorResources.of_detector(info.settings), known, path)
        settings = info.settings.model_copy(
            update={
                "data_dir": named.data_dir,
                "dataset": named.dataset or info.settings.dataset,
                "backbone_weights": named.backbone_weights,
            }
        )
        device = pick_device(settings.device)
        splits = load_coco(settings.dataset, settings.data_dir)
        if splits.fingerprint() != info.fingerprint:
            raise UserError(
                f"dataset '{splits.name}' is no longer what the detector was trained on (its annotations have "
                "changed); put its files back"
            )
        return _job(info.name, detector, settings, splits, device)

    return resume_session(path, read_detection, read_detection_result, resumed_job, observer)


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.expanduser().resolve()


def _job(
    name: str, detector: Detector, settings: DetectionSettings, splits: BoxedSplits, device: torch.device
) -> _Detection:
    """Validate all arguments, before anything is written, and return the job."""
    require_norm_batches(detector, settings.recipe, splits.train)
    backbone = None if settings.backbone_weights is None else load_weights(settings.backbone_weights)
    if backbone is not None:
        with torch.device("meta"):
            check_backbone(build_detector(detector), backbone)
    return _Detection(name, detector, settings, splits, backbone, device)
