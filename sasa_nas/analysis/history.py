"""The growth of a run's hypervolume, training by training."""

from collections.abc import Sequence
from dataclasses import dataclass

from sasa_nas.analysis.pareto import dominated_volume, reference_point, undominated
from sasa_nas.run import TrialRecord
from sasa_nas.run.designs import Designs, trained


@dataclass(frozen=True)
class HistoryPoint:
    """State of a run after one of its trainings.

    Attributes:
        trial: The trial's number.
        trainings: Number of trainings so far, including this one and failed ones.
        seconds: Sum of their wall-clock times, concurrent or not.
        hypervolume: Hypervolume so far, measured from the reference of the whole run.
    """

    trial: int
    trainings: int
    seconds: float
    hypervolume: float


def hypervolume_history(records: Sequence[TrialRecord]) -> list[HistoryPoint]:
    """Return one point per training of a run, in the order in which the trials were proposed."""
    reference = reference_point(records) or {}
    points: list[HistoryPoint] = []
    networks = Designs()
    front: list[TrialRecord] = []
    seconds = 0.0
    for record in sorted((r for r in records if r.outcome.spent), key=lambda r: r.number):
        seconds += record.seconds or 0.0
        known = len(networks)
        networks.add(record)
        if len(networks) > known:
            # what the front dominates, it goes on to dominate
            front = undominated([*front, networks.means()[-1]])
        elif trained([record]):
            # a second training may lower a design's mean, and let others back on the front
            front = undominated(networks.means())
        points.append(HistoryPoint(record.number, len(points) + 1, seconds, dominated_volume(front, reference)))
    return points
