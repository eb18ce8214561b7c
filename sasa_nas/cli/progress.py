"""Progress of a search: a live panel on a terminal, one line per trial in a log."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sasa_nas.analysis.front_record import describe_outcomes
from sasa_nas.analysis.labels import compact_count, stage_labels
from sasa_nas.analysis.pareto import undominated
from sasa_nas.cli.decoding import DecodingLog, decoding_bar
from sasa_nas.cli.machine_load import MachineLoad
from sasa_nas.cli.output import stderr_console
from sasa_nas.run import Outcome
from sasa_nas.run.designs import Designs
from sasa_nas.run.packing import tell_packing
from sasa_nas.searching.observer import SearchObserver

if TYPE_CHECKING:
    from sasa_nas.run import RunFolder, TrialRecord
    from sasa_nas.run.packing import Packing
    from sasa_nas.searching.observer import EpochReport
    from sasa_nas.searching.sampler_choice import SamplerChoice

MEASURING = "measuring how trials best share the machine ..."
FRONT_ROWS = 8
"""Most networks of the front that the panel shows, the most accurate ones."""


@contextmanager
def observing() -> Iterator[SearchObserver]:
    """Yield a live panel if stderr is a terminal, else an observer that prints lines."""
    console = stderr_console()
    if not console.is_terminal:
        yield LineObserver(console)
        return
    observer = LiveObserver(console)
    with Live(get_renderable=observer.render, console=console, refresh_per_second=4, transient=True):
        yield observer


class Tally:
    """Counts of the trials so far, and an estimate of the remaining time."""

    def __init__(self) -> None:
        self.trials = 0
        self.done = 0
        """Number of trainings that have ended, failed ones included."""
        self.front: list[TrialRecord] = []
        self._designs = Designs()
        self.running: dict[int, TrialRecord] = {}
        self.epochs: dict[int, EpochReport] = {}
        self.refused: Counter[Outcome] = Counter()
        self._earlier = 0
        self._begun = time.monotonic()

    def begin(self, trials: int, earlier: list[TrialRecord]) -> None:
        """Add the trials of earlier sessions."""
        self.trials = trials
        ended = [record for record in earlier if record.outcome.spent]
        self.done = self._earlier = len(ended)
        self._count(ended)

    def begin_training(self) -> None:
        """Start the clock of the trainings."""
        self._begun = time.monotonic()

    def start(self, record: TrialRecord) -> None:
        """Add a trial that a worker has started."""
        self.running[record.number] = record

    def end(self, record: TrialRecord) -> None:
        """Add a trial that has ended."""
        self.running.pop(record.number, None)
        self.epochs.pop(record.number, None)
        if record.outcome.spent:
            self.done += 1
            self._count([record])
        else:
            self.refused[record.outcome] += 1

    def _count(self, ended: list[TrialRecord]) -> None:
        for record in ended:
            self._designs.add(record)
        self.front = undominated(self._designs.means())

    @property
    def elapsed(self) -> float:
        """Seconds since training began."""
        return time.monotonic() - self._begun

    def seconds_left(self) -> float | None:
        """Return an estimate from this session's pace of epochs; None before the first."""
        work = self.done - self._earlier + sum(e.epoch / e.epochs for e in self.epochs.values())
        if work <= 0:
            return None
        return self.elapsed / work * max(0.0, self.trials - self._earlier - work)

    def headline(self) -> str:
        """Return one line of the trials done and running, the best accuracy, the front's size and the time left."""
        parts = [f"{self.done}/{self.trials} trained", f"{len(self.running)} running"]
        if self.front:
            parts += [f"best {100 * (self.front[-1].accuracy or 0.0):.2f}%", f"front {len(self.front)}"]
        parts += [describe_outcomes(self.refused)] if self.refused else []
        left = self.seconds_left()
        parts.append(f"{clock(left)} left" if left is not None and self.done < self.trials else clock(self.elapsed))
        return ", ".join(parts)


class LineObserver(SearchObserver):
    """An observer that prints one line for every trial that ends.

    Args:
        console: Console of the lines.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tally = Tally()
        self._decoding = DecodingLog(console)

    def decoding(self, done: int, images: int) -> None:
        """Print the beginning and the end of the decoding of images."""
        self._decoding.decoding(done, images)

    def measuring(self) -> None:
        """Print that a trial is measured."""
        self._say(MEASURING)

    def packed(self, packing: Packing) -> None:
        """Print the decision and its reason."""
        self._say(tell_packing(packing))

    def preparing(self, state: str) -> None:
        """Print the state."""
        self._say(state)

    def search_started(self, folder: RunFolder, trials: int, earlier: list[TrialRecord]) -> None:
        """Print the run's folder."""
        self._tally.begin(trials, earlier)
        self._say(f"run {folder.path}: {trials} trials, {self._tally.done} of them done before")

    def sampler_chosen(self, choice: SamplerChoice) -> None:
        """Print the sampler, and why it is not another."""
        self._say(str(choice))

    def workers_ready(self, workers: int) -> None:
        """Print the number of concurrent trials."""
        self._tally.begin_training()
        self._say(f"{workers} trials at a time")

    def trial_started(self, record: TrialRecord) -> None:
        """Update the tally only."""
        self._tally.start(record)

    def epoch_ended(self, report: EpochReport) -> None:
        """Update the tally only."""
        self._tally.epochs[report.number] = report

    def trial_ended(self, record: TrialRecord) -> None:
        """Print the result, unless nothing was trained."""
        self._tally.end(record)
        if record.outcome.spent:
            self._say(f"{trial_line(record)} | {self._tally.headline()}")

    def _say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)


