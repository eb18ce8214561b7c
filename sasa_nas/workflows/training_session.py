"""Common session of all kinds of trainings: a new folder, one seed after the other, and the result at the end."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from torch import Tensor

from sasa_nas.errors import UserError, one_line
from sasa_nas.exporting.weights import save_weights
from sasa_nas.files import make_directory, write_text
from sasa_nas.run import TrainingFolder
from sasa_nas.run.new_folder import Unwritable, default_folder, require_new, sole_writer
from sasa_nas.run.training_records import ResultRecord, TrainingRecord
from sasa_nas.space import NetworkDescription
from sasa_nas.tasks import TASKS, Task
from sasa_nas.workflows.estimate import Estimate
from sasa_nas.workflows.loading import within_memory
from sasa_nas.workflows.observer import TrainingObserver, TrainingSummary
from sasa_nas.workflows.seed_session import SeedJob, train_seed

Info = TypeVar("Info", bound=TrainingRecord)
Result = TypeVar("Result", bound=ResultRecord)
Result_co = TypeVar("Result_co", bound=ResultRecord, covariant=True)


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
    write_folder(folder, network, info, inherited)
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


def train_alone(
    folder: TrainingFolder, info: TrainingRecord, job: TrainingJob[Any], seed: int, observer: TrainingObserver
) -> None:
    """Train one seed of a training, others of which other processes may train at the same time.

    Args:
        folder: Folder of the training, which no process but those of the caller writes.
        info: Record of the training.
        job: The training.
        seed: The seed.
        observer: Observer of the progress.

    Raises:
        UserError: If the disk is full, the GPU's memory is too small or the training diverges.
    """
    own = info.model_copy(update={"settings": info.settings.model_copy(update={"seeds": (seed,)})})
    with _session(info, observer):
        observer.training_started(folder, own)
        train_seed(folder.seed(seed), job, seed, observer)


def conclude(
    folder: TrainingFolder, info: TrainingRecord, job: TrainingJob[Result], observer: TrainingObserver
) -> Result:
    """Measure a training whose seeds are all trained, write the result and return it.

    Args:
        folder: Folder of the training, which no other process writes.
        info: Record of the training.
        job: The training.
        observer: Observer of the progress.

    Raises:
        UserError: If the folder cannot be written, or a trained network cannot be measured.
    """
    with _session(info, observer):
        observer.training_started(folder, info)
        return _write_result(folder, job, observer)


def _write_result(folder: TrainingFolder, job: TrainingJob[Result], observer: TrainingObserver) -> Result:
    result = job.result(folder, observer)
    write_text(folder.result, result.model_dump_json(indent=2) + "\n")
    observer.training_ended(result)
    return result


def write_folder(
    folder: TrainingFolder,
    network: NetworkDescription,
    info: TrainingRecord,
    inherited: Mapping[str, Tensor] | None,
) -> None:
    """Make the folder of a new training; see `begin_session`.

    Raises:
        Unwritable: If it cannot be written.
    """
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
        locked(folder, info),
        _session(info, observer),
        suppress(KeyboardInterrupt),
    ):
        observer.training_started(folder, info)
        estimate = job.estimate(folder) if estimating else None
        if estimate is not None:
            observer.estimated(estimate)
        for seed in info.settings.seeds:
            train_seed(folder.seed(seed), job, seed, observer)
        result = _write_result(folder, job, observer)
    return result


def locked(folder: TrainingFolder, info: TrainingRecord) -> AbstractContextManager[None]:
    """Return what keeps other processes out of the folder of a training; see `sole_writer`."""
    return sole_writer(folder.path, folder.lock, TASKS[info.task].resuming(folder.path))


@contextmanager
def _session(info: TrainingRecord, observer: TrainingObserver) -> Iterator[None]:
    """Report an error that leaves the block to an observer, and a GPU's lack of memory in a line."""
    try:
        with within_memory(info.settings.recipe.batch_size):
            yield
    except Exception as error:
        observer.training_failed(one_line(error))
        raise
