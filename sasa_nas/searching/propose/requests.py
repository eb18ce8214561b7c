"""Requests of trainings: the reason and the seed of each."""

from collections.abc import Mapping
from dataclasses import dataclass

from sasa_nas.run import Arm, Outcome, SearchSettings, TrialRecord
from sasa_nas.searching.propose.study import SearchStudy
from sasa_nas.space.choosers import Label

FIRST_SEEDS: Mapping[Arm, int] = {
    Arm.BALANCED: 1,
    Arm.EQUAL: 1,
    Arm.SWAP: 100_000,
    Arm.SETTLE: 200_000,
    Arm.SEARCH: 300_000,
    Arm.WIDTH: 400_000,
}
"""First seed of each arm's trainings, added to the seed of the search.

Each training has a seed of its own. With one for all, the search would find out about that seed: it does to a stage in
one network what it does in all others, and no number of trainings would average that out.
"""


def seed_of(settings: SearchSettings, arm: Arm, place: int) -> int:
    """Return the seed of an arm's training.

    Args:
        settings: Settings of the search.
        arm: The arm.
        place: Number of the arm's trainings before.
    """
    return settings.seed + FIRST_SEEDS[arm] + place


@dataclass(frozen=True)
class Request:
    """Request of a training: its reason and its seed; see the fields of `TrialRecord`."""

    seed: int
    arm: Arm = Arm.SEARCH
    swap_of: int | None = None
    swapped_stage: int | None = None
    width_multiplier: float | None = None

    @staticmethod
    def of(record: TrialRecord, settings: SearchSettings) -> "Request":
        """Return the request that a trial was begun with."""
        seed = settings.seed if record.seed is None else record.seed
        return Request(seed, record.arm, record.swap_of, record.swapped_stage, record.width_multiplier)


def enqueue(study: SearchStudy, answers: Mapping[str, Label], request: Request) -> int:
    """Put a training in the study's line, where it outlives this process.

    Args:
        study: Study of the run.
        answers: The choices that lead to the design.
        request: Reason and seed of the training.

    Returns:
        The trial's number.
    """
    record = TrialRecord(
        number=len(study),
        outcome=Outcome.WAITING,
        arm=request.arm,
        seed=request.seed,
        swap_of=request.swap_of,
        swapped_stage=request.swapped_stage,
    )
    study.request(record, answers)
    return record.number
