"""Progress of one network's training: a bar on a terminal, one line per epoch in a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from sasa_nas.cli.decoding import DecodingLog, decoding_bar
from sasa_nas.cli.output import stderr_console
from sasa_nas.cli.progress import clock
from sasa_nas.workflows.observer import TrainingObserver

if TYPE_CHECKING:
    from sasa_nas.run import TrainingFolder
    from sasa_nas.run.training_records import TrainingRecord
    from sasa_nas.training.loop import EpochReport
    from sasa_nas.workflows.estimate import Estimate


SAY_EVERY = 300.0
"""Seconds between lines inside an epoch."""


@contextmanager
def observing_training() -> Iterator[TrainingObserver]:
    """Yield an observer with a live bar if stderr is a terminal, else one that prints lines."""
    console = stderr_console()
    if not console.is_terminal:
        yield TrainingLines(console)
        return
    observer = TrainingBar(console)
    with Live(get_renderable=observer.render, console=console, refresh_per_second=4, transient=True):
        yield observer


class TrainingLines(TrainingObserver):
    """An observer that prints one line for every epoch.

    Args:
        console: Console of the lines.
        prefix: Beginning of every line, of one of several trainings.
    """

    def __init__(self, console: Console, prefix: str = "") -> None:
        self._console = console
        self._prefix = prefix
        self._seeds: tuple[int, ...] = ()
        self._epochs = 0
        self._done = 0
        self._part = 0.0
        """Share of the epoch under way."""
        self._earlier = 0.0
        self._begun = 0.0
        self._said = 0.0
        self._estimate = ""
        self._decoding = DecodingLog(console)

    def decoding(self, done: int, images: int) -> None:
        """Print the beginning and the end of the decoding of images."""
        self._decoding.decoding(done, images)

    def training_started(self, folder: TrainingFolder, info: TrainingRecord) -> None:
        """Print the training's folder and settings."""
        self._begun = time.monotonic()
        settings = info.settings
        self._seeds, self._epochs = settings.seeds, settings.recipe.epochs
        seeds = f"seed {self._seeds[0]}" if len(self._seeds) == 1 else f"{len(self._seeds)} seeds"
        self.say(f"training {folder.path}: {info.name} on {settings.dataset}, {self._epochs} epochs, {seeds}")

    def estimated(self, estimate: Estimate) -> None:
        """Print how long the training will take; the clock of its epochs starts."""
        self._begun = time.monotonic()
        self._estimate = estimate.left_after(0.0)
        self.say(str(estimate))

    def seed_started(self, seed: int, epochs: int) -> None:
        """Print the epoch at which a seed is resumed, if it was begun before."""
        self._part = 0.0
        self._said = time.monotonic()
        earlier = self._seeds.index(seed) * self._epochs + epochs
        # what other sessions trained took none of this one's time
        self._earlier += earlier - self._done
        self._done = earlier
        if epochs:
            self.say(f"seed {seed} goes on after epoch {epochs}/{self._epochs}")

    def seed_restarted(self, seed: int, reason: str) -> None:
        """Print that the seed begins again, with the reason."""
        self.say(f"seed {seed} begins again: {reason}")

    def seed_regrouped(self, seed: int, news: str) -> None:
        """Print the news."""
        self.say(f"seed {seed}: {news}")

    def updates_done(self, seed: int, epoch: int, done: int, updates: int) -> None:
        """Print the place inside a long epoch, every few minutes."""
        self._enter(done / updates)
        if time.monotonic() - self._said >= SAY_EVERY:
            self._said = time.monotonic()
            self.say(f"{self.place(seed, epoch, done, updates)}, {self.time_left()}")

    def epoch_ended(self, seed: int, metrics: EpochReport) -> None:
        """Print the epoch's metrics."""
        self._done, self._part = self._done + 1, 0.0
        self._said = time.monotonic()
        self.say(f"{self.epoch_line(seed, metrics)}, {self.time_left()}")

    def testing_started(self) -> None:
        """Print that the test split is read."""
        self.say("all seeds are trained; reading the test split")

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(f"{self._prefix}{text}", soft_wrap=True)

    def epoch_line(self, seed: int, metrics: EpochReport) -> str:
        """Return the text of one epoch."""
        return (
            f"seed {seed} epoch {metrics.epoch}/{self._epochs}: train loss {metrics.train_loss:.4f}, "
            f"{metrics.headline}, {metrics.seconds_train + metrics.seconds_evaluate:.1f} s"
        )

    def time_left(self) -> str:
        """Return the text of an estimate from this session's pace, or of the one before its first update."""
        now = self._done + self._part
        trained, left = now - self._earlier, self.total - now
        if trained <= 0:
            return self._estimate or "time unknown"
        return f"{clock((time.monotonic() - self._begun) / trained * left)} left"

    def place(self, seed: int, epoch: int, done: int, updates: int) -> str:
        """Return the text of a place inside an epoch."""
        return f"seed {seed} epoch {epoch}/{self._epochs}: {done}/{updates} updates"

    def _enter(self, part: float) -> None:
        """Note the share of the epoch under way."""
        if self._part == 0.0 and self._done == self._earlier:
            # the first news of a session: another one may have trained the epoch up to here
            self._earlier, self._begun = self._done + part, time.monotonic()
        self._part = part

    @property
    def total(self) -> int:
        """Total number of epochs of all seeds."""
        return len(self._seeds) * self._epochs

    @property
    def done(self) -> int:
        """Number of epochs trained so far, in earlier sessions, too."""
        return self._done


class TrainingBar(TrainingLines):
    """An observer that shows a bar, and prints a line above it for the last epoch of every seed.

    Args:
        console: Console of a terminal.
        prefix: Beginning of every line, of one of several trainings.
    """

    def __init__(self, console: Console, prefix: str = "") -> None:
        super().__init__(console, prefix)
        self._state = "reading the data set ..."
        self._decoded: tuple[int, int] | None = None
        self._last = ""

    def decoding(self, done: int, images: int) -> None:
        """Show a bar of decoded images."""
        self._decoded = (done, images) if done < images else None

    def render(self) -> Table:
        """Return the current bar."""
        if self._decoded:
            return decoding_bar(*self._decoded)
        bar = Table.grid(padding=(0, 1))
        moved = ProgressBar(total=self.total or 1, completed=self.done + self._part, width=30)
        bar.add_row(moved, f"{self._prefix}{self._state}")
        return bar

    def seed_started(self, seed: int, epochs: int) -> None:
        """Show the seed until its first epoch ends."""
        super().seed_started(seed, epochs)
        self._last = ""
        left = f" {self._estimate}" if self._estimate and self._done == self._earlier else ""
        self._state = f"seed {seed}: first epoch ...{left}"

    def updates_done(self, seed: int, epoch: int, done: int, updates: int) -> None:
        """Move the bar inside an epoch."""
        self._enter(done / updates)
        last = f", {self._last}" if self._last else ""
        self._state = f"{self.place(seed, epoch, done, updates)}{last}, {self.time_left()}"

    def epoch_ended(self, seed: int, metrics: EpochReport) -> None:
        """Move the bar."""
        self._done, self._part = self._done + 1, 0.0
        self._last = metrics.headline
        place = f"seed {seed} epoch {metrics.epoch}/{self._epochs}"
        self._state = f"{place}, {metrics.headline}, {self.time_left()}"
        if metrics.epoch == self._epochs:
            self.say(self.epoch_line(seed, metrics))

    def testing_started(self) -> None:
        """Show beside the bar that the test split is read."""
        self._state = "reading the test split ..."
