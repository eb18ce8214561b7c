"""One seed of a full training on every rank: in this process, in processes of this machine, or under a launcher."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from torch.distributed import Store  # type: ignore[attr-defined]

from sasa_nas.errors import UserError
from sasa_nas.exporting.weights import load_weights, save_weights
from sasa_nas.layers.drop_path import set_drop_path
from sasa_nas.operators.plugins import OperatorFile, loaded_operators, receive_operators
from sasa_nas.recipes import FullRecipe
from sasa_nas.run import SeedFolder
from sasa_nas.space import Architecture
from sasa_nas.streaming.splits import StreamedSplits, open_streamed
from sasa_nas.training.checkpoint import Progress
from sasa_nas.training.device import pick_device
from sasa_nas.training.first_weights import FirstWeights, first_network
from sasa_nas.training.freezing import Frozen
from sasa_nas.training.full.checkpoints import train_to_end
from sasa_nas.training.full.processes import run_ranks
from sasa_nas.training.full.ranks import ALONE, Ranks, connected
from sasa_nas.training.full.trainer import FullMetrics, FullTrainer
from sasa_nas.training.loop import NonFiniteLoss


class FullTask(BaseModel):
    """A full training with one seed, as sent to the ranks that share it.

    Attributes:
        architecture: The network, fitted to the data.
        recipe: The recipe.
        dataset: Name or folder of the data set.
        data_dir: Folder of data sets; None for the default one.
        image_size: Side of the data set's images in pixels; None for its own.
        train_images: Size of the subset to train on; None for all images.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        workers: Processes that read images, for each rank.
        seed: The seed.
        place: Folder of the seed, which the first rank alone writes to.
        inherited: File of the initial weights, which the first rank reads; None if they are drawn.
        frozen: Parts of the network that keep them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Architecture
    recipe: FullRecipe
    dataset: str
    data_dir: Path | None
    image_size: int | None
    train_images: int | None
    device: str
    workers: int
    seed: int
    place: Path
    inherited: Path | None
    frozen: Frozen

    def open(self) -> StreamedSplits:
        """Open the data set."""
        return open_streamed(
            self.dataset, data_dir=self.data_dir, image_size=self.image_size, train_images=self.train_images
        )


def rank_device(name: str, ranks: Ranks) -> torch.device:
    """Return the device of a rank: a GPU of its own, or the CPU.

    Args:
        name: `auto`, `cpu`, `cuda` or `cuda:N`.
        ranks: Place of the process.

    Raises:
        UserError: If there is no such device, or are fewer GPUs than ranks on this machine.
    """
    device = pick_device(name)
    if device.type == "cpu" or ranks.size == 1:
        return device
    if device.index is not None:
        raise UserError(f"--device {name} is one GPU, and {ranks.size} processes train; use --device cuda")
    count = torch.cuda.device_count()
    if ranks.local >= count:
        raise UserError(f"more processes than GPUs on this machine ({count}); start at most one for each")
    return torch.device("cuda", ranks.local)


