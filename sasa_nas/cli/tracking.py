"""The option --track: experiment trackers that follow a command."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from sasa_nas.cli.echo import echo

if TYPE_CHECKING:
    from sasa_nas.tracking import Tracking


class TrackerName(StrEnum):
    """Names of `sasa_nas.tracking.tools.TOOLS`, without an import of the package."""

    TENSORBOARD = "tensorboard"
    WANDB = "wandb"
    MLFLOW = "mlflow"


Track = Annotated[
    list[TrackerName] | None,
    typer.Option(
        help="Show every training in this tracker too; give it several times for several.", show_default=False
    ),
]


def tracking(names: Sequence[TrackerName] | None) -> Tracking:
    """Return the trackers that were asked for, a context manager, whose warnings are lines on stderr.

    Raises:
        UserError: If one is not installed.
    """
    import sasa_nas

    tools = (name.value for name in names or ())
    return sasa_nas.Tracking(*tools, warn=lambda line: echo(f"sasa-nas: {line}", err=True))


def track_words(names: Sequence[TrackerName] | None) -> tuple[str, ...]:
    """Return the options that a command to copy needs, so that the same trackers follow it."""
    return tuple(word for name in names or () for word in ("--track", name.value))
