"""How an outright training shows itself while it runs: a bar on a terminal, one line an epoch in a log."""

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


@contextmanager
def observing_training() -> Iterator[TrainingObserver]:
    """An observer that suits stderr, for the length of a `with` block."""
    console = stderr_console()
    if not console.is_terminal:
        yield TrainingLines(console)
        return
    observer = TrainingBar(console)
    with Live(get_renderable=observer.render, console=console, refresh_per_second=4, transient=True):
        yield observer


class TrainingLines(TrainingObserver):
    """Prints one line for every epoch.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seeds: tuple[int, ...] = ()
        self._epochs = 0
        self._done = 0
        self._earlier = 0
        self._begun = 0.0
        self._decoding = DecodingLog(console)

    def decoding(self, done: int, images: int) -> None:
        """Say that images are decoded, and when they are."""
        self._decoding.decoding(done, images)

    def training_started(self, folder: TrainingFolder, info: TrainingRecord) -> None:
        """Say where the training lies and what it is."""
        self._begun = time.monotonic()
        settings = info.settings
        self._seeds, self._epochs = settings.seeds, settings.recipe.epochs
        seeds = f"seed {self._seeds[0]}" if len(self._seeds) == 1 else f"{len(self._seeds)} seeds"
        self.say(f"training {folder.path}: {info.name} on {settings.dataset}, {self._epochs} epochs, {seeds}")

    def seed_started(self, seed: int, epochs: int) -> None:
        """Say where a seed goes on, if it was begun before."""
        earlier = self._seeds.index(seed) * self._epochs + epochs
        # what other sessions trained took none of this one's time
        self._earlier += earlier - self._done
        self._done = earlier
        if epochs:
            self.say(f"seed {seed} goes on after epoch {epochs}/{self._epochs}")

    def seed_restarted(self, seed: int, reason: str) -> None:
        """Say so."""
        self.say(f"seed {seed} begins again: {reason}")

    def epoch_ended(self, seed: int, metrics: EpochReport) -> None:
        """Say what came out."""
        self._done += 1
        self.say(f"{self.epoch_line(seed, metrics)}, {self.time_left()}")

    def testing_started(self) -> None:
        """Say so."""
        self.say("all seeds are trained; reading the test split")

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, soft_wrap=True)

    def epoch_line(self, seed: int, metrics: EpochReport) -> str:
        """Return one epoch in one line."""
        return (
            f"seed {seed} epoch {metrics.epoch}/{self._epochs}: train loss {metrics.train_loss:.4f}, "
            f"{metrics.headline}, {metrics.seconds_train + metrics.seconds_evaluate:.1f} s"
        )

    def time_left(self) -> str:
        """Return a guess: the pace of this session's epochs, kept up to the end."""
        done, left = self._done - self._earlier, self.total - self._done
        return f"{clock((time.monotonic() - self._begun) / max(done, 1) * left)} left"

    @property
    def total(self) -> int:
        """Epochs of all seeds."""
        return len(self._seeds) * self._epochs

    @property
    def done(self) -> int:
        """Epochs trained so far, those of earlier sessions among them."""
        return self._done


class TrainingBar(TrainingLines):
    """Keeps a bar up to date, and leaves a line for the last epoch of every seed above it.

    Args:
        console: A terminal.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._state = "reading the data set ..."
        self._decoded: tuple[int, int] | None = None

    def decoding(self, done: int, images: int) -> None:
        """Show a bar of their own for the images that are decoded."""
        self._decoded = (done, images) if done < images else None

    def render(self) -> Table:
        """Return the bar as it is now."""
        if self._decoded:
            return decoding_bar(*self._decoded)
        bar = Table.grid(padding=(0, 1))
        bar.add_row(ProgressBar(total=self.total or 1, completed=self.done, width=30), self._state)
        return bar

    def seed_started(self, seed: int, epochs: int) -> None:
        """Name the seed until its first epoch ends."""
        super().seed_started(seed, epochs)
        self._state = f"seed {seed}: first epoch ..."

    def epoch_ended(self, seed: int, metrics: EpochReport) -> None:
        """Move the bar."""
        self._done += 1
        place = f"seed {seed} epoch {metrics.epoch}/{self._epochs}"
        self._state = f"{place}, {metrics.headline}, {self.time_left()}"
        if metrics.epoch == self._epochs:
            self.say(self.epoch_line(seed, metrics))

    def testing_started(self) -> None:
        """Say so beside the bar."""
        self._state = "reading the test split ..."
