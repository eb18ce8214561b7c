"""The trainings of a run grouped by design."""

import statistics
from collections.abc import Iterable, Sequence

from sasa_nas.objectives import OBJECTIVES
from sasa_nas.run import Outcome, TrialRecord

_OF_TRAINING = [row.name for row in OBJECTIVES.values() if row.known == "after_training"]
"""Fields that differ between trainings of one design, and are averaged."""


def trained(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the records of the networks trained to the end, which have an accuracy and a cost."""
    return [r for r in records if r.outcome is Outcome.TRAINED and r.accuracy is not None and r.flops]


class Designs:
    """The trained networks of a run's space, grouped by design.

    Args:
        records: Trials of a run; only trained ones are taken, without networks outside the space.
    """

    def __init__(self, records: Iterable[TrialRecord] = ()) -> None:
        self._trainings: dict[str, list[TrialRecord]] = {}
        self._means: dict[str, TrialRecord] = {}
        for record in records:
            self.add(record)

    def __len__(self) -> int:
        return len(self._means)

    def add(self, record: TrialRecord) -> None:
        """Add a trial, if it is trained and its network one of the space's."""
        if record.arm.outside:
            return
        for network in trained([record]):
            # a record without its network is a design of its own
            design = network.architecture_id or f"trial {network.number}"
            trainings = self._trainings.setdefault(design, [])
            trainings.append(network)
            means = {name: _mean(getattr(t, name) for t in trainings) for name in _OF_TRAINING}
            self._means[design] = trainings[0].model_copy(update=means)

    def means(self) -> list[TrialRecord]:
        """Return one record per design, in order: its first training's, with the mean accuracies of all its trainings.

        The best of several trainings would overestimate a design, the more the more often it was trained.
        """
        return list(self._means.values())

    def groups(self) -> list[list[TrialRecord]]:
        """Return the trainings of each design, in the order of `means`."""
        return list(self._trainings.values())

    def trainings(self) -> dict[int, int]:
        """Return the number of trainings of each design, by the number of its first trial."""
        return {trainings[0].number: len(trainings) for trainings in self._trainings.values()}


def _mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the known values, or None."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def designs(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Return `Designs.means` of records."""
    return Designs(records).means()
