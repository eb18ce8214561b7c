"""One network at a time, in a folder of its own: trained outright, and measured once it is trained."""

from sasa_nas.workflows.evaluate import EvaluationReport, EvaluationSettings, evaluate_network
from sasa_nas.workflows.observer import TrainingObserver, TrainingSummary
from sasa_nas.workflows.train import resume_network, train_network

__all__ = [
    "EvaluationReport",
    "EvaluationSettings",
    "TrainingObserver",
    "TrainingSummary",
    "evaluate_network",
    "resume_network",
    "train_network",
]
