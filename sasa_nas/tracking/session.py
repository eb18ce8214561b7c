"""A session of trackers, whose observers are given to searches and trainings."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from sasa_nas.searching.observer import SearchObserver, SearchObservers
from sasa_nas.tracking.channel import Channel
from sasa_nas.tracking.observers import RetrainingTracker, SearchTracker, TrainingTracker
from sasa_nas.tracking.tools import find_tool
from sasa_nas.tracking.tracker import RunDescription, Status, Tool
from sasa_nas.workflows.observer import (
    RetrainingObserver,
    RetrainingObservers,
    TrainingObserver,
    TrainingObservers,
)


class Tracking:
    """Experiment trackers that follow searches and trainings; a context manager.

    One tracked run is the training of one trial of a search, or of one seed: its hyperparameters, the metrics of every
    epoch, the result and the status. A resumed search or training goes on with its tracked runs, also with those that
    no tracker followed. At the end of the block the trackers have all of it; runs still under way are interrupted.

    Args:
        *tools: Names among `tensorboard`, `wandb` and `mlflow`, or objects like `sasa_nas.tracking.Tool`.
        warn: Function that is told in one line, from another thread, if a tool fails and is left out from then on;
            a `RuntimeWarning` by default.

    Raises:
        UserError: If there is no such tool, or it is not installed.

    Examples:
        >>> import sasa_nas
        >>> with sasa_nas.Tracking("tensorboard") as tracking:  # doctest: +SKIP
        ...     sasa_nas.search("tiny", observer=tracking.search_observer())
    """

    def __init__(self, *tools: str | Tool, warn: Callable[[str], None] | None = None) -> None:
        names = dict.fromkeys(tools)
        self._tools = [find_tool(tool) if isinstance(tool, str) else tool for tool in names]
        self._warn = warn or _warn
        self._channels: dict[Path, list[Channel]] = {}

    def search_observer(self, beside: SearchObserver | None = None) -> SearchObserver:
        """Return an observer for a search.

        Args:
            beside: Observer that is told everything first, such as a progress bar; None for none.
        """
        observer = SearchTracker(self)
        return observer if beside is None else SearchObservers(beside, observer)

    def training_observer(self, beside: TrainingObserver | None = None) -> TrainingObserver:
        """Return an observer for the training of a classifier or a detector.

        Args:
            beside: Observer that is told everything first; None for none.
        """
        observer = TrainingTracker(self)
        return observer if beside is None else TrainingObservers(beside, observer)

    def retraining_observer(self, beside: RetrainingObserver | None = None) -> RetrainingObserver:
        """Return an observer for a retraining.

        Args:
            beside: Observer that is told everything first; None for none.
        """
        observer = RetrainingTracker(self)
        return observer if beside is None else RetrainingObservers(beside, observer)

    def __enter__(self) -> "Tracking":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for channel in self._all():
            channel.close()
        for channel in self._all():
            channel.join()
        self._channels.clear()

    def start(self, root: Path, run: RunDescription) -> None:
        """Begin a run of the search or training in `root`, or go on with it."""
        for channel in self._of(root):
            channel.start(run)

    def advance(self, root: Path, key: str, step: int, metrics: Mapping[str, float], file: Path) -> None:
        """Log the epochs of a run; see `Channel.advance`."""
        for channel in self._of(root):
            channel.advance(key, step, metrics, file)

    def end(
        self,
        root: Path,
        run: RunDescription,
        status: Status,
        file: Path,
        results: Mapping[str, float],
        notes: Mapping[str, str],
    ) -> None:
        """End a run; see `Channel.end`."""
        for channel in self._of(root):
            channel.end(run, status, results, notes, file)

    def _of(self, root: Path) -> list[Channel]:
        """Return the channels of a folder, opened at the first run of it."""
        if root not in self._channels:
            self._channels[root] = [Channel(tool, root, self._warn) for tool in self._tools]
        return self._channels[root]

    def _all(self) -> list[Channel]:
        return [channel for channels in self._channels.values() for channel in channels]


def _warn(line: str) -> None:
    warnings.warn(line, RuntimeWarning, stacklevel=2)
