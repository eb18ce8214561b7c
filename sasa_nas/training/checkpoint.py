"""Training with a checkpoint after every epoch, so that a killed process costs at most one epoch."""

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, get_args, get_type_hints

import torch

from sasa_nas.errors import one_line
from sasa_nas.files import UnfitFile, read_bytes, write_atomically

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Metrics = TypeVar("Metrics", bound="DataclassInstance")
Metrics_contra = TypeVar("Metrics_contra", bound="DataclassInstance", contravariant=True)
Metrics_co = TypeVar("Metrics_co", bound="DataclassInstance", covariant=True)


class EpochTrainer(Protocol[Metrics_co]):
    """A trainer that yields metrics after every epoch and can be resumed after any."""

    epoch: int
    """Number of epochs done."""

    def epochs(self) -> Iterator[Metrics_co]:
        """Train the remaining epochs and yield the metrics of each when it ends."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state for resuming, of tensors, numbers and plain containers."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from another trainer's state."""


Trainer_ = TypeVar("Trainer_", bound=EpochTrainer[Any])


class Progress(Protocol[Metrics_contra]):
    """Observer of a training."""

    def started(self, history: Sequence[Metrics_contra]) -> None:
        """Report the beginning of this session's first epoch; `history` are the epochs of earlier sessions."""

    def restarted(self, reason: str) -> None:
        """Report that the checkpoint is unusable, and the training begins anew."""

    def advanced(self, history: Sequence[Metrics_contra]) -> None:
        """Report a trained epoch whose checkpoint is written; it is the last of `history`."""

    def stepped(self, epoch: int, done: int, updates: int) -> None:
        """Report updates inside an epoch, about once a second, of a training whose epochs may be long.

        Args:
            epoch: Number of the epoch, from 1.
            done: Updates that are done.
            updates: Updates of an epoch.
        """

    def regrouped(self, news: str) -> None:
        """Report in a line that processes have left or joined those that train together, and what is done then."""


class BadCheckpoint(Exception):
    """Error that a checkpoint cannot be used; the message has the reason in one line."""


def train_with_checkpoints(
    make: Callable[[], Trainer_],
    metrics: type[Metrics],
    *,
    checkpoint: Path,
    progress: Progress[Metrics],
) -> Trainer_:
    """Train to the last epoch, from `checkpoint` if it exists.

    The checkpoint is replaced atomically after every epoch; the caller removes it.

    Args:
        make: Function that makes the trainer before its first epoch; called again if a checkpoint is unusable.
        metrics: Dataclass of an epoch's metrics.
        checkpoint: The file; its folder exists.
        progress: Observer of the epochs.

    Returns:
        The trainer, all epochs done.

    Raises:
        OSError: If the checkpoint cannot be read or written.
    """
    trainer = make()
    history: list[Metrics] = []
    if checkpoint.is_file():
        try:
            history = load_checkpoint(checkpoint, trainer, metrics)
        except BadCheckpoint as error:
            progress.restarted(str(error))
            # the state may have been loaded in part
            trainer = make()
    progress.started(history)
    for result in trainer.epochs():
        history.append(result)
        save_checkpoint(checkpoint, trainer, history)
        progress.advanced(history)
    return trainer


def save_checkpoint(path: Path, trainer: EpochTrainer[Metrics], history: Sequence[Metrics], *, of: str = "") -> None:
    """Write a trainer's state and the metrics of its epochs so far, atomically.

    Args:
        path: The file.
        trainer: The trainer.
        history: Metrics of its epochs.
        of: Identity of the training, if the file's path does not determine it.

    Raises:
        OSError: If the file cannot be written.
    """
    # torch's own writer would turn a full disk into a RuntimeError
    content = io.BytesIO()
    state = {"of": of, "trainer": trainer.state_dict(), "metrics": [asdict(epoch) for epoch in history]}
    torch.save(state, content)
    write_atomically(path, lambda temporary: _write(temporary, content))


def _write(path: Path, content: io.BytesIO) -> None:
    path.write_bytes(content.getbuffer())


