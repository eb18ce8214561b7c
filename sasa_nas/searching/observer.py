"""The progress of a search, for those who watch it."""

from dataclasses import dataclass

from sasa_nas.observer import Observer
from sasa_nas.run import RunFolder, TrialRecord
from sasa_nas.run.packing import Packing
from sasa_nas.searching.sampler_choice import SamplerChoice


@dataclass(frozen=True)
class EpochReport:
    """One epoch of one trial."""

    number: int
    epoch: int
    epochs: int
    accuracy: float
    train_loss: float


@dataclass(frozen=True)
class SearchSummary:
    """End of a search, or of one session of it."""

    folder: RunFolder
    records: list[TrialRecord]
    interrupted: bool
    """True if the session was stopped before all trials were done."""
    exhausted: bool
    """True if the space had fewer distinct designs than trials were asked for."""


class SearchObserver(Observer):
    """Receives the progress of a search."""

    def measuring(self) -> None:
        """Report that the best way to share the machine is being measured; the run does not exist yet."""

    def packed(self, packing: Packing) -> None:
        """Report the measured shares of the machine and the one that is taken."""

    def preparing(self, state: str) -> None:
        """Report in a few words what is done before the first training."""

    def search_started(self, folder: RunFolder, trials: int, earlier: list[TrialRecord]) -> None:
        """Report that the run's folder exists.

        Args:
            folder: Folder of the run.
            trials: Number of trials that the run is to have.
            earlier: Trials of sessions before this one.
        """

    def sampler_chosen(self, choice: SamplerChoice) -> None:
        """Report the sampler of the designs that are none of the balanced share's, right after `search_started`."""

    def workers_ready(self, workers: int) -> None:
        """Report the largest number of trials that run at a time from now on."""

    def trial_started(self, record: TrialRecord) -> None:
        """Report that a design is handed to a worker."""

    def epoch_ended(self, report: EpochReport) -> None:
        """Report that a trial has trained one more epoch."""

    def trial_ended(self, record: TrialRecord) -> None:
        """Report a trial that has ended, or that is not to be trained."""


class SearchObservers(SearchObserver):
    """Several observers of a search, told one after the other.

    Args:
        *observers: The observers.
    """

    def __init__(self, *observers: SearchObserver) -> None:
        self._observers = observers

    def decoding(self, done: int, images: int) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.decoding(done, images)

    def measuring(self) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.measuring()

    def packed(self, packing: Packing) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.packed(packing)

    def preparing(self, state: str) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.preparing(state)

    def search_started(self, folder: RunFolder, trials: int, earlier: list[TrialRecord]) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.search_started(folder, trials, earlier)

    def sampler_chosen(self, choice: SamplerChoice) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.sampler_chosen(choice)

    def workers_ready(self, workers: int) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.workers_ready(workers)

    def trial_started(self, record: TrialRecord) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.trial_started(record)

    def epoch_ended(self, report: EpochReport) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.epoch_ended(report)

    def trial_ended(self, record: TrialRecord) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.trial_ended(record)
