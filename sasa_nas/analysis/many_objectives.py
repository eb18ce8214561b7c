"""The front of a run for any objectives, and the volume that it dominates.

For accuracy against FLOPs, what a run is judged by unless somebody asks otherwise, `analysis.pareto` says the same.
"""

import math
from collections.abc import Sequence
from decimal import Decimal

import moocore
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from sasa_nas.analysis.baseline import baseline_of
from sasa_nas.analysis.designs import Designs, designs
from sasa_nas.analysis.pareto import FrontPoint, count_outcomes, front_point
from sasa_nas.errors import UserError
from sasa_nas.objectives import OBJECTIVES
from sasa_nas.run import Outcome, RunInfo, TrialRecord
from sasa_nas.space.files import validate_space


class ObjectivesFront(BaseModel):
    """What `sasa-nas pareto --objectives ... --json` prints.

    Attributes:
        objectives: What networks are compared by.
        front: The networks that no other dominates, by the last objective, the best first.
        baseline: The first all-convolution network, on the front or not; None where none is trained.
        hypervolume: The volume that they dominate, in accuracies (0 to 1) times decades of costs.
        reference: What it is measured from, by objective; None where nothing is trained.
        space: Name of the search space.
        dataset: Name of the data set that the networks were trained on.
        outcomes: How many trials there are of each outcome.
    """

    model_config = ConfigDict(frozen=True)

    objectives: tuple[str, ...]
    front: list[FrontPoint]
    baseline: FrontPoint | None
    hypervolume: float
    reference: dict[str, float] | None
    space: str
    dataset: str
    outcomes: dict[Outcome, int]


def objectives_front(records: Sequence[TrialRecord], objectives: Sequence[str]) -> list[TrialRecord]:
    """The trained designs that no other dominates, by the last objective, the best first.

    Of a design that was trained several times, its first record stands for it, with mean accuracies. One network
    dominates another that is nowhere better and somewhere worse. Of networks equal in all objectives the first in
    `records` is kept.

    Args:
        records: All trials of a run.
        objectives: One at least.

    Raises:
        UserError: If networks were trained but an objective was never measured.
    """
    networks = _measured(records, objectives)
    if not networks:
        return []
    losses = _losses(networks, objectives)
    kept = np.flatnonzero(moocore.is_nondominated(losses, keep_weakly=False))
    # the last is the first key, then the others in their order
    order = np.lexsort([*losses[kept].T[-2::-1], losses[kept, -1]])
    return [networks[i] for i in kept[order]]


def reference_values(records: Sequence[TrialRecord], objectives: Sequence[str]) -> dict[str, float] | None:
    """The point that a hypervolume is measured from, no better than any network; None if nothing is trained.

    Accuracy by chance, and none at all under attack, where chance is no bound; of costs the next power of ten strictly
    above the highest, as `analysis.pareto.reference_point` has it.
    """
    networks = _measured(records, objectives)
    if not networks:
        return None
    classes = [r.architecture.num_classes for r in networks if r.architecture]
    chance = 1.0 / max(classes) if classes else 0.0
    rows = [OBJECTIVES[name] for name in objectives]
    return {
        row.name: (chance if row.chance else 0.0) if row.maximised else _power_above(_most(networks, row.name))
        for row in rows
    }


def objectives_volume(
    records: Sequence[TrialRecord], objectives: Sequence[str], reference: dict[str, float] | None = None
) -> float:
    """The volume between the front and the reference, in accuracies times decades of costs (Zitzler, Thiele 1999).

    Args:
        records: All trials of a run, or those up to some time.
        objectives: One at least.
        reference: `reference_values` where it is left out; values compare only under one.

    Raises:
        UserError: If networks were trained but an objective was never measured.
    """
    networks = _measured(records, objectives)
    reference = reference or reference_values(records, objectives)
    if not networks or reference is None:
        return 0.0
    corner = [_loss(objective, reference[objective]) for objective in objectives]
    return float(moocore.hypervolume(_losses(networks, objectives), ref=corner))


def summarise_objectives(info: RunInfo, records: Sequence[TrialRecord], objectives: Sequence[str]) -> ObjectivesFront:
    """The front of a run as the data that `sasa-nas pareto --objectives ... --json` prints.

    Raises:
        UserError: If networks were trained but an objective was never measured.
    """
    space = validate_space(info.space, "run.json: space")
    trainings = Designs(records).trainings()
    baseline = baseline_of(records)
    return ObjectivesFront(
        objectives=tuple(objectives),
        front=[front_point(record, trainings[record.number]) for record in objectives_front(records, objectives)],
        baseline=baseline and front_point(baseline, trainings[baseline.number]),
        hypervolume=objectives_volume(records, objectives),
        reference=reference_values(records, objectives),
        space=space.name,
        dataset=space.proxy.dataset,
        outcomes=count_outcomes(records),
    )


def _measured(records: Sequence[TrialRecord], objectives: Sequence[str]) -> list[TrialRecord]:
    """The trained designs of which all objectives are known."""
    networks = designs(records)
    for objective in objectives:
        if networks and all(getattr(record, objective) is None for record in networks):
            raise UserError(
                f"this run knows no {objective} of its networks; "
                f"search with --objectives {','.join(objectives)} to have it measured"
            )
    return [r for r in networks if all(getattr(r, objective) is not None for objective in objectives)]


def _losses(networks: Sequence[TrialRecord], objectives: Sequence[str]) -> NDArray[np.float64]:
    """(networks, objectives), each the smaller the better."""
    return np.array([[_loss(o, getattr(record, o)) for o in objectives] for record in networks], dtype=np.float64)


def _loss(objective: str, value: float) -> float:
    return -value if OBJECTIVES[objective].maximised else math.log10(value)


def _most(networks: Sequence[TrialRecord], objective: str) -> float:
    return max(float(getattr(record, objective)) for record in networks)


def _power_above(value: float) -> float:
    """The least power of ten above `value`, which is positive."""
    return 10.0 ** (Decimal(value).adjusted() + 1)
