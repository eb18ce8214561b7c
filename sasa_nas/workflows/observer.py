"""How a training tells the outside what happens in it."""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from sasa_nas.run import TrainingFolder
from sasa_nas.run.training_records import ResultRecord, TrainingRecord
from sasa_nas.training.loop import EpochReport

Info = TypeVar("Info", bound=TrainingRecord)
Result = TypeVar("Result", bound=ResultRecord)


@dataclass(frozen=True)
class TrainingSummary(Generic[Info, Result]):
    """How a training, or one session of it, ended."""

    folder: TrainingFolder
    info: Info
    result: Result | None
    """None where it was stopped before its end."""


class TrainingObserver(Protocol):
    """Whoever wants to know; called between epochs, so that an observer must be quick."""

    def decoding(self, done: int, images: int) -> None:
        """Report images of a folder decoded so far; not called if they are in the cache."""

    def training_started(self, folder: TrainingFolder, info: TrainingRecord) -> None:
        """The folder is there."""

    def seed_started(self, seed: int, epochs: int) -> None:
        """A seed begins, or goes on after so many epochs."""

    def seed_restarted(self, seed: int, reason: str) -> None:
        """A seed's checkpoint is of no use, so that it begins again."""

    def epoch_ended(self, seed: int, metrics: EpochReport) -> None:
        """A seed has trained one more epoch."""

    def testing_started(self) -> None:
        """All seeds are trained; the test part, where there is one, is read."""


class SilentObserver:
    """Wants to know nothing."""

    def decoding(self, done: int, images: int) -> None:
        """Nothing."""

    def training_started(self, folder: TrainingFolder, info: TrainingRecord) -> None:
        """Nothing."""

    def seed_started(self, seed: int, epochs: int) -> None:
        """Nothing."""

    def seed_restarted(self, seed: int, reason: str) -> None:
        """Nothing."""

    def epoch_ended(self, seed: int, metrics: EpochReport) -> None:
        """Nothing."""

    def testing_started(self) -> None:
        """Nothing."""
