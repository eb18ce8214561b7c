"""How a search tells the outside what happens in it."""

from dataclasses import dataclass
from typing import Protocol

from sasa_nas.run import RunFolder, TrialRecord
from sasa_nas.run.packing import Packing


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
    """How a search, or one session of it, ended."""

    folder: RunFolder
    records: list[TrialRecord]
    interrupted: bool
    """Whether it was stopped before all trials were done."""
    exhausted: bool
    """Whether the space had fewer distinct designs than trials were asked for."""


class SearchObserver(Protocol):
    """Whoever wants to know; called in the search's own thread, so that an observer must be quick."""

    def decoding(self, done: int, images: int) -> None:
        """Report images of a folder decoded so far, before the run exists; not called if they are in the cache."""

    def measuring(self) -> None:
        """How trials best share the machine is measured, before there is a run."""

    def packed(self, packing: Packing) -> None:
        """This is how."""

    def search_started(self, folder: RunFolder, trials: int, earlier: list[TrialRecord]) -> None:
        """The run's folder is there; `earlier` are the trials of sessions before this one."""

    def workers_ready(self, workers: int) -> None:
        """Up to this many trials run at a time from now on."""

    def trial_started(self, record: TrialRecord) -> None:
        """A design is handed to a worker."""

    def epoch_ended(self, report: EpochReport) -> None:
        """A trial has trained one more epoch."""

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial is over, or was never to be trained."""


class SilentObserver:
    """Wants to know nothing."""

    def decoding(self, done: int, images: int) -> None:
        """Nothing."""

    def measuring(self) -> None:
        """Nothing."""

    def packed(self, packing: Packing) -> None:
        """Nothing."""

    def search_started(self, folder: RunFolder, trials: int, earlier: list[TrialRecord]) -> None:
        """Nothing."""

    def workers_ready(self, workers: int) -> None:
        """Nothing."""

    def trial_started(self, record: TrialRecord) -> None:
        """Nothing."""

    def epoch_ended(self, report: EpochReport) -> None:
        """Nothing."""

    def trial_ended(self, record: TrialRecord) -> None:
        """Nothing."""
