"""Progress of a retraining: the network's bar on a terminal, one line per seed in a log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from sasa_nas.cli.decoding import DecodingLog, decoding_bar
from sasa_nas.cli.output import stderr_console
from sasa_nas.cli.training_progress import TrainingBar
from sasa_nas.workflows.observer import RetrainingObserver, TrainingObserver


@contextmanager
def observing_retraining() -> Iterator[RetrainingObserver]:
    """Yield an observer with a live bar if stderr is a terminal, else one that prints lines."""
    console = stderr_console()
    observer = RetrainingProgress(console)
    if not console.is_terminal:
        yield observer
        return
    with Live(get_renderable=observer.render, console=console, refresh_per_second=4, transient=True):
        yield observer


class RetrainingProgress(RetrainingObserver):
    """An observer of a retraining, network by network.

    Args:
        console: Console of the lines.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: TrainingBar | None = None
        self._place = ""
        self._log = DecodingLog(console)
        self._decoding: tuple[int, int] | None = None

    def decoding(self, done: int, images: int) -> None:
        """Show a bar of decoded images on a terminal, or print lines."""
        self._decoding = (done, images) if done < images else None
        if not self._console.is_terminal:
            self._log.decoding(done, images)

    def render(self) -> Group:
        """Return the bar of the network under way."""
        if self._bar is None:
            if self._decoding:
                return Group(decoding_bar(*self._decoding))
            return Group(Text("reading the run and the data set ..."))
        return Group(Text(self._place), self._bar.render())

    def network_started(self, trial: int, index: int, total: int) -> TrainingObserver:
        """Begin the progress of the next network."""
        self._place = f"network {index} of {total}, trial {trial}"
        self._console.print(self._place, soft_wrap=True)
        self._bar = TrainingBar(self._console)
        return self._bar
