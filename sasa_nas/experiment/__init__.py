"""One network at a time, in a folder of its own: trained outright, and measured once it is trained."""

from sasa_nas.experiment.evaluation import EvaluationReport, EvaluationSettings, evaluate_network
from sasa_nas.experiment.observer import TrainingObserver, TrainingSummary
from sasa_nas.experiment.resuming import resume_training
from sasa_nas.experiment.training import train_network

__all__ = [
    "EvaluationReport",
    "EvaluationSettings",
    "TrainingObserver",
    "TrainingSummary",
    "evaluate_network",
    "resume_training",
    "train_network",
]
