"""Further trainings in a finished run, for commands whose answer gets better by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from sasa_nas.cli.echo import echo
from sasa_nas.cli.signals import INTERRUPTED

if TYPE_CHECKING:
    from sasa_nas.api.run import Run
    from sasa_nas.run import ExternalResources


def train_more(
    source: Run,
    external: ExternalResources,
    *,
    balanced: int = 0,
    widths: int = 0,
    settle: int = 0,
    swaps: bool = False,
    swap_seeds: int = 1,
) -> None:
    """Train with progress on stderr; after Ctrl-C, print the command that resumes instead of an answer.

    Args:
        source: The run.
        external: Resources outside the run's folder, as for `Run.train_more`.
        balanced: Number of trainings in balance.
        widths: Number of trainings of the all-convolution network at other widths.
        settle: Number of trainings of networks whose place on the front is least certain.
        swaps: Whether the front's networks are compared with twins.
        swap_seeds: Number of seeds of each network and twin.
    """
    from sasa_nas.cli.external import words_for_run
    from sasa_nas.cli.output import program, shell_line
    from sasa_nas.cli.progress import observing

    with observing() as observer:
        trained = source.train_more(
            balanced=balanced,
            widths=widths,
            settle=settle,
            swaps=swaps,
            swap_seeds=swap_seeds,
            external=external,
            observer=observer,
        )
    if trained.session is not None and trained.session.interrupted:
        words = shell_line(program(), "resume", source.folder.path, *words_for_run(source.folder))
        echo(f"\nStopped early. Go on with:\n  {words}", err=True)
        raise typer.Exit(INTERRUPTED)
