"""What a worker finds out about a design beside its accuracy: latency and scores before training, robustness after."""

import torch
from pydantic import BaseModel, ConfigDict
from torch import nn

from sasa_nas.cost.latency_cache import Setting, latency_of
from sasa_nas.data.splits import SearchSplits
from sasa_nas.engine.plan import SearchPlan
from sasa_nas.engine.turns import Turns, default_turns_folder
from sasa_nas.run import TrialRecord
from sasa_nas.run.records import PositiveFloat, Score, SearchSettings
from sasa_nas.scores import compute_scores
from sasa_nas.space import Architecture
from sasa_nas.train.adversarial import STANDARD_ATTACK, evaluate_attacked
from sasa_nas.train.device import describe_device


class Wishes(BaseModel):
    """What is to be found out about every design of a search.

    Attributes:
        latency: Whether its latency is measured.
        max_latency: Seconds beyond which it is not trained.
        robust_accuracy: Whether its accuracy under attack is measured.
        scores: Which training-free scores it is given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency: bool = False
    max_latency: float | None = None
    robust_accuracy: bool = False
    scores: tuple[Score, ...] = ()

    @staticmethod
    def of(plan: SearchPlan) -> "Wishes":
        """What a search needs to know."""
        objectives, most = plan.settings.objectives, plan.space.limits.max_latency
        return Wishes(
            latency="latency" in objectives or most is not None,
            max_latency=most,
            robust_accuracy="robust_accuracy" in objectives,
            scores=wanted_scores(plan.settings),
        )


class Findings(BaseModel):
    """What was found out; fields as those of `TrialRecord`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency: PositiveFloat | None = None
    latency_quartiles: tuple[PositiveFloat, PositiveFloat] | None = None
    robust_accuracy: float | None = None
    scores: dict[Score, float] = {}

    def added_to(self, record: TrialRecord) -> TrialRecord:
        """The record with what was found out."""
        return record.model_copy(update={name: getattr(self, name) for name in type(self).model_fields})


def wanted_scores(settings: SearchSettings) -> tuple[Score, ...]:
    """The scores that designs are given: those asked for, and the filter's."""
    extra = () if settings.score_filter in (None, *settings.scores) else (settings.score_filter,)
    return (*settings.scores, *extra)


def before_training(
    architecture: Architecture,
    wishes: Wishes,
    splits: SearchSplits,
    *,
    seed: int,
    device: torch.device,
    threads: int,
) -> Findings:
    """Measures the latency of one image while nothing of ours trains on this machine, and computes scores.

    Args:
        architecture: The design.
        wishes: What to find out.
        splits: Of which scores see the train part.
        seed: Of the training that is to come: scores are of the very weights that it begins with.
        device: Where.
        threads: Of the CPU.
    """
    latency = None
    if wishes.latency:
        setting = Setting(device, describe_device(device), threads)
        latency = latency_of(architecture, 1, setting, alone=Turns(default_turns_folder()).alone)
    return Findings(
        latency=latency and latency.seconds,
        latency_quartiles=latency and (latency.low, latency.high),
        scores=compute_scores(architecture, wishes.scores, splits.train, seed=seed, device=device),
    )


def after_training(found: Findings, network: nn.Module, wishes: Wishes, splits: SearchSplits, *, seed: int) -> Findings:
    """Adds the accuracy on the validation part under `STANDARD_ATTACK`, where it is wished for."""
    if not wishes.robust_accuracy:
        return found
    device = next(network.parameters()).device
    validation = splits.validation.to(device)
    attacked = evaluate_attacked(network, validation, splits.info, splits.standardisation, STANDARD_ATTACK, seed=seed)
    return found.model_copy(update={"robust_accuracy": attacked.accuracy})


def too_slow(found: Findings, wishes: Wishes) -> str | None:
    """Why a design is not to be trained, in one line; None if it is."""
    if found.latency is None or wishes.max_latency is None or found.latency <= wishes.max_latency:
        return None
    return f"{found.latency:.3g} seconds an image exceed max_latency={wishes.max_latency:g}"
