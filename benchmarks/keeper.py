"""An observer that keeps the records of a search's trainings, for benchmarks that search without training."""

from sasa_nas.run import TrialRecord
from sasa_nas.searching.observer import SearchObserver


class Keeper(SearchObserver):
    """Observer that keeps the records of all trials that have ended, whatever came out."""

    def __init__(self) -> None:
        self.records: list[TrialRecord] = []

    def trial_ended(self, record: TrialRecord) -> None:
        """Keep the record."""
        self.records.append(record)
