"""Weights that a training begins with: of a supernet's path, or of a trained network."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from sasa_nas.errors import UserError
from sasa_nas.exporting.weights import check_weights, load_weights
from sasa_nas.run import TrainingSettings
from sasa_nas.run.supernet_folder import SupernetFolder
from sasa_nas.run.trained import find_trained
from sasa_nas.training.first_weights import FirstWeights, transferable
from sasa_nas.workflows.full_classification import FullClassification
from sasa_nas.workflows.loading import load_for
from sasa_nas.workflows.observer import TrainingObserver
from sasa_nas.workflows.supernet import inherited
from sasa_nas.workflows.training_jobs import Job


def require_beginning(settings: TrainingSettings, inherit: Path | None) -> None:
    """Check that it is clear which weights a training begins with, before anything is loaded.

    Args:
        settings: Settings of the training.
        inherit: Folder of a supernet; None for none.

    Raises:
        UserError: If weights of both a supernet and the network's folder are asked for, or parts are to keep weights
            that are drawn.
    """
    if settings.pretrained and inherit is not None:
        raise UserError("a training begins with the weights of the network's folder or of a supernet; leave one out")
    if settings.frozen and not settings.pretrained and inherit is None:
        raise UserError("parts of a network with drawn weights cannot be frozen; give --pretrained, too")


def first_weights(
    job: Job, target: str, inherit: Path | None, observer: TrainingObserver
) -> tuple[FirstWeights, str | None]:
    """Return the weights that a job begins with, and the folder that they are of.

    Args:
        job: The training, whose network is fitted to its data.
        target: Name, file or folder of the network.
        inherit: Folder of a supernet that the network is a path of; None for none.
        observer: Observer of the decoding of images.

    Raises:
        UserError: If the folder holds no such weights.
    """
    frozen = job.settings.frozen
    if inherit is not None:
        return FirstWeights(_path_weights(inherit, job, observer), frozen), str(inherit)
    if not job.settings.pretrained:
        return FirstWeights(), None
    if not Path(target).is_dir():
        raise UserError(
            f"'{target}' is no folder with trained weights; leave out --pretrained, --freeze and --head-only"
        )
    trained = find_trained(Path(target))
    weights = load_weights(trained.weights[0].path)
    check_weights(trained.architecture, weights)
    return FirstWeights(transferable(job.architecture, weights), frozen), target


def _path_weights(supernet: Path, job: Job, observer: TrainingObserver) -> Mapping[str, Tensor]:
    """Return the weights of a job's network as a path of a supernet, its batch norm recalibrated on the job's data."""
    if isinstance(job, FullClassification):
        settings = job.settings
        splits = load_for(job.architecture, settings.dataset, settings.data_dir, progress=observer.decoding)
    else:
        splits = job.splits
    weights: Mapping[str, Tensor] = inherited(SupernetFolder(supernet), job.architecture, splits).state_dict()
    return weights