def default_workers(ranks: int) -> int:
    """Return the number of processes that read images for one rank: those of its cores that are left, 16 at most."""
    return min(16, len(os.sched_getaffinity(0)) // ranks - 1) if ranks else 0


def train_here(
    task: FullTask,
    splits: StreamedSplits,
    progress: Progress[FullMetrics],
    ranks: Ranks = ALONE,
) -> None:
    """Train on this rank, with all others that call this; the first writes the seed's folder.

    Args:
        task: The training.
        splits: Its data.
        progress: Observer of the epochs, for the first rank.
        ranks: Place of this process; the ranks are connected.

    Raises:
        NonFiniteLoss: If the training diverges.
        UserError: If it cannot be trained as asked.
        OSError: If a file cannot be written.
    """
    device = rank_device(task.device, ranks)
    # the others have the weights from the first rank, once they are connected
    weights = load_weights(task.inherited) if task.inherited is not None and ranks.leads else None
    folder = SeedFolder(task.place)
    trained = train_to_end(
        partial(_trainer, task, splits, device, ranks, FirstWeights(weights, task.frozen)),
        checkpoint=folder.checkpoint,
        progress=progress,
        ranks=ranks,
    )
    if ranks.leads:
        save_weights(folder.weights, trained)


def _trainer(
    task: FullTask,
    splits: StreamedSplits,
    device: torch.device,
    ranks: Ranks,
    first: FirstWeights,
) -> FullTrainer:
    network = first_network(task.architecture, first, task.seed)
    set_drop_path(network, task.recipe.drop_path)
    return FullTrainer(network, splits, task.recipe, seed=task.seed, device=device, ranks=ranks, workers=task.workers)


def train_in_processes(task: FullTask, processes: int, progress: Progress[FullMetrics]) -> None:
    """Train in processes of this machine, and report their progress here.

    Args:
        task: The training.
        processes: Number of ranks.
        progress: Observer of the epochs.

    Raises:
        NonFiniteLoss: If the training diverges.
        UserError: If a process is killed or fails; the checkpoint of the last epoch or minutes is on the disk.
    """

    def received(message: tuple[str, Any]) -> None:
        event, content = message
        match event:
            case "started":
                progress.started([FullMetrics(**epoch) for epoch in content])
            case "restarted":
                progress.restarted(content)
            case "advanced":
                progress.advanced([FullMetrics(**epoch) for epoch in content])
            case "stepped":
                progress.stepped(*content)
            case "diverged":
                raise NonFiniteLoss(content)
            case "refused":
                raise UserError(content)

    run_ranks(_work, (loaded_operators(), task.model_dump_json()), processes, received)


def lead(task: FullTask, splits: StreamedSplits, ranks: Ranks, progress: Progress[FullMetrics]) -> None:
    """Train as the first of ranks that a launcher has started, the others of which `follow`.

    Args:
        task: The training.
        splits: Its data.
        ranks: Place of this process; the ranks are connected.
        progress: Observer of the epochs.

    Raises:
        NonFiniteLoss: If the training diverges, on all ranks alike.
    """
    ranks.told(task.model_dump_json().encode(), rank_device(task.device, ranks))
    train_here(task, splits, progress, ranks)


def follow(ranks: Ranks, device: torch.device) -> None:
    """Take part in the trainings of the first rank, until it has no more; see `lead`.

    Args:
        ranks: Place of this process; the ranks are connected.
        device: Its device.
    """
    splits: StreamedSplits | None = None
    while (text := ranks.told(None, device)) is not None:
        task = FullTask.model_validate_json(text)
        # the same for all seeds
        splits = splits or task.open()
        with suppress(NonFiniteLoss):
            train_here(task, splits, _Unheard(), ranks)


class _Unheard:
    """Progress that nobody sees, as the first rank reports it."""

    def started(self, history: Sequence[FullMetrics]) -> None:
        """Do nothing."""

    def restarted(self, reason: str) -> None:
        """Do nothing."""

    def advanced(self, history: Sequence[FullMetrics]) -> None:
        """Do nothing."""

    def stepped(self, epoch: int, done: int, updates: int) -> None:
        """Do nothing."""


class _SentProgress:
    """Progress of an epoch, sent to the process that started the ranks."""

    def __init__(self, send: Callable[[tuple[str, Any]], None]) -> None:
        self._send = send

    def started(self, history: Sequence[FullMetrics]) -> None:
        """Send the metrics of earlier sessions."""
        self._send(("started", [asdict(epoch) for epoch in history]))

    def restarted(self, reason: str) -> None:
        """Send the reason."""
        self._send(("restarted", reason))

    def advanced(self, history: Sequence[FullMetrics]) -> None:
        """Send the metrics of all epochs."""
        self._send(("advanced", [asdict(epoch) for epoch in history]))

    def stepped(self, epoch: int, done: int, updates: int) -> None:
        """Send the numbers."""
        self._send(("stepped", (epoch, done, updates)))


def _work(
    ranks: Ranks,
    store: Store,
    argument: tuple[tuple[OperatorFile, ...], str],
    send: Callable[[Any], None],
) -> None:
    """Train as one of the processes that `train_in_processes` starts."""
    operators, text = argument
    # before any description of theirs is read
    receive_operators(operators)
    task = FullTask.model_validate_json(text)
    try:
        with connected(ranks, rank_device(task.device, ranks), store):
            train_here(task, task.open(), _SentProgress(send), ranks)
    except NonFiniteLoss as error:
        if ranks.leads:
            send(("diverged", str(error)))
    except UserError as error:
        send(("refused", str(error)))
