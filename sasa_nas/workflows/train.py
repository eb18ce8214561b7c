"""Training of one classifier, with the test part read at the very end."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sasa_nas.exporting.weights import load_weights
from sasa_nas.run import (
    ExternalResources,
    TrainingFolder,
    TrainingInfo,
    TrainingResult,
    TrainingSettings,
    read_result,
    read_training,
)
from sasa_nas.run.external import NOTHING, confirmed
from sasa_nas.run.provenance import git_state, versions
from sasa_nas.run.trained import training_data
from sasa_nas.space import Architecture, load_architecture
from sasa_nas.tasks import CLASSIFICATION
from sasa_nas.training.device import describe_device
from sasa_nas.training.first_weights import FirstWeights, transferable
from sasa_nas.workflows.beginnings import first_weights, require_beginning
from sasa_nas.workflows.full_share import UNDIVIDED, Share, connected_share
from sasa_nas.workflows.loading import require_unchanged
from sasa_nas.workflows.observer import TrainingObserver, TrainingSummary
from sasa_nas.workflows.training_jobs import Job, planned_job, resumed_job
from sasa_nas.workflows.training_session import (
    begin_session,
    conclude,
    new_folder,
    require_same_network,
    resume_session,
    train_alone,
    write_folder,
)


def train_network(
    architecture: Architecture,
    settings: TrainingSettings,
    *,
    name: str,
    out: Path | None = None,
    inherit: Path | None = None,
    share: Share = UNDIVIDED,
    observer: TrainingObserver | None = None,
    command: str = "",
    estimating: bool = True,
) -> TrainingSummary[TrainingInfo, TrainingResult]:
    """Train a network, fitted to a data set's images and classes, and keep everything in a new folder.

    The test part is read once, when all seeds are trained. Ctrl-C ends the training early.

    Args:
        architecture: The network, for images and classes of any number.
        settings: Data set, recipe and seeds of the training.
        name: Name, file or folder of the network; the folder whose weights it begins with, if the settings say so.
        out: The folder, which must be empty or not exist; default: `runs/train-<name>-<time>`.
        inherit: Folder of a supernet, of which the network is a path: its first seed's weights are those that all seeds
            begin with; if None, they are drawn.
        share: Division of the work, if the recipe is a full one.
        observer: Observer of the progress.
        command: The command line, for the record.
        estimating: Whether a full training is timed for some seconds first, so that the observer is told how long it
            will take.

    Raises:
        UserError: If it cannot be trained as asked, and then nothing was written; or if the disk is full, the
            GPU's memory is too small or the training diverges, and then `resume_network` can resume it.
    """
    require_beginning(settings, inherit)
    folder = new_folder(name, out, CLASSIFICATION)
    observer = observer or TrainingObserver()
    with connected_share(share, settings) as share:
        job, info = new_training(architecture, settings, name, inherit, share, observer, command)
        summary = begin_session(folder, job.architecture, info, job, observer, job.first.weights, estimating)
        if summary.result is not None:
            share.release(settings.device)
    return summary


def new_training(
    architecture: Architecture,
    settings: TrainingSettings,
    name: str,
    inherit: Path | None,
    share: Share,
    observer: TrainingObserver,
    command: str,
) -> tuple[Job, TrainingInfo]:
    """Return a new training, validated, and its record; see `train_network`.

    Raises:
        UserError: If it cannot be trained as asked.
    """
    job = planned_job(architecture, settings, name, share, observer)
    first, source = first_weights(job, name, inherit, observer)
    job = replace(job, first=first)
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
        class_names=job.splits.info.class_names,
        inherited=source,
    )
    return job, info


def begin_network(architecture: Architecture, settings: TrainingSettings, name: str, out: Path, command: str) -> None:
    """Make the folder of a new training, which other processes will carry out.

    Args:
        architecture: The network, for images and classes of any number.
        settings: Data set, recipe and seeds of the training.
        name: Name of the network.
        out: The folder. What a session left that was killed while it made the folder is removed.
        command: The command line, for the record.

    Raises:
        UserError: If it cannot be trained as asked, or the folder cannot be written.
    """
    shutil.rmtree(out, ignore_errors=True)
    job, info = new_training(architecture, settings, name, None, UNDIVIDED, TrainingObserver(), command)
    write_folder(TrainingFolder(out), job.architecture, info, None)


def resume_network(
    path: Path,
    *,
    external: ExternalResources = NOTHING,
    share: Share = UNDIVIDED,
    observer: TrainingObserver | None = None,
    estimating: bool = True,
) -> TrainingSummary[TrainingInfo, TrainingResult]:
    """Resume a training, with the same result on a CPU as without the stop.

    Args:
        path: The training's folder. A finished training is left as it is.
        external: External resources that the training's record names, or their replacements.
        share: Division of the work, if the recipe is a full one.
        observer: Observer of the progress.
        estimating: Whether the observer is told how long it will take; see `train_network`.

    Raises:
        UserError: If `path` is no training, its record names something that `external` does not, its data set has
            changed, or another process is training in it; and see `train_network`.
    """
    with connected_share(share, read_training(TrainingFolder(path)).settings) as share:

        def again(folder: TrainingFolder, info: TrainingInfo, observer: TrainingObserver) -> Job:
            return _begun_job(folder, info, external, share, observer)

        summary = resume_session(path, read_training, read_result, again, observer, estimating)
        if summary.result is not None:
            share.release(summary.info.settings.device)
    return summary


def train_one_seed(
    path: Path, seed: int, *, external: ExternalResources, share: Share, observer: TrainingObserver
) -> None:
    """Train one seed of a training to the end, beside processes that train its other seeds.

    Args:
        path: Folder of the training, which no process but the caller's others writes.
        seed: The seed.
        external: See `resume_network`.
        share: Division of the work among processes of this machine.
        observer: Observer of the progress.

    Raises:
        UserError: See `resume_network`.
    """
    folder = TrainingFolder(path)
    info = read_training(folder)
    train_alone(folder, info, _begun_job(folder, info, external, share, observer), seed, observer)


def conclude_network(path: Path, *, external: ExternalResources, share: Share, observer: TrainingObserver) -> None:
    """Measure a training whose seeds are all trained, and write its result; see `train_one_seed`."""
    folder = TrainingFolder(path)
    info = read_training(folder)
    conclude(folder, info, _begun_job(folder, info, external, share, observer), observer)


def _begun_job(
    folder: TrainingFolder,
    info: TrainingInfo,
    external: ExternalResources,
    share: Share,
    observer: TrainingObserver,
) -> Job:
    """Return a training that was begun before, validated again; see `resume_network`."""
    architecture = load_architecture(folder.architecture)
    require_same_network(folder, architecture, info)
    named = confirmed(ExternalResources.of_training(info.settings), external, folder.path)
    dataset = named.dataset or info.settings.dataset
    settings = info.settings.model_copy(update={"data_dir": named.data_dir, "dataset": dataset})
    weights = None if info.inherited is None else load_weights(folder.inherited)
    first = FirstWeights(None if weights is None else transferable(architecture, weights), settings.frozen)
    job = resumed_job(info.name, architecture, settings, first, share, observer)
    require_unchanged(job.splits, training_data(info))
    return job
