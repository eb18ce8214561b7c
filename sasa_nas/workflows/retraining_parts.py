"""Parts of a retraining, as a process of its own carries them out: a seed of a network, its result, or its timing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sasa_nas.errors import UserError
from sasa_nas.operators.plugins import OperatorFile, loaded_operators, receive_operators
from sasa_nas.run import ExternalResources, RunError, TrainingFolder, TrainingSettings
from sasa_nas.run.new_folder import Unwritable, unwritable
from sasa_nas.run.training_records import ResultRecord, TrainingRecord
from sasa_nas.space import Architecture
from sasa_nas.workflows.estimate import estimate_training
from sasa_nas.workflows.full_share import Share
from sasa_nas.workflows.loading import within_memory
from sasa_nas.workflows.observer import TrainingObserver
from sasa_nas.workflows.train import conclude_network, train_one_seed
from sasa_nas.workflows.training_jobs import planned_job

if TYPE_CHECKING:
    from sasa_nas.training.loop import EpochReport

Message: TypeAlias = tuple[str, Any]
"""Name of an event and its content."""


class Action(StrEnum):
    """Kinds of parts."""

    TIMING = "timing"
    """Timing of a network's training, which leaves no trace."""
    SEED = "seed"
    """Training with one seed."""
    RESULT = "result"
    """Measuring of all seeds, once they are trained, and reading of the test part."""


@dataclass(frozen=True)
class RetrainingPart:
    """A part of a retraining.

    Attributes:
        trial: Number of the network's trial.
        action: Kind of the part.
        processes: Processes that train together.
        seed: The seed, if one is trained.
    """

    trial: int
    action: Action
    processes: int = 1
    seed: int | None = None


@dataclass(frozen=True)
class PartArgument:
    """Argument of `carry_out`.

    Attributes:
        part: The part.
        operators: Operators of one's own, without which a network may not be read.
        network: The network at its full size, as JSON.
        settings: The `TrainingSettings` of the retraining, as JSON.
        folder: Folder of the network's training; it exists unless the part is a timing.
        workers: Processes that read images for each that trains; None for the cores that are left.
    """

    part: RetrainingPart
    operators: tuple[OperatorFile, ...]
    network: str
    settings: str
    folder: Path
    workers: int | None


def part_argument(
    part: RetrainingPart, network: Architecture, settings: TrainingSettings, folder: TrainingFolder, workers: int | None
) -> PartArgument:
    """Return the argument with which another process carries out a part; see `PartArgument`."""
    return PartArgument(part, loaded_operators(), network.to_json(), settings.model_dump_json(), folder.path, workers)


class SentTraining(TrainingObserver):
    """Observer of a training that sends what it is told to the process that has started this one.

    Args:
        send: Function that sends a message.
    """

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send

    def decoding(self, done: int, images: int) -> None:
        """Send the numbers."""
        self._send(("decoding", (done, images)))

    def training_started(self, folder: TrainingFolder, info: TrainingRecord) -> None:
        """Send the folder and the record."""
        self._send(("training_started", (folder, info)))

    def seed_started(self, seed: int, epochs: int) -> None:
        """Send the numbers."""
        self._send(("seed_started", (seed, epochs)))

    def seed_restarted(self, seed: int, reason: str) -> None:
        """Send the reason."""
        self._send(("seed_restarted", (seed, reason)))

    def updates_done(self, seed: int, epoch: int, done: int, updates: int) -> None:
        """Send the numbers."""
        self._send(("updates_done", (seed, epoch, done, updates)))

    def epoch_ended(self, seed: int, metrics: "EpochReport") -> None:
        """Send the metrics."""
        self._send(("epoch_ended", (seed, metrics)))

    def testing_started(self) -> None:
        """Send the event."""
        self._send(("testing_started", ()))

    def training_ended(self, result: ResultRecord) -> None:
        """Send the result."""
        self._send(("training_ended", (result,)))

    def training_failed(self, reason: str) -> None:
        """Send the reason."""
        self._send(("training_failed", (reason,)))


def deliver(event: str, content: Sequence[Any], observer: TrainingObserver) -> None:
    """Tell an observer what another process was told; see `SentTraining`."""
    match event:
        case "decoding":
            observer.decoding(*content)
        case "training_started":
            observer.training_started(*content)
        case "seed_started":
            observer.seed_started(*content)
        case "seed_restarted":
            observer.seed_restarted(*content)
        case "updates_done":
            observer.updates_done(*content)
        case "epoch_ended":
            observer.epoch_ended(*content)
        case "testing_started":
            observer.testing_started()
        case "training_ended":
            observer.training_ended(*content)
        case "training_failed":
            observer.training_failed(*content)


def carry_out(argument: PartArgument, send: Callable[[Message], None]) -> None:
    """Carry out a part in this process, and send what happens and how it failed."""
    # before any description of theirs is read
    receive_operators(argument.operators)
    part = argument.part
    settings = TrainingSettings.model_validate_json(argument.settings)
    share, observer = Share(part.processes, argument.workers), SentTraining(send)
    folder = TrainingFolder(argument.folder)
    external = ExternalResources.of_training(settings)
    try:
        match part.action:
            case Action.TIMING:
                network = Architecture.model_validate_json(argument.network)
                with within_memory(settings.recipe.batch_size):
                    job = planned_job(network, settings, f"trial {part.trial}", share, observer)
                    send(("timed", estimate_training(job, folder, settings).seconds))
            case Action.SEED:
                assert part.seed is not None
                train_one_seed(folder.path, part.seed, external=external, share=share, observer=observer)
            case Action.RESULT:
                conclude_network(folder.path, external=external, share=share, observer=observer)
    except Unwritable as error:
        send(("unwritable", error.reason))
    except RunError as error:
        send(("damaged", str(error)))
    except UserError as error:
        send(("refused", str(error)))
    except OSError as error:
        send(("unwritable", unwritable(folder.path, error)))
