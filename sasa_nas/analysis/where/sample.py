"""The balanced trainings of a run as observations: one per design, or one per training if the space is covered."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sasa_nas.run import Arm, TrialRecord
from sasa_nas.run.designs import trained
from sasa_nas.surrogate.factors import Values, Vector, values_of

LEAST_FREE = 4
"""Least degrees of freedom from which noise is estimated."""
_EQUAL = 1e-9
"""Difference of accuracies that is rounding: one image of the largest data sets is a thousand times more."""


@dataclass(frozen=True, eq=False)
class Sample:
    """The observations that effects are estimated from.

    Attributes:
        records: The trainings of each of N observations.
        networks: The network of each.
        accuracy: (N,), the mean of a design's trainings, or one training.
        flops: (N,), GFLOPs of one image.
        counts: (N,), number of trainings in each observation.
        design: (N,), the number of the observation's design.
        covered: Whether observations are single trainings, because the space has no other design.
        training_noise: Standard deviation between trainings of one design; None without replicates.
    """

    records: list[list[TrialRecord]]
    networks: list[Values]
    accuracy: Vector
    flops: Vector
    counts: Vector
    design: Vector
    covered: bool
    training_noise: float | None

    @property
    def designs(self) -> int:
        """Number of distinct designs."""
        return len(set(self.design.tolist()))

    @property
    def equal_flops(self) -> bool:
        """True if designs were widened or thinned to cost the same."""
        return any(unit[0].arm is Arm.EQUAL for unit in self.records)

    @property
    def nothing_differs(self) -> bool:
        """True if all trainings ended with the same accuracy."""
        return bool(np.ptp(self.accuracy) <= _EQUAL) and (self.training_noise or 0.0) <= _EQUAL


def sample_of(records: Sequence[TrialRecord], size: int) -> Sample:
    """Return the balanced trainings among `records`.

    A design's trainings share what a model of the space leaves out, so that they count as one observation, their mean.
    Where the run holds every design of the space, nothing is left to generalise to: trainings are observations, and
    scatter around their own design. A few designs must have been trained again for that.

    Args:
        records: All trials of a run.
        size: Number of designs in the space.
    """
    by_design: dict[str, list[TrialRecord]] = {}
    for record in trained(records):
        if record.arm.in_balance and record.architecture is not None:
            by_design.setdefault(record.architecture.id, []).append(record)
    groups = list(by_design.values())
    free = sum(len(group) - 1 for group in groups)
    covered = len(groups) >= size and free >= LEAST_FREE
    units = [[record] for group in groups for record in group] if covered else groups
    places = [i for i, group in enumerate(groups) for _ in (group if covered else [group])]
    spreads = [float(np.var(_accuracies(group))) * len(group) for group in groups]
    return Sample(
        records=units,
        networks=[values_of_trial(unit[0]) for unit in units],
        accuracy=np.array([np.mean(_accuracies(unit)) for unit in units]),
        flops=np.array([(unit[0].flops or 0) / 1e9 for unit in units]),
        counts=np.array([float(len(unit)) for unit in units]),
        design=np.array(places, dtype=np.float64),
        covered=covered,
        training_noise=math.sqrt(sum(spreads) / free) if free else None,
    )


def _accuracies(records: Sequence[TrialRecord]) -> list[float]:
    return [record.accuracy or 0.0 for record in records]


def values_of_trial(record: TrialRecord) -> Values:
    """Return a trial's design as values of its factors; nothing if its network is not known."""
    network = record.full_size or record.architecture
    return values_of(network) if network else {}
