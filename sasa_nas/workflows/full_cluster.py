"""One seed of a full training on a Ray cluster, whose nodes may leave and join."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sasa_nas.cluster.isolation import require_shareable
from sasa_nas.cluster.quiet import keep_ray_quiet
from sasa_nas.cluster.request import ClusterRanks, Listener, Place
from sasa_nas.data.download import default_data_dir
from sasa_nas.errors import UserError
from sasa_nas.operators.plugins import OperatorFile, loaded_operators, receive_operators
from sasa_nas.training.checkpoint import Progress
from sasa_nas.training.full.metrics import FullMetrics
from sasa_nas.training.full.pace import FullPace
from sasa_nas.training.loop import NonFiniteLoss
from sasa_nas.workflows.full_messages import Message, SentProgress, deliver, history_of
from sasa_nas.workflows.full_ranks import time_here, train_here
from sasa_nas.workflows.full_task import FullTask, default_workers

Argument = tuple[tuple[OperatorFile, ...], str, bool]
"""Operators of one's own, a `FullTask` as JSON, and whether each rank reads by as many processes as it has cores."""


def train_on_cluster(
    task: FullTask, wanted: ClusterRanks, progress: Progress[FullMetrics], *, workers: int | None
) -> None:
    """Train in processes of a cluster, and report their progress here.

    Args:
        task: The training.
        wanted: The cluster, and the number of processes.
        progress: Observer of the epochs, of lost nodes and of those that join.
        workers: Processes that read images, for each rank; None for the cores of its machine that are left.

    Raises:
        NonFiniteLoss: If the training diverges.
        UserError: If the cluster cannot be reached or is too small, a machine of it does not have the folder or the
            data, or processes fail again and again; the last checkpoint is on the disk.
    """
    _run(task, wanted, _Followed(progress, wanted), workers)


def time_on_cluster(task: FullTask, wanted: ClusterRanks, limit: float, *, workers: int | None) -> FullPace:
    """Time a training in processes of a cluster, as many as it now has.

    Args:
        task: The training.
        wanted: The cluster, and the number of processes.
        limit: See `measure_full_pace`.
        workers: Processes that read images, for each rank; see `train_on_cluster`.

    Raises:
        UserError: As `train_on_cluster`.
    """
    timing = _Timing()
    _run(task.model_copy(update={"timed_for": limit}), wanted, timing, workers)
    assert timing.pace is not None
    return timing.pace


def require_cluster(wanted: ClusterRanks) -> None:
    """Check that a cluster answers and holds a training, before anything is written.

    Args:
        wanted: The cluster, and the number of processes.

    Raises:
        UserError: If it does not.
    """
    _prepare()
    from sasa_nas.cluster.group import require_room

    require_room(wanted)


def _prepare() -> None:
    """Set what Ray reads when it is imported, which takes seconds: only those who name a cluster need it."""
    require_shareable()
    keep_ray_quiet()


def _run(task: FullTask, wanted: ClusterRanks, listener: Listener, workers: int | None) -> None:
    _prepare()
    from sasa_nas.cluster.group import run_on_cluster

    # on every machine the working directory is another one
    paths: dict[str, Path | None] = {
        "place": task.place.resolve(),
        "data_dir": (task.data_dir or default_data_dir()).resolve(),
        "inherited": task.inherited and task.inherited.resolve(),
    }
    argument: Argument = (loaded_operators(), task.model_copy(update=paths).model_dump_json(), workers is None)
    run_on_cluster(_work, argument, wanted, listener)


def _work(place: Place, argument: Argument, send: Any) -> None:
    """Train, or time the training, as one of the processes on the cluster."""
    operators, text, by_cores = argument
    # before any description of theirs is read
    receive_operators(operators)
    workers = {"workers": default_workers(place.neighbours)} if by_cores else {}
    task = FullTask.model_validate_json(text).model_copy(update={"device": place.device, **workers})
    try:
        if task.timed_for is None:
            _require_folder(task, place)
            train_here(task, task.open(), SentProgress(send), place.ranks)
            return
        pace = time_here(task, task.open(), task.timed_for, place.ranks)
        if place.ranks.leads:
            send(("timed", pace))
    except NonFiniteLoss as error:
        if place.ranks.leads:
            send(("diverged", str(error)))
    except UserError as error:
        send(("refused", f"{error} (on machine {place.host})"))


