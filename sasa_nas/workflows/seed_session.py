"""Training of one seed of a network, from its checkpoint if there is one, with its metrics kept on the disk."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from sasa_nas.errors import UserError
from sasa_nas.exporting.weights import load_weights, save_weights
from sasa_nas.files import write_text
from sasa_nas.run import SeedFolder
from sasa_nas.training.checkpoint import Progress, train_with_checkpoints
from sasa_nas.training.loop import EpochLoop, EpochReport, NonFiniteLoss
from sasa_nas.workflows.observer import SeedObserver


class SeedJob(Protocol):
    """A training that each seed repeats: a network, its data, and its recipe."""

    def train(self, seed: int, place: SeedFolder, progress: Progress[Any]) -> None:
        """Train with one seed to the end, from its checkpoint if there is one, and write its weights last.

        Args:
            seed: The seed.
            place: Folder of the seed, which exists.
            progress: Observer of the epochs, whose metrics are dataclasses of the form of `EpochReport`.

        Raises:
            NonFiniteLoss: If the training diverges.
            OSError: If a file cannot be written.
        """


class _SeedProgress:
    """Progress of one seed, which keeps its metrics on disk and forwards events to an observer."""

    def __init__(self, folder: SeedFolder, seed: int, observer: SeedObserver) -> None:
        self._folder = folder
        self._seed = seed
        self._observer = observer

    def started(self, history: Sequence[Any]) -> None:
        """Write the metrics again, as a kill may have come between them and the checkpoint."""
        self._write(history)
        self._observer.seed_started(self._seed, len(history))

    def restarted(self, reason: str) -> None:
        """Forward the event."""
        self._observer.seed_restarted(self._seed, reason)

    def advanced(self, history: Sequence[Any]) -> None:
        """Write the metrics with those of the last epoch."""
        self._write(history)
        last: EpochReport = history[-1]
        self._observer.epoch_ended(self._seed, last)

    def stepped(self, epoch: int, done: int, updates: int) -> None:
        """Forward the event."""
        self._observer.updates_done(self._seed, epoch, done, updates)

    def regrouped(self, news: str) -> None:
        """Forward the event."""
        self._observer.seed_regrouped(self._seed, news)

    def _write(self, history: Sequence[Any]) -> None:
        write_text(self._folder.metrics, "".join(json.dumps(asdict(metrics)) + "\n" for metrics in history))


def is_trained(place: SeedFolder) -> bool:
    """Return True if a seed is trained: its file of weights is there, and whole."""
    if not place.weights.exists():
        return False
    try:
        load_weights(place.weights)
    except UserError:
        return False
    return True


def train_seed(place: SeedFolder, job: SeedJob, seed: int, observer: SeedObserver) -> None:
    """Train one seed to the end, unless it is trained; its weights are written last.

    Raises:
        UserError: If the training diverges.
        OSError: If a file cannot be written.
    """
    place.path.mkdir(parents=True, exist_ok=True)
    if not is_trained(place):
        try:
            job.train(seed, place, _SeedProgress(place, seed, observer))
        except NonFiniteLoss as error:
            raise UserError(f"seed {seed} diverged: {error}; train anew with a lower --learning-rate") from error
    place.checkpoint.unlink(missing_ok=True)


def train_in_epochs(
    make: Callable[[], EpochLoop[Any, Any, Any]], metrics: type[Any], place: SeedFolder, progress: Progress[Any]
) -> None:
    """Train with a checkpoint after every epoch, as `SeedJob.train` does in this process.

    Args:
        make: Function that makes the trainer before its first epoch.
        metrics: Dataclass of an epoch's metrics.
        place: Folder of the seed.
        progress: Observer of the epochs.
    """
    trainer = train_with_checkpoints(make, metrics, checkpoint=place.checkpoint, progress=progress)
    save_weights(place.weights, trainer.model.state_dict())