class LiveObserver(SearchObserver):
    """An observer that shows a live panel of the running trials, and prints a line above it for every one that ends.

    Args:
        console: Console of a terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tally = Tally()
        self._load = MachineLoad()
        self._state = "checking the space and the data set ..."
        self._decoding: tuple[int, int] | None = None

    def render(self) -> Group:
        """Return the current panel."""
        tally = self._tally
        if not tally.trials:
            return Group(decoding_bar(*self._decoding) if self._decoding else Text(self._state))
        bar = Table.grid(padding=(0, 1))
        bar.add_row(ProgressBar(total=tally.trials, completed=tally.done, width=30), tally.headline())
        parts: list[Text | Table] = [bar]
        if self._state:
            parts.append(Text(self._state, style="dim"))
        parts.append(Text(self._load.line(), style="dim"))
        return Group(*parts, _running(tally), _front(tally.front))

    def decoding(self, done: int, images: int) -> None:
        """Show a bar of decoded images."""
        self._decoding = (done, images) if done < images else None

    def measuring(self) -> None:
        """Fill the state line."""
        self._state = MEASURING

    def packed(self, packing: Packing) -> None:
        """Print the decision and its reason above the panel."""
        self._console.print(tell_packing(packing), soft_wrap=True)

    def preparing(self, state: str) -> None:
        """Fill the state line."""
        self._state = state

    def search_started(self, folder: RunFolder, trials: int, earlier: list[TrialRecord]) -> None:
        """Fill the panel's head."""
        self._tally.begin(trials, earlier)
        self._state = f"run {folder.path}: starting Ray ..."

    def sampler_chosen(self, choice: SamplerChoice) -> None:
        """Print the sampler, and why it is not another, above the panel."""
        self._console.print(str(choice), soft_wrap=True)

    def workers_ready(self, workers: int) -> None:
        """Clear the state line."""
        self._tally.begin_training()
        self._state = ""

    def trial_started(self, record: TrialRecord) -> None:
        """Add a row."""
        self._tally.start(record)

    def epoch_ended(self, report: EpochReport) -> None:
        """Update a row."""
        self._tally.epochs[report.number] = report

    def trial_ended(self, record: TrialRecord) -> None:
        """Remove the trial's row and print its line."""
        self._tally.end(record)
        if record.outcome.spent:
            self._console.print(trial_line(record), soft_wrap=True)


def _running(tally: Tally) -> Table:
    """Return a table with one row per running trial."""
    rows = Table.grid(padding=(0, 2))
    # a copy: the search's own thread starts and ends trials meanwhile
    for number, record in list(tally.running.items()):
        report = tally.epochs.get(number)
        rows.add_row(
            f"trial {number}",
            f"epoch {report.epoch}/{report.epochs}" if report else "starting",
            f"{100 * report.accuracy:.2f}%" if report else "",
            _design(record),
        )
    return rows


def _front(front: list[TrialRecord]) -> Table:
    """Return a table with one row per network of the front, the most accurate first."""
    rows = Table.grid(padding=(0, 2))
    for record in front[: -FRONT_ROWS - 1 : -1]:
        rows.add_row("front", f"trial {record.number}", f"{100 * (record.accuracy or 0.0):.2f}%", _design(record))
    if len(front) > FRONT_ROWS:
        rows.add_row("", f"and {len(front) - FRONT_ROWS} cheaper ones")
    return rows


def trial_line(record: TrialRecord) -> str:
    """Return the text of one trial."""
    seconds = "" if record.seconds is None else f", {record.seconds:.0f} s"
    if record.outcome is Outcome.TRAINED:
        result = f"{100 * (record.accuracy or 0.0):.2f}%"
    else:
        result = f"{record.outcome.words}: {record.reason}"
    return f"trial {record.number}: {result}, {_design(record)}{seconds}"


def _design(record: TrialRecord) -> str:
    if record.architecture is None:
        return "no network"
    cost = f"{compact_count(record.flops or 0)} FLOPs, {compact_count(record.params or 0)} params"
    return f"{cost}, {record.architecture.stem.kind} stem, {' '.join(stage_labels(record.architecture))}"


def clock(seconds: float) -> str:
    """Return a length of time as minutes and seconds, with hours if not zero."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