def _require_folder(task: FullTask, place: Place) -> None:
    """Check that this machine has the training's folder, for any process may have to go on from it."""
    if not task.place.is_dir():
        raise UserError(
            f"there is no {task.place} here: the folder of a training on a cluster must lie on a disk that all its "
            "machines share under the same path; name one by --out"
        )


class _Followed:
    """A `Listener` that tells a training's observer what a single process would, and what has become of the ranks.

    Args:
        progress: Observer of the training.
        wanted: Number of processes that the training may have.
    """

    def __init__(self, progress: Progress[FullMetrics], wanted: ClusterRanks) -> None:
        self._progress = progress
        self._wanted = wanted
        self._size = wanted.most
        self._epochs: int | None = None
        """Epochs that have been reported; None before the first group of processes has begun."""
        self._news: str | None = None
        """News to be reported once the processes say where they begin."""
        self._furthest: tuple[int, ...] = ()

    def grouped(self, size: int, lost: Sequence[str]) -> None:
        """Keep what has happened, until the processes say where they begin."""
        if self._epochs is not None or size < self._wanted.most:
            self._news = f"{_cause(self._size, size, lost, again=self._epochs is not None)}{_processes(size)}"
        self._size = size

    def awaited(self, least: int, lost: Sequence[str]) -> None:
        """Report that the training waits."""
        self._progress.regrouped(f"{_nodes(lost)}: waiting until the cluster holds {_processes(least)} again")

    def furthest(self) -> tuple[int, ...]:
        """Return the last epoch that was begun, and the updates that were done of it."""
        return self._furthest

    def received(self, message: Message) -> None:
        """Pass a message on, without the epochs that are known from before a restart."""
        event, content = message
        if event == "started" and self._epochs is not None:
            # the first rank may have been lost between a checkpoint and its word on it
            history = history_of(content)
            for count in range(self._epochs + 1, len(history) + 1):
                self._progress.advanced(history[:count])
        else:
            deliver(message, self._progress)
        if event in ("started", "advanced"):
            self._epochs = max(self._epochs or 0, len(content))
        elif event == "stepped":
            epoch, done, _ = content
            self._furthest = max(self._furthest, (epoch, done))
            if self._news is not None:
                self._progress.regrouped(f"{self._news}, from update {done} of epoch {epoch}")
                self._news = None


def _cause(before: int, now: int, lost: Sequence[str], *, again: bool) -> str:
    """Return the beginning of a sentence on processes that train from now on."""
    if not again:
        return "the cluster has no more for now: training by "
    if lost:
        return f"{_nodes(lost)}: going on with "
    return "more nodes have joined: going on with " if now > before else "a process was lost: going on with "


def _nodes(lost: Sequence[str]) -> str:
    names = ", ".join(lost)
    return f"node {names} is lost" if len(lost) == 1 else f"nodes {names} are lost"


def _processes(count: int) -> str:
    return f"{count} process" if count == 1 else f"{count} processes"


class _Timing:
    """A `Listener` that keeps the pace that is measured."""

    def __init__(self) -> None:
        self.pace: FullPace | None = None

    def grouped(self, size: int, lost: Sequence[str]) -> None:
        """Do nothing."""

    def awaited(self, least: int, lost: Sequence[str]) -> None:
        """Do nothing."""

    def furthest(self) -> tuple[int, ...]:
        """Return the same at all times: what fails again and again is given up."""
        return ()

    def received(self, message: Message) -> None:
        """Keep the pace, or raise the error of a process that cannot take part."""
        event, content = message
        if event == "refused":
            raise UserError(content)
        self.pace = content
