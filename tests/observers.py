"""An observer of trainings that takes notes."""

from sasa_nas.run import TrainingFolder
from sasa_nas.run.training_records import ResultRecord, TrainingRecord
from sasa_nas.training.loop import EpochReport
from sasa_nas.workflows.estimate import Estimate


class Notes:
    """An observer that keeps everything it is told; raises `stop` once so many epochs have ended."""

    def __init__(self, stop: BaseException | None = None, after: int = 1) -> None:
        self.events: list[str] = []
        self.estimate: Estimate | None = None
        self._stop = stop
        self._after = after

    def training_started(self, folder: TrainingFolder, info: TrainingRecord) -> None:
        self.events.append(f"training {info.name}")

    def estimated(self, estimate: Estimate) -> None:
        self.estimate = estimate

    def decoding(self, done: int, images: int) -> None:
        pass

    def seed_started(self, seed: int, epochs: int) -> None:
        self.events.append(f"seed {seed} after {epochs}")

    def seed_restarted(self, seed: int, reason: str) -> None:
        self.events.append(f"seed {seed} again: {reason}")

    def updates_done(self, seed: int, epoch: int, done: int, updates: int) -> None:
        pass

    def seed_regrouped(self, seed: int, news: str) -> None:
        self.events.append(f"seed {seed}: {news}")

    def epoch_ended(self, seed: int, metrics: EpochReport) -> None:
        self.events.append(f"seed {seed} epoch {metrics.epoch}")
        self._after -= 1
        if self._stop is not None and self._after == 0:
            raise self._stop

    def testing_started(self) -> None:
        self.events.append("testing")

    def training_ended(self, result: ResultRecord) -> None:
        self.events.append(f"result of {result.name}")

    def training_failed(self, reason: str) -> None:
        self.events.append(f"failed: {reason}")
