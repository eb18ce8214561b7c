"""Measurements of a design beside its accuracy, by a worker: latency and scores before training, robustness after."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sasa_nas.cost.latency_cache import Setting, latency_of
from sasa_nas.data.splits import SearchSplits
from sasa_nas.nodes import Reference, resolve
from sasa_nas.scoring.compute import compute_scores
from sasa_nas.searching.measurements import MeasurementRequest, Measurements
from sasa_nas.searching.worker.machine_lock import machine_lock
from sasa_nas.space import Architecture
from sasa_nas.training.adversarial import STANDARD_ATTACK, evaluate_attacked
from sasa_nas.training.device import describe_device


@dataclass(frozen=True)
class Subject:
    """A network whose objectives are measured.

    Attributes:
        architecture: Design of the network.
        network: Network on the device, as trained; None before the training, when one is built.
        splits: Data set of the search; the train part before training, the validation part after it.
        seed: Seed of its training.
        device: Device that trains it.
        threads: CPU threads of a trial.
    """

    architecture: Architecture
    network: nn.Module | None
    splits: SearchSplits
    seed: int
    device: torch.device
    threads: int


def before_training(subject: Subject, request: MeasurementRequest) -> Measurements:
    """Measure what is known before a training, and compute scores, of the weights that the training begins with."""
    scores = compute_scores(
        subject.architecture, request.scores, subject.splits.train, seed=subject.seed, device=subject.device
    )
    return _measured(Measurements(scores=scores), subject, request.measurements("before_training"))


def after_training(found: Measurements, subject: Subject, request: MeasurementRequest) -> Measurements:
    """Add what is measured of a trained network."""
    return _measured(found, subject, request.measurements("after_training"))


def _measured(found: Measurements, subject: Subject, measurements: Sequence[Reference]) -> Measurements:
    for measure in measurements:
        found = Measurements.model_validate(found.model_dump() | resolve(measure)(subject))
    return found


def measure_latency(subject: Subject) -> dict[str, Any]:
    """Measure the latency of one image while no training of this search runs on the machine."""
    setting = Setting(subject.device, describe_device(subject.device), subject.threads)
    lock = machine_lock()
    latency = latency_of(subject.architecture, 1, setting, alone=lock.alone if lock else nullcontext)
    return {"latency": latency.seconds, "latency_quartiles": (latency.low, latency.high)}


def measure_robustness(subject: Subject) -> dict[str, Any]:
    """Measure the accuracy on the validation part under `STANDARD_ATTACK`."""
    assert subject.network is not None
    splits = subject.splits
    validation = splits.validation.to(subject.device)
    attacked = evaluate_attacked(
        subject.network, validation, splits.info, splits.standardisation, STANDARD_ATTACK, seed=subject.seed
    )
    return {"robust_accuracy": attacked.accuracy}
