"""Progress of a retraining: the network's bar on a terminal, one line per seed in a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from sasa_nas.cli.decoding import DecodingLog, decoding_bar
from sasa_nas.cli.output import stderr_console
from sasa_nas.cli.training_progress import TrainingBar
from sasa_nas.workflows.observer import RetrainingObserver, TrainingObserver

if TYPE_CHECKING:
    from sasa_nas.workflows.estimate import Estimate


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
        self._bars: dict[tuple[int, int | None], TrainingBar] = {}
        """Bars of trainings under way, by trial and, where several are, by seed."""
        self._place = ""
        self._log = DecodingLog(console)
        self._decoding: tuple[int, int] | None = None
        self._estimate: Estimate | None = None
        self._estimated = 0.0

    def decoding(self, done: int, images: int) -> None:
        """Show a bar of decoded images on a terminal, or print lines."""
        self._decoding = (done, images) if done < images else None
        if not self._console.is_terminal:
            self._log.decoding(done, images)

    def render(self) -> Group:
        """Return the bars of what is under way."""
        if not self._bars:
            if self._decoding:
                return Group(decoding_bar(*self._decoding))
            return Group(Text(self._place or "reading the run and the data set ..."))
        return Group(Text(f"{self._place}{self._left()}"), *(bar.render() for bar in self._bars.values()))

    def estimated(self, estimate: Estimate) -> None:
        """Print how long the retraining will take, and show what is left of it from now on."""
        self._estimate, self._estimated = estimate, time.monotonic()
        self._console.print(str(estimate), soft_wrap=True)

    def _left(self) -> str:
        """Return the rest of the time that was estimated for all networks; nothing if it has passed."""
        left = self._estimate.left_after(time.monotonic() - self._estimated) if self._estimate else ""
        return f", {left} for all" if left else ""

    def network_started(self, trial: int, index: int, total: int) -> TrainingObserver:
        """Begin the progress of the next network."""
        self._place = f"network {index} of {total}, trial {trial}"
        self._console.print(self._place, soft_wrap=True)
        bar = TrainingBar(self._console)
        self._bars = {(trial, None): bar}
        return bar

    def part_started(self, trial: int, seed: int | None, index: int, total: int) -> TrainingObserver:
        """Begin the progress of a part of a network beside others."""
        self._place = f"{total} networks" if total > 1 else f"trial {trial}"
        if seed is None:
            said = f"network {index} of {total}, trial {trial}: all seeds are trained; reading the test split"
            self._console.print(said, soft_wrap=True)
            return TrainingObserver()
        bar = TrainingBar(self._console, f"trial {trial}: ")
        self._bars[trial, seed] = bar
        return bar

    def part_ended(self, trial: int, seed: int | None) -> None:
        """Take the part's bar away."""
        self._bars.pop((trial, seed), None)
