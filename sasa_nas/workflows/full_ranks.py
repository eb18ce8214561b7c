"""One seed of a full training on every rank: in this process, in processes of this machine, or under a launcher."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import torch
from torch.distributed import Store  # type: ignore[attr-defined]

from sasa_nas.errors import UserError
from sasa_nas.exporting.weights import load_weights, save_weights
from sasa_nas.layers.drop_path import set_drop_path
from sasa_nas.operators.plugins import OperatorFile, loaded_operators, receive_operators
from sasa_nas.run import SeedFolder
from sasa_nas.streaming.splits import StreamedSplits
from sasa_nas.training.checkpoint import Progress
from sasa_nas.training.first_weights import FirstWeights, first_network
from sasa_nas.training.full.checkpoints import train_to_end
from sasa_nas.training.full.metrics import FullMetrics
from sasa_nas.training.full.pace import FullPace, measure_full_pace
from sasa_nas.training.full.processes import run_ranks
from sasa_nas.training.full.ranks import ALONE, Ranks, connected
from sasa_nas.training.full.trainer import FullTrainer
from sasa_nas.training.loop import NonFiniteLoss
from sasa_nas.workflows.full_messages import Message, SentProgress, deliver
from sasa_nas.workflows.full_task import FullTask, rank_device


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
    return FullTrainer(
        network,
        splits,
        task.recipe,
        seed=task.seed,
        device=device,
        ranks=ranks,
        workers=task.workers,
        divided_for=task.divided_for,
    )


def time_here(task: FullTask, splits: StreamedSplits, limit: float, ranks: Ranks = ALONE) -> FullPace:
    """Time a training on this rank, with all others that call this; nothing is read of its folder, or written.

    Args:
        task: The training.
        splits: Its data.
        limit: See `measure_full_pace`.
        ranks: Place of this process; the ranks are connected.
    """
    trainer = _trainer(task, splits, rank_device(task.device, ranks), ranks, FirstWeights(None, task.frozen))
    return measure_full_pace(trainer, splits, limit=limit)


def time_in_processes(task: FullTask, processes: int, limit: float) -> FullPace:
    """Time a training in processes of this machine.

    Args:
        task: The training.
        processes: Number of ranks.
        limit: See `measure_full_pace`.

    Raises:
        UserError: If a process is killed or fails.
    """
    found: list[FullPace] = []

    def received(message: Message) -> None:
        event, content = message
        if event == "refused":
            raise UserError(content)
        found.append(content)

    timed = task.model_copy(update={"timed_for": limit})
    run_ranks(_work, (loaded_operators(), timed.model_dump_json()), processes, received)
    return found[0]


def lead_timing(task: FullTask, splits: StreamedSplits, limit: float, ranks: Ranks) -> FullPace:
    """Time a training as the first of ranks that a launcher has started, the others of which `follow`.

    Args:
        task: The training.
        splits: Its data.
        limit: See `measure_full_pace`.
        ranks: Place of this process; the ranks are connected.
    """
    timed = task.model_copy(update={"timed_for": limit})
    ranks.told(timed.model_dump_json().encode(), rank_device(task.device, ranks))
    return time_here(task, splits, limit, ranks)


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

    def received(message: Message) -> None:
        deliver(message, progress)

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
        if task.timed_for is not None:
            time_here(task, splits, task.timed_for, ranks)
            continue
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

    def regrouped(self, news: str) -> None:
        """Do nothing."""


def _work(
    ranks: Ranks,
    store: Store,
    argument: tuple[tuple[OperatorFile, ...], str],
    send: Callable[[Any], None],
) -> None:
    """Train, or time the training, as one of the processes that this module starts."""
    operators, text = argument
    # before any description of theirs is read
    receive_operators(operators)
    task = FullTask.model_validate_json(text)
    try:
        with connected(ranks, rank_device(task.device, ranks), store):
            if task.timed_for is None:
                train_here(task, task.open(), SentProgress(send), ranks)
                return
            pace = time_here(task, task.open(), task.timed_for, ranks)
        if ranks.leads:
            send(("timed", pace))
    except NonFiniteLoss as error:
        if ranks.leads:
            send(("diverged", str(error)))
    except UserError as error:
        send(("refused", str(error)))
