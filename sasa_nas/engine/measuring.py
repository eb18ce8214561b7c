"""What a worker finds out about a design beside its accuracy: latency and scores before training, robustness after."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from torch import nn

from sasa_nas.cost.latency_cache import Setting, latency_of
from sasa_nas.data.splits import SearchSplits
from sasa_nas.engine.plan import SearchPlan
from sasa_nas.engine.turns import turns_on_this_machine
from sasa_nas.nodes import Reference, resolve
from sasa_nas.objectives import OBJECTIVES
from sasa_nas.run import TrialRecord
from sasa_nas.run.records import PositiveFloat, SearchSettings
from sasa_nas.scores.compute import compute_scores
from sasa_nas.space import Architecture
from sasa_nas.train.adversarial import STANDARD_ATTACK, evaluate_attacked
from sasa_nas.train.device import describe_device


class Wishes(BaseModel):
    """What is to be found out about every design of a search.

    Attributes:
        measured: Objectives that are measured, by name.
        max_latency: Seconds beyond which it is not trained.
        scores: Which training-free scores it is given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    measured: tuple[str, ...] = ()
    max_latency: float | None = None
    scores: tuple[str, ...] = ()

    @staticmethod
    def of(plan: SearchPlan) -> "Wishes":
        """What a search needs to know."""
        most = plan.space.limits.max_latency
        wanted = (*plan.settings.objectives, *(("latency",) if most is not None else ()))
        measured = (row.name for row in OBJECTIVES.values() if row.measured_by is not None and row.name in wanted)
        return Wishes(measured=tuple(measured), max_latency=most, scores=wanted_scores(plan.settings))

    def measurements(self, known: str) -> list[Reference]:
        """Return the functions that measure objectives which are `known` at a time, as `Objective` has it."""
        rows = (OBJECTIVES[name] for name in self.measured)
        return [row.measured_by for row in rows if row.known == known]


class Findings(BaseModel):
    """What was found out; fields as those of `TrialRecord`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency: PositiveFloat | None = None
    latency_quartiles: tuple[PositiveFloat, PositiveFloat] | None = None
    robust_accuracy: float | None = None
    scores: dict[str, float] = {}

    def added_to(self, record: TrialRecord) -> TrialRecord:
        """The record with what was found out."""
        return record.model_copy(update={name: getattr(self, name) for name in type(self).model_fields})


def wanted_scores(settings: SearchSettings) -> tuple[str, ...]:
    """The scores that designs are given: those asked for, and the filter's."""
    extra = () if settings.score_filter in (None, *settings.scores) else (settings.score_filter,)
    return (*settings.scores, *extra)


@dataclass(frozen=True)
class Subject:
    """A network whose objectives are measured.

    Attributes:
        architecture: Its design.
        network: As initialised or as trained, on the device; None before the training, for which one is built.
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


def before_training(subject: Subject, wishes: Wishes) -> Findings:
    """Measure what is known before a training, and compute scores, of the weights that the training begins with."""
    scores = compute_scores(
        subject.architecture, wishes.scores, subject.splits.train, seed=subject.seed, device=subject.device
    )
    return _measured(Findings(scores=scores), subject, wishes.measurements("before_training"))


def after_training(found: Findings, subject: Subject, wishes: Wishes) -> Findings:
    """Add what is measured of a trained network."""
    return _measured(found, subject, wishes.measurements("after_training"))


def _measured(found: Findings, subject: Subject, measurements: Sequence[Reference]) -> Findings:
    for measure in measurements:
        found = Findings.model_validate(found.model_dump() | resolve(measure)(subject))
    return found


def measure_latency(subject: Subject) -> dict[str, Any]:
    """Measure the latency of one image while no training of this search runs on the machine."""
    setting = Setting(subject.device, describe_device(subject.device), subject.threads)
    turns = turns_on_this_machine()
    latency = latency_of(subject.architecture, 1, setting, alone=turns.alone if turns else nullcontext)
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


def too_slow(found: Findings, wishes: Wishes) -> str | None:
    """Why a design is not to be trained, in one line; None if it is."""
    if found.latency is None or wishes.max_latency is None or found.latency <= wishes.max_latency:
        return None
    return f"{found.latency:.3g} seconds an image exceed max_latency={wishes.max_latency:g}"
