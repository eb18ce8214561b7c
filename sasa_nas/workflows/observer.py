"""Observers of the progress of trainings, with methods that do nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from sasa_nas.observer import Observer
from sasa_nas.run.training_records import ResultRecord, TrainingRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sasa_nas.run import TrainingFolder
    from sasa_nas.run.path_records import PathRecord
    from sasa_nas.run.supernet_folder import SupernetFolder
    from sasa_nas.table.journal import Curve
    from sasa_nas.training.loop import EpochReport
    from sasa_nas.workflows.estimate import Estimate

Info = TypeVar("Info", bound=TrainingRecord)
Result = TypeVar("Result", bound=ResultRecord)


@dataclass(frozen=True)
class TrainingSummary(Generic[Info, Result]):
    """Summary of a training, or of one session of it."""

    folder: TrainingFolder
    info: Info
    result: Result | None
    """Result of the training; None if it was stopped before its end."""


class SeedObserver(Observer):
    """Observer of trainings with several seeds, called between epochs."""

    def seed_started(self, seed: int, epochs: int) -> None:
        """Report that a seed begins, or is resumed after `epochs` epochs."""

    def seed_restarted(self, seed: int, reason: str) -> None:
        """Report that a seed begins again, because its checkpoint cannot be used."""

    def updates_done(self, seed: int, epoch: int, done: int, updates: int) -> None:
        """Report updates inside an epoch of a full training, about once a second.

        Args:
            seed: The seed.
            epoch: Number of the epoch, from 1.
            done: Updates that are done.
            updates: Updates of an epoch.
        """

    def seed_regrouped(self, seed: int, news: str) -> None:
        """Report in a line that processes have left or joined those that train a seed together, and what is done."""

    def epoch_ended(self, seed: int, metrics: EpochReport) -> None:
        """Report that a seed has trained one more epoch."""


class TrainingObserver(SeedObserver):
    """Observer of a training, called between epochs."""

    def training_started(self, folder: TrainingFolder, info: TrainingRecord) -> None:
        """Report that the training's folder exists."""

    def estimated(self, estimate: Estimate) -> None:
        """Report how long a full training will take, before its first update of this session."""

    def testing_started(self) -> None:
        """Report that all seeds are trained, and that the test split, where there is one, is read."""

    def training_ended(self, result: ResultRecord) -> None:
        """Report that the result is on the disk."""

    def training_failed(self, reason: str) -> None:
        """Report in one line why the training broke off; Ctrl-C is no failure."""


class TrainingObservers(TrainingObserver):
    """Several observers of a training, told one after the other.

    Args:
        *observers: The observers.
    """

    def __init__(self, *observers: TrainingObserver) -> None:
        self._observers = observers

    def decoding(self, done: int, images: int) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.decoding(done, images)

    def training_started(self, folder: TrainingFolder, info: TrainingRecord) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.training_started(folder, info)

    def estimated(self, estimate: Estimate) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.estimated(estimate)

    def seed_started(self, seed: int, epochs: int) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.seed_started(seed, epochs)

    def seed_restarted(self, seed: int, reason: str) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.seed_restarted(seed, reason)

    def seed_regrouped(self, seed: int, news: str) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.seed_regrouped(seed, news)

    def epoch_ended(self, seed: int, metrics: EpochReport) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.epoch_ended(seed, metrics)

    def updates_done(self, seed: int, epoch: int, done: int, updates: int) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.updates_done(seed, epoch, done, updates)

    def testing_started(self) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.testing_started()

    def training_ended(self, result: ResultRecord) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.training_ended(result)

    def training_failed(self, reason: str) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.training_failed(reason)


class RetrainingObserver(Observer):
    """Observer of a retraining."""

    def estimated(self, estimate: Estimate) -> None:
        """Report how long the whole retraining, or what is left of it, will take, before its first network."""

    def network_started(self, trial: int, index: int, total: int) -> TrainingObserver:
        """Report that the network of a trial is trained next.

        Args:
            trial: Number of the trial.
            index: Index of the network, from 1.
            total: Number of networks.

        Returns:
            An observer of its training.
        """
        return TrainingObserver()

    def part_started(self, trial: int, seed: int | None, index: int, total: int) -> TrainingObserver:
        """Report that a part of a network's training begins beside others, in the place of `network_started`.

        Args:
            trial: Number of the trial.
            seed: The seed that is trained; None if all are, and the test part is read.
            index: Index of the network, from 1.
            total: Number of networks.

        Returns:
            An observer of this part of its training.
        """
        return self.network_started(trial, index, total)

    def part_ended(self, trial: int, seed: int | None) -> None:
        """Report that a part has ended, well or not; see `part_started`."""


class RetrainingObservers(RetrainingObserver):
    """Several observers of a retraining, told one after the other.

    Args:
        *observers: The observers.
    """

    def __init__(self, *observers: RetrainingObserver) -> None:
        self._observers = observers

    def decoding(self, done: int, images: int) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.decoding(done, images)

    def estimated(self, estimate: Estimate) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.estimated(estimate)

    def network_started(self, trial: int, index: int, total: int) -> TrainingObserver:
        """Return the network's observers of all of them."""
        return TrainingObservers(*(observer.network_started(trial, index, total) for observer in self._observers))

    def part_started(self, trial: int, seed: int | None, index: int, total: int) -> TrainingObserver:
        """Return the part's observers of all of them."""
        return TrainingObservers(*(observer.part_started(trial, seed, index, total) for observer in self._observers))

    def part_ended(self, trial: int, seed: int | None) -> None:
        """Forward the event."""
        for observer in self._observers:
            observer.part_ended(trial, seed)


class TableObserver(Observer):
    """Observer of the making of a table."""

    def started(self, trainings: int, done: int) -> None:
        """Report the number of all trainings, and of those done in earlier sessions."""

    def trained(self, curve: Curve) -> None:
        """Report a finished training."""

    def timed(self, done: int, networks: int) -> None:
        """Report the number of networks with measured latencies."""


class SupernetObserver(SeedObserver):
    """Observer of the training of a supernet, and of its judgement of paths."""

    def supernet_started(self, folder: SupernetFolder, seeds: Sequence[int], epochs: int, designs: int) -> None:
        """Report that the supernet's folder exists, and how many designs each seed will judge."""

    def path_judged(self, record: PathRecord, done: int) -> None:
        """Report a judged path, the `done`-th of its seed."""
