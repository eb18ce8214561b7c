"""Training of one classifier, with the test part read at the very end."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor

from sasa_nas.data.registry import load
from sasa_nas.data.splits import DatasetInfo, Splits
from sasa_nas.exporting.weights import check_weights, load_weights
from sasa_nas.run import (
    ExternalResources,
    SeedFolder,
    TrainingFolder,
    TrainingInfo,
    TrainingResult,
    TrainingSettings,
    read_result,
    read_training,
)
from sasa_nas.run.external import NOTHING, confirmed
from sasa_nas.run.provenance import git_state, versions
from sasa_nas.run.supernet_folder import SupernetFolder
from sasa_nas.run.trained import training_data
from sasa_nas.run.training_records import Score, SeedResult, Spread
from sasa_nas.space import Architecture, Image, load_architecture
from sasa_nas.space.scaling import fitted_to, scaled
from sasa_nas.space.validation_errors import space_error
from sasa_nas.tasks import CLASSIFICATION
from sasa_nas.training.checkpoint import Progress
from sasa_nas.training.device import describe_device, pick_device
from sasa_nas.training.evaluate import evaluate
from sasa_nas.training.proxy import EpochMetrics, Trainer, new_trainer, require_batches
from sasa_nas.workflows.loading import load_for, load_network, require_unchanged
from sasa_nas.workflows.observer import TrainingObserver, TrainingSummary
from sasa_nas.workflows.supernet import inherited
from sasa_nas.workflows.training_session import (
    begin_session,
    new_folder,
    require_same_network,
    resume_session,
    train_in_epochs,
)


@dataclass(frozen=True)
class _Classification:
    """The `TrainingJob` of a classifier."""

    name: str
    architecture: Architecture
    settings: TrainingSettings
    splits: Splits
    device: torch.device
    inherited: Mapping[str, Tensor] | None = None
    """Weights that every seed begins with, if they are not drawn."""

    def train(self, seed: int, place: SeedFolder, progress: Progress[EpochMetrics]) -> None:
        """Train the network with one seed; see `SeedJob.train`."""
        train_in_epochs(partial(self.trainer, seed), EpochMetrics, place, progress)

    def trainer(self, seed: int) -> Trainer:
        """Return a trainer before its first epoch."""
        trainer = new_trainer(self.architecture, self.splits, self.settings.recipe, seed=seed, device=self.device)
        if self.inherited is not None:
            trainer.model.load_state_dict(self.inherited)
        return trainer

    def result(self, folder: TrainingFolder, observer: TrainingObserver) -> TrainingResult:
        """Evaluate the weights on disk on the validation and the test part."""
        observer.testing_started()
        validation = self.splits.validation.to(self.device)
        test = self.splits.load_test().to(self.device)
        batch_size = max(256, self.settings.recipe.batch_size)
        seeds: list[SeedResult] = []
        for seed in self.settings.seeds:
            network = load_network(self.architecture, folder.seed(seed).weights, self.device)
            on_validation, on_test = (
                Score.model_validate(asdict(evaluate(network, part, batch_size=batch_size)))
                for part in (validation, test)
            )
            seeds.append(SeedResult(seed=seed, validation=on_validation, test=on_test))
        return TrainingResult(
            name=self.name,
            architecture_id=self.architecture.id,
            dataset=self.settings.dataset,
            epochs=self.settings.recipe.epochs,
            seeds=tuple(seeds),
            validation=Spread.of([seed.validation.accuracy for seed in seeds]),
            test=Spread.of([seed.test.accuracy for seed in seeds]),
        )


def train_network(
    architecture: Architecture,
    settings: TrainingSettings,
    *,
    name: str,
    out: Path | None = None,
    inherit: Path | None = None,
    observer: TrainingObserver | None = None,
    command: str = "",
) -> TrainingSummary[TrainingInfo, TrainingResult]:
    """Train a network, fitted to a data set's images and classes, and keep everything in a new folder.

    The test part is read once, when all seeds are trained. Ctrl-C ends the training early.

    Args:
        architecture: The network, for images and classes of any number.
        settings: Data set, recipe and seeds of the training.
        name: Name of the network.
        out: The folder, which must be empty or not exist; default: `runs/train-<name>-<time>`.
        inherit: Folder of a supernet, of which the network is a path: its first seed's weights are those that all seeds
            begin with; if None, they are drawn.
        observer: Observer of the progress.
        command: The command line, for the record.

    Raises:
        UserError: If it cannot be trained as asked, and then nothing was written; or if the disk is full, the
            GPU's memory is too small or the training diverges, and then `resume_network` can resume it.
    """
    folder = new_folder(name, out, CLASSIFICATION)
    observer = observer or TrainingObserver()
    job = _plan(architecture, settings, name, observer)
    if inherit is not None:
        job = replace(job, inherited=inherited(SupernetFolder(inherit), job.architecture, job.splits).state_dict())
    mean, std = job.splits.standardisation.per_channel()
    info = TrainingInfo(
        name=name,
        architecture_id=job.architecture.id,
        settings=job.settings,
        created=datetime.now(UTC),
        command=command,
        versions=versions(),
        git=git_state(),
        device=describe_device(job.device),
        mean=mean,
        std=std,
        inherited=None if inherit is None else str(inherit),
    )
    return begin_session(folder, job.architecture, info, job, observer, job.inherited)


def resume_network(
    path: Path, *, external: ExternalResources = NOTHING, observer: TrainingObserver | None = None
) -> TrainingSummary[TrainingInfo, TrainingResult]:
    """Resume a training, with the same result on a CPU as without the stop.

    Args:
        path: The training's folder. A finished training is left as it is.
        external: External resources that the training's record names, or their replacements.
        observer: Observer of the progress.

    Raises:
        UserError: If `path` is no training, its record names something that `external` does not, its data set has
            changed, or another process is training in it; and see `train_network`.
    """

    def resumed_job(folder: TrainingFolder, info: TrainingInfo, observer: TrainingObserver) -> _Classification:
        architecture = load_architecture(folder.architecture)
        require_same_network(folder, architecture, info)
        named = confirmed(ExternalResources.of_training(info.settings), external, path)
        dataset = named.dataset or info.settings.dataset
        settings = info.settings.model_copy(update={"data_dir": named.data_dir, "dataset": dataset})
        device = pick_device(settings.device)
        splits = load_for(
            architecture,
            settings.dataset,
            settings.data_dir,
            train_images=settings.train_images,
            progress=observer.decoding,
        )
        require_unchanged(splits, training_data(info))
        weights = None if info.inherited is None else load_weights(folder.inherited)
        if weights is not None:
            check_weights(architecture, weights)
        return _Classification(info.name, architecture, settings, splits, device, weights)

    return resume_session(path, read_training, read_result, resumed_job, observer)


def _plan(
    architecture: Architecture, settings: TrainingSettings, name: str, observer: TrainingObserver
) -> _Classification:
    device = pick_device(settings.device)
    splits = load(
        settings.dataset,
        data_dir=settings.data_dir,
        image_size=settings.image_size,
        train_images=settings.train_images,
        progress=observer.decoding,
    )
    require_batches(settings.recipe, splits.train)
    network = fitted_network(architecture, settings, splits.info, name)
    # a folder's name is made absolute, so that a resume from elsewhere reads the same one
    absolute = settings.model_copy(update={"dataset": splits.info.name})
    return _Classification(name, network, absolute, splits, device)


def fitted_network(
    architecture: Architecture, settings: TrainingSettings, data: DatasetInfo, name: str
) -> Architecture:
    """Return a network as it is trained: scaled by its multipliers, fitted to images and classes of a data set.

    Args:
        architecture: The network, for images and classes of any number.
        settings: Settings with the multipliers.
        data: The data set.
        name: Name of the network, for the error.

    Raises:
        SpaceError: If it does not fit.
    """
    image = Image(channels=data.channels, height=data.height, width=data.width)
    try:
        return fitted_to(
            scaled(architecture, settings.width_multiplier, settings.depth_multiplier), image, data.num_classes
        )
    except ValidationError as error:
        raise space_error(f"{name}, fitted to {data.name}", error) from error
