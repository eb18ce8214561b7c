"""Estimate of the time that trainings will take, made before they begin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sasa_nas.run import TrainingFolder
from sasa_nas.run.training_records import BaseTrainingSettings

_MINUTE, _HOUR = 60, 3600


class TimedJob(Protocol):
    """A training that can be timed before it is carried out."""

    def seconds_left(self, folder: TrainingFolder, done: Sequence[int]) -> float:
        """Return the seconds until the result, by timing a moment of the training, which leaves no trace.

        Args:
            folder: Folder of the training, of which nothing is read.
            done: Epochs that each seed has done.

        Raises:
            UserError: If it cannot be trained.
        """


@dataclass(frozen=True)
class Estimate:
    """Estimate of the time that one training or several will take.

    Attributes:
        seconds: Seconds from now on.
        networks: Number of networks, also those that are done.
        seeds: Trainings of each.
        epochs: Epochs of each training.
        done: Epochs of all trainings that were done before.
        at_once: Trainings at a time.
        processes: Processes of each training.
    """

    seconds: float
    networks: int
    seeds: int
    epochs: int
    done: int = 0
    at_once: int = 1
    processes: int = 1

    def left_after(self, seconds: float) -> str:
        """Return the time that is left after so many seconds in words; nothing if none is."""
        left = self.seconds - seconds
        return f"about {about(left)} left" if left > 0 else ""

    def __str__(self) -> str:
        counts = [(self.networks, "network"), (self.seeds, "seed"), (self.epochs, "epoch")]
        parts = [f"{count} {name}{'s' if count > 1 else ''}" for count, name in counts]
        each = f"{', '.join(parts)} each"
        if self.at_once > 1:
            by = f" by {self.processes} processes each" if self.processes > 1 else ""
            each += f", {self.at_once} at a time{by}"
        if self.done:
            total = self.networks * self.seeds * self.epochs
            return f"about {about(self.seconds)} left: {each}, {self.done} of {total} epochs are done"
        return f"about {about(self.seconds)}: {each}"


def about(seconds: float) -> str:
    """Return a length of time in words, no more exact than an estimate is.

    Examples:
        >>> about(13200), about(290), about(20)
        ('3:40 hours', '5 minutes', 'a minute')
    """
    if seconds < 1.5 * _MINUTE:
        return "a minute"
    if seconds < 1.5 * _HOUR:
        return f"{round(seconds / _MINUTE)} minutes"
    # to five minutes
    hours, minutes = divmod(5 * round(seconds / (5 * _MINUTE)), 60)
    return f"{hours}:{minutes:02d} hours"


def epochs_done(folder: TrainingFolder, settings: BaseTrainingSettings) -> list[int]:
    """Return the number of epochs that each seed of a training has done, none if the folder does not exist."""
    epochs = settings.recipe.epochs
    done: list[int] = []
    for place in map(folder.seed, settings.seeds):
        if place.weights.exists():
            done.append(epochs)
        elif place.checkpoint.exists() and place.metrics.exists():
            done.append(min(epochs, place.metrics.read_bytes().count(b"\n")))
        else:
            done.append(0)
    return done


def estimate_training(job: TimedJob, folder: TrainingFolder, settings: BaseTrainingSettings) -> Estimate:
    """Return an estimate for one training, new or to be resumed.

    Args:
        job: The training.
        folder: Its folder.
        settings: Its settings.

    Raises:
        UserError: If it cannot be trained.
    """
    done = epochs_done(folder, settings)
    epochs = settings.recipe.epochs
    seconds = job.seconds_left(folder, done) if min(done) < epochs else 0.0
    return Estimate(seconds, 1, len(settings.seeds), epochs, sum(done))
