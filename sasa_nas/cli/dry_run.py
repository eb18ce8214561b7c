"""`sasa-nas search --dry-run`: designs as lines on stdout, with a progress bar if those are redirected."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import sasa_nas
from sasa_nas.analysis.labels import stage_labels
from sasa_nas.cli.echo import echo
from sasa_nas.cli.output import stderr_console

if TYPE_CHECKING:
    from collections.abc import Callable

    from sasa_nas.run import SearchSettings
    from sasa_nas.space import SearchSpace


def print_designs(space: SearchSpace, settings: SearchSettings, designs: int) -> None:
    """Print one line per design, without keeping designs in memory.

    Raises:
        UserError: See `draw_designs`.
    """
    drawn = sasa_nas.draw_designs(space, designs, settings)
    echo("architecture_id\tparams\tflops\tstem\toperators")
    with _bar(designs) as advance:
        for design in drawn:
            network = design.architecture
            echo(
                f"{network.id}\t{design.counts.params}\t{design.counts.flops()}\t"
                f"{network.stem.kind}\t{' '.join(stage_labels(network))}"
            )
            advance()


@contextmanager
def _bar(designs: int) -> Iterator[Callable[[], None]]:
    """Yield a function to call after each design, which moves a bar on a terminal unless the lines are shown there."""
    console = stderr_console()
    if not console.is_terminal or sys.stdout.isatty():
        yield lambda: None
        return
    columns = TextColumn("designs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        task = progress.add_task("designs", total=designs)
        yield lambda: progress.advance(task)
