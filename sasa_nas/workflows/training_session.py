"""Common session of all kinds of trainings: a new folder, one seed after the other, and the result at the end."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, TypeVar

from torch import Tensor

from sasa_nas.errors import UserError, one_line
from sasa_nas.exporting.weights import load_weights, save_weights
from sasa_nas.files import make_directory, write_text
from sasa_nas.run import SeedFolder, TrainingFolder
from sasa_nas.run.new_folder import Unwritable, default_folder, require_new, sole_writer
from sasa_nas.run.training_records import ResultRecord, TrainingRecord
from sasa_nas.space import NetworkDescription
from sasa_nas.tasks import TASKS, Task
from sasa_nas.training.checkpoint import Progress, train_with_checkpoints
from sasa_nas.training.loop import EpochLoop, EpochReport, NonFiniteLoss
from sasa_nas.workflows.estimate import Estimate
from sasa_nas.workflows.loading import within_memory
from sasa_nas.workflows.observer import SeedObserver, TrainingObserver, TrainingSummary

Info = TypeVar("Info", bound=TrainingRecord)
Result = TypeVar("Result", bound=ResultRecord)
Result_co = TypeVar("Result_co", bound=ResultRecord, covariant=True)


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


class TrainingJob(SeedJob, Protocol[Result_co]):
    """A validated training."""

    def estimate(self, folder: TrainingFolder) -> Estimate | None:
        """Return an estimate of the session's time before it begins; None if its epochs tell soon enough."""

    def result(self, folder: TrainingFolder, observer: TrainingObserver) -> Result_co:
        """Return the result, once all seeds are trained."""


def new_folder(name: str, out: Path | None, task: Task) -> TrainingFolder:
    """Return the folder of a new training of a network of this name; nothing is written yet.

    Args:
        name: Name of the network.
        out: The folder; default: `runs/train-<name>-<time>`.
        task: Task of the network.

    Raises:
        UserError: If it is not empty, or cannot be made.
    """
    folder = TrainingFolder(out or default_folder(f"train-{_file_name(name)}"))
    if folder.info.exists():
        raise UserError(
            f"{folder.path} already holds a training; go on with it (`{task.resuming(folder.path)}`) "
            "or choose another --out"
        )
    require_new(folder.path)
    return folder


def _file_name(name: str) -> str:
    """Return the last part of a network's name or path, without characters unfit for a folder's name."""
    path = Path(name).resolve()
    last = path.stem if path.suffix.lower() in (".json", ".yaml", ".yml") else path.name
    return re.sub(r"[^\w.-]+", "_", last)[:80]


def begin_session(
    folder: TrainingFolder,
    network: NetworkDescription,
    info: Info,
    job: TrainingJob[Result],
    observer: TrainingObserver | None,
    inherited: Mapping[str, Tensor] | None = None,
    estimating: bool = False,
) -> TrainingSummary[Info, Result]:
    """Make the folder of a new training, and run the first session of it.

    Args:
        folder: Folder of the training, from `new_folder`.
        network: The network as it is trained.
        info: Record of the training.
        job: The training to carry out.
        observer: Observer of the progress; None for none.
        inherited: Weights that every seed begins with; None if they are drawn.
        estimating: Whether the observer is told how long the session will take.

    Raises:
        UserError: If the folder cannot be written, the disk is full, the GPU's memory is too small or the training
            diverges.
    """
    _write_folder(folder, network, info, inherited)
    result = _carry_out(folder, info, job, observer or TrainingObserver(), estimating)
    return TrainingSummary(folder, info, result)


def resume_session(
    path: Path,
    read_info: Callable[[TrainingFolder], Info],
    read_result: Callable[[TrainingFolder], Result],
    resumed_job: Callable[[TrainingFolder, Info, TrainingObserver], TrainingJob[Result]],
    observer: TrainingObserver | None,
    estimating: bool = False,
) -> TrainingSummary[Info, Result]:
    """Run another session of a training; a finished training is left as it is.

    Args:
        path: Folder of the training.
        read_info: Function that reads the training's record.
        read_result: Function that reads the result of a finished training.
        resumed_job: Function that returns the training as it was begun, validated again.
        observer: Observer of the progress; None for none.
        estimating: Whether the observer is told how long the session will take.

    Raises:
        UserError: If the folder cannot be read, another process is training in it, the disk is full, the GPU's memory
            is too small or the training diverges; and whatever `resumed_job` raises.
    """
    folder = TrainingFolder(path)
    info = read_info(folder)
    if folder.result.exists():
        return TrainingSummary(folder, info, read_result(folder))
    observer = observer or TrainingObserver()
    job = resumed_job(folder, info, observer)
    return TrainingSummary(folder, info, _carry_out(folder, info, job, observer, estimating))


def _write_folder(
    folder: TrainingFolder,
    network: NetworkDescription,
    info: TrainingRecord,
    inherited: Mapping[str, Tensor] | None,
) -> None:
    try:
        make_directory(folder.path)
        if inherited is not None:
            save_weights(folder.inherited, inherited)
        write_text(folder.architecture, network.to_json())
        write_text(folder.info, info.model_dump_json(indent=2) + "\n")
    except OSError as error:
        folder.architecture.unlink(missing_ok=True)
        folder.inherited.unlink(missing_ok=True)
        raise Unwritable(folder.path, error, "choose another --out") from error


def require_same_network(folder: TrainingFolder, network: NetworkDescription, info: TrainingRecord) -> None:
    """Check that a folder's network is the one in its record.

    Raises:
        UserError: If their ids differ.
    """
    if network.id != info.architecture_id:
        raise UserError(f"{folder.architecture} is not the network that {folder.info} speaks of; put it back")


def _carry_out(
    folder: TrainingFolder,
    info: TrainingRecord,
    job: TrainingJob[Result],
    observer: TrainingObserver,
    estimating: bool,
) -> Result | None:
    """Train the remaining seeds, then write and return the result; return None if Ctrl-C ended the session."""
    result: Result | None = None
    with (
        sole_writer(folder.path, folder.lock, TASKS[info.task].resuming(folder.path)),
        _reporting_failure(observer),
        within_memory(info.settings.recipe.batch_size),
        suppress(KeyboardInterrupt),
    ):
        observer.training_started(folder, info)
        estimate = job.estimate(folder) if estimating else None
        if estimate is not None:
            observer.estimated(estimate)
        for seed in info.settings.seeds:
            train_seed(folder.seed(seed), job, seed, observer)
        result = job.result(folder, observer)
        write_text(folder.result, result.model_dump_json(indent=2) + "\n")
        observer.training_ended(result)
    return result


@contextmanager
def _reporting_failure(observer: TrainingObserver) -> Iterator[None]:
    """Report an error that leaves the block to an observer."""
    try:
        yield
    except Exception as error:
        observer.training_failed(one_line(error))
        raise


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


def _readable(weights: Path) -> bool:
    """Return True if a file holds complete weights."""
    if not weights.exists():
        return False
    try:
        load_weights(weights)
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
    if not _readable(place.weights):
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