def load_checkpoint(
    path: Path, trainer: EpochTrainer[Metrics], metrics: type[Metrics], *, of: str = ""
) -> list[Metrics]:
    """Load a state written by `save_checkpoint` into a trainer; only tensors and plain containers are unpickled.

    Args:
        path: The file.
        trainer: The trainer to load the state into.
        metrics: Dataclass of an epoch's metrics.
        of: Identity of the training; a checkpoint of another one is refused even if it fits.

    Returns:
        The metrics of the epochs done.

    Raises:
        BadCheckpoint: If the file is damaged, or another trainer's; `trainer` cannot be used then.
        OSError: If the file cannot be read.
    """
    return restore(read_checkpoint(path, trainer), path, trainer, metrics, of=of)


def read_checkpoint(path: Path, trainer: EpochTrainer[Any]) -> bytes:
    """Return the bytes of a checkpoint, without looking into it.

    Args:
        path: The file.
        trainer: The trainer whose state it should hold, by which its size is limited.

    Raises:
        BadCheckpoint: If it is no plain file, or larger than any checkpoint of the trainer.
        OSError: If it cannot be read.
    """
    try:
        return read_bytes(path, _largest(trainer))
    except UnfitFile as error:
        raise BadCheckpoint(f"{path} is damaged or foreign ({error.strerror})") from error


def restore(
    data: bytes, path: Path, trainer: EpochTrainer[Metrics], metrics: type[Metrics], *, of: str = ""
) -> list[Metrics]:
    """Load a state that `save_checkpoint` wrote into a trainer; only tensors and plain containers are unpickled.

    Args:
        data: Content of the file.
        path: The file, for the error.
        trainer: The trainer to load the state into.
        metrics: Dataclass of an epoch's metrics.
        of: Identity of the training; a checkpoint of another one is refused even if it fits.

    Returns:
        The metrics of the epochs done.

    Raises:
        BadCheckpoint: If the content is damaged, or another trainer's; `trainer` cannot be used then.
    """
    content = io.BytesIO(data)
    # of a damaged or foreign file, torch and the trainer raise errors of every type
    try:
        _require_stored(content)
        state = torch.load(content, map_location="cpu", weights_only=True)
        _require_whole(state)
        if state.get("of", "") != of:
            raise ValueError("it is of another training")
        trainer.load_state_dict(state["trainer"])
        history = [metrics(**epoch) for epoch in state["metrics"]]
        if not all(_are_numbers(epoch, metrics) for epoch in history):
            raise ValueError("its metrics are no numbers")
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {one_line(error)[:120]}"
        raise BadCheckpoint(f"{path} is damaged or foreign ({reason})") from error
    if len(history) != trainer.epoch:
        raise BadCheckpoint(f"{path} is damaged: {len(history)} epochs of metrics, state after epoch {trainer.epoch}")
    return history


def _are_numbers(epoch: "DataclassInstance", metrics: type[Any]) -> bool:
    """Return True if all metrics of an epoch are numbers, or None where their type allows it."""
    types = get_type_hints(metrics)
    return all(
        type(value) in (int, float) or (value is None and type(None) in get_args(types[name]))
        for name, value in asdict(epoch).items()
    )


def _largest(trainer: EpochTrainer[Any]) -> int:
    """Return the most bytes of a trainer's checkpoint: its tensors, the optimiser's two per tensor, and the rest."""
    return 2**26 + 4 * sum(tensor.numel() * tensor.element_size() for tensor in _tensors(trainer.state_dict()))


def _require_stored(content: io.BytesIO) -> None:
    """Raise ValueError unless the file is a ZIP archive without compression, as written by `torch.save`.

    Its members then take no more memory than the file.
    """
    with zipfile.ZipFile(content) as archive:
        members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("its members are compressed")
    if sum(member.file_size for member in members) > content.getbuffer().nbytes:
        raise ValueError("its members overlap")
    content.seek(0)


def _require_whole(state: Any) -> None:
    """Raise ValueError if a tensor in nested containers is larger than its memory, as a view with steps of 0 is.

    A copy of such a tensor could take all memory.
    """
    for tensor in _tensors(state):
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise ValueError("a tensor is larger than its memory")


def _tensors(state: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors in nested containers, which may contain each other."""
    waiting: list[Any] = [state]
    seen: set[int] = set()
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, torch.Tensor):
            yield item
        elif isinstance(item, Mapping):
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
