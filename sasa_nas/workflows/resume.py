"""Goes on with a training of either kind."""

from pathlib import Path

from sasa_nas.run import ExternalResources, TrainingFolder
from sasa_nas.run.external import NOTHING
from sasa_nas.run.training_records import task_of
from sasa_nas.workflows.observer import TrainingObserver, TrainingSummary
from sasa_nas.workflows.train import resume_network


def resume_training(
    path: Path, *, external: ExternalResources = NOTHING, observer: TrainingObserver | None = None
) -> TrainingSummary:
    """Go on with a classifier's or a detector's training where it stopped.

    Args:
        path: The training's folder. A finished training is left as it is.
        external: What the training's record names outside its folder, named again, or what takes its place.
        observer: Told of everything that happens.

    Raises:
        UserError: If `path` is no training; and as `resume_network` or `resume_detector`.
    """
    if task_of(TrainingFolder(path)) == "classification":
        return resume_network(path, external=external, observer=observer)
    # imports torchvision's detectors, which no classifier needs
    from sasa_nas.detection.workflows.train import resume_detector

    return resume_detector(path, external=external, observer=observer)
