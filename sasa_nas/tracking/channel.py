"""A thread that carries a session's events to one tracker, so that no training waits for it or fails with it."""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sasa_nas.errors import one_line, printable
from sasa_nas.sharing import without_credentials
from sasa_nas.tracking.ledger import FILE, Ledger
from sasa_nas.tracking.places import no_link
from sasa_nas.tracking.points import read_points
from sasa_nas.tracking.tracker import OpenRun, RunDescription, Status, Tool, Tracker

PATIENCE = 60.0
"""Seconds that a tracker may take for one call at the end of a session. MLflow takes a dozen to make its tables."""

LONGEST = 240
"""Most characters of an error in a warning."""


@dataclass
class _Following:
    """A run under way, and the last step that the tracker has of it."""

    run: OpenRun
    step: int


class Channel:
    """Channel to one tracker; the first error of the tracker is told in one line, and closes it.

    Args:
        tool: The tool.
        root: Folder of the search or the training, in which the tool's folder is made.
        warn: Function that is told of an error in one line, from another thread.
        patience: Seconds that a call of the tracker may take when it is waited for.
    """

    def __init__(self, tool: Tool, root: Path, warn: Callable[[str], None], *, patience: float = PATIENCE) -> None:
        self._tool = tool
        self._folder = root / tool.name
        self._group = root.resolve().name
        self._warn = warn
        self._patience = patience
        self._calls: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._tracker: Tracker | None = None
        self._ledger: Ledger | None = None
        self._open: dict[str, _Following] = {}
        self._begun: float | None = None
        """Time at which the call under way began; None between calls."""
        self._over = False
        self._thread = threading.Thread(target=self._work, name=f"track-{tool.name}", daemon=True)
        self._thread.start()

    def start(self, run: RunDescription) -> None:
        """Begin a run, or go on with it."""
        self._calls.put(lambda: self._start(run))

    def advance(self, key: str, step: int, metrics: Mapping[str, float], file: Path) -> None:
        """Log the epochs of a run under way that the tracker does not have.

        Args:
            key: Key of the run.
            step: Number of the last epoch.
            metrics: Metrics of this epoch, which are taken if the file lacks it.
            file: The training's metrics.jsonl.
        """
        self._calls.put(lambda: self._advance(key, step, metrics, file))

    def end(
        self, run: RunDescription, status: Status, results: Mapping[str, float], notes: Mapping[str, str], file: Path
    ) -> None:
        """End a run, with all epochs that the tracker does not have; one that has ended so before stays as it is.

        Args:
            run: Description of the run, which is begun if need be.
            status: Status at the end.
            results: Results by name.
            notes: Texts by name.
            file: The training's metrics.jsonl.
        """
        self._calls.put(lambda: self._end(run, status, results, notes, file))

    def close(self) -> None:
        """Have the runs under way end as interrupted, after all that was asked for before; see `join`."""
        self._calls.put(self._interrupt)
        self._calls.put(None)

    def join(self) -> None:
        """Wait until the tracker has everything, after `close`, or a call takes too long."""
        while self._thread.is_alive():
            begun = self._begun
            left = self._patience if begun is None else begun + self._patience - time.monotonic()
            if left <= 0:
                self._give_up(f"it has not answered for {self._patience:g} seconds")
                return
            self._thread.join(left)

    def _work(self) -> None:
        """In the thread."""
        while (call := self._calls.get()) is not None:
            if not self._over:
                self._begun = time.monotonic()
                try:
                    call()
                except Exception as error:
                    self._give_up(one_line(error))
                self._begun = None

    def _give_up(self, reason: str) -> None:
        if not self._over:
            self._over = True
            shown = printable(without_credentials(reason), longest=LONGEST)
            self._warn(f"{self._tool.name} is left out from now on: {shown}")

    def _destination(self) -> tuple[Tracker, Ledger]:
        """Return the tracker and its ledger, opened at the first run."""
        if self._tracker is None or self._ledger is None:
            no_link(self._folder).mkdir(exist_ok=True)
            self._tracker = self._tool.open(self._folder, self._group)
            self._ledger = Ledger(no_link(self._folder / FILE), self._tracker.destination)
        return self._tracker, self._ledger

    def _start(self, run: RunDescription) -> _Following:
        if run.key not in self._open:
            tracker, ledger = self._destination()
            earlier = ledger.earlier(run.key)
            following = _Following(tracker.start(run, earlier), earlier.step if earlier else 0)
            ledger.keep(run.key, following.run.id, following.step)
            self._open[run.key] = following
        return self._open[run.key]

    def _advance(self, key: str, step: int, metrics: Mapping[str, float], file: Path) -> None:
        if key not in self._open:
            return
        self._catch_up(key, file)
        if step > self._open[key].step:
            self._log(key, step, metrics)

    def _catch_up(self, key: str, file: Path) -> None:
        for step, metrics in read_points(file, self._open[key].step):
            self._log(key, step, metrics)

    def _log(self, key: str, step: int, metrics: Mapping[str, float]) -> None:
        following = self._open[key]
        following.run.log(step, metrics)
        following.step = step
        self._destination()[1].keep(key, following.run.id, step)

    def _end(
        self, run: RunDescription, status: Status, results: Mapping[str, float], notes: Mapping[str, str], file: Path
    ) -> None:
        if run.key not in self._open and self._destination()[1].status(run.key) is status:
            return
        self._start(run)
        self._catch_up(run.key, file)
        self._finish(run.key, status, results, notes)

    def _interrupt(self) -> None:
        for key in list(self._open):
            self._finish(key, Status.INTERRUPTED, {}, {})

    def _finish(self, key: str, status: Status, results: Mapping[str, float], notes: Mapping[str, str]) -> None:
        following = self._open.pop(key)
        following.run.end(following.step, status, results, notes)
        self._destination()[1].keep(key, following.run.id, following.step, status)
