"""Goes on with a training of either kind."""

from pathlib import Path

from sasa_nas.experiment.observer import TrainingObserver, TrainingSummary
from sasa_nas.experiment.training import resume_network
from sasa_nas.run import TrainingFolder
from sasa_nas.run.training_records import task_of


def resume_training(path: Path, *, observer: TrainingObserver | None = None) -> TrainingSummary:
    """Goes on with a classifier's or a detector's training where it stopped.

    Args:
        path: The training's folder. A finished training is left as it is.
        observer: Told of everything that happens.

    Raises:
        UserError: If `path` is no training; and as `resume_network` or `resume_detector`.
    """
    if task_of(TrainingFolder(path)) == "classification":
        return resume_network(path, observer=observer)
    # imports torchvision's detectors, which no classifier needs
    from sasa_nas.experiment.detection import resume_detector

    return resume_detector(path, observer=observer)
