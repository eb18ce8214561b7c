"""Common options and steps of the commands that train one network."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import typer

from sasa_nas.cli.signals import INTERRUPTED
from sasa_nas.cli.tracking import TrackerName, tracking
from sasa_nas.cli.value_checks import MOST_SEED
from sasa_nas.errors import UserError
from sasa_nas.tasks import TASKS, Task

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from sasa_nas.run.training_records import BaseTrainingSettings, Spread
    from sasa_nas.workflows.observer import TrainingObserver, TrainingSummary

Settings_ = TypeVar("Settings_", bound="BaseTrainingSettings")
Settings_contra = TypeVar("Settings_contra", bound="BaseTrainingSettings", contravariant=True)
Summary = TypeVar("Summary", bound="TrainingSummary[Any, Any]")
Summary_co = TypeVar("Summary_co", bound="TrainingSummary[Any, Any]", covariant=True)

WeightDecay = Annotated[float | None, typer.Option(min=0, help="AdamW's.", show_default="0.05")]
Seeds = Annotated[int, typer.Option(min=1, max=1000, help="How often to train, with a seed each.")]
FirstSeed = Annotated[
    int, typer.Option(min=0, max=MOST_SEED, help="The first seed: initial weights, order of the data.")
]
Out = Annotated[
    Path | None, typer.Option(help="The folder to write; runs/train-<name>-<time> if left out.", show_default=False)
]
Resume = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Go on with a training, as it was begun; files outside the folder are named again.",
        show_default=False,
    ),
]


def require_alone(context: typer.Context, resuming: Collection[str]) -> None:
    """Check that nothing is given beside --resume but the options that it allows.

    Args:
        context: Context of the command.
        resuming: Names of the parameters that --resume allows.

    Raises:
        UserError: If anything else is given.
    """
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE" and parameter.name not in resuming:
            given = parameter.opts[0] if parameter.param_type_name == "option" else "the network"
            raise UserError(f"--resume goes on with a training as it was begun; leave out {given}, or begin a new one")


def require_target(target: str | None, dataset: str | None, task: Task) -> tuple[str, str]:
    """Return the network and the data set of a new training.

    Raises:
        UserError: If one of them is not given.
    """
    if target is None or dataset is None:
        missing = "a network (NAME, FILE or FOLDER)" if target is None else "--dataset"
        raise UserError(f"{task.train} needs {missing}; or --resume FOLDER to go on with a training")
    return target, dataset


def follows_launcher() -> bool:
    """Return True if a launcher such as `torchrun` has started this process beside a first one that leads."""
    return os.environ.get("WORLD_SIZE", "1") != "1" and os.environ.get("RANK", "0") != "0"


class Train(Protocol[Settings_contra, Summary_co]):
    """A function of the Python API that trains a network."""

    def __call__(
        self,
        target: str,
        settings: Settings_contra,
        *,
        out: Path | None,
        observer: TrainingObserver,
        command: str,
    ) -> Summary_co:
        """Train the network that `target` names."""


def begin_training(
    train: Train[Settings_, Summary],
    kind: type[Settings_],
    target: str,
    options: Mapping[str, Any],
    recipe: Mapping[str, Any],
    out: Path | None,
    track: Sequence[TrackerName] | None,
) -> Summary:
    """Train a network with settings from the command line, and show the progress.

    Args:
        train: Function that trains it.
        kind: Type of the settings.
        target: Name, file or folder of the network.
        options: Settings by name, but for the recipe; None for the default.
        recipe: Fields of the recipe by name; None for the default.
        out: Folder to write; None for the default.
        track: Trackers of the training; None for none.

    Raises:
        UserError: If the settings are invalid, or the network cannot be trained as asked.
    """
    from sasa_nas.cli.output import shell_line
    from sasa_nas.cli.training_progress import observing_training
    from sasa_nas.run.training_records import validate_settings

    command = shell_line("sasa-nas", *sys.argv[1:])
    with tracking(track) as trackers, observing_training() as progress:
        settings = validate_settings(kind, _given(options) | {"recipe": _given(recipe)}, "the command line")
        observer = trackers.training_observer(progress)
        return train(target, settings, out=out, observer=observer, command=command)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are not None."""
    return {name: value for name, value in options.items() if value is not None}


def conclude(summary: TrainingSummary[Any, Any], table: Table | None, external: Sequence[str]) -> Console:
    """Print a training's folder and its results; if it was stopped early, print how to resume it and exit.

    Args:
        summary: Summary of the training.
        table: Results of its seeds; None if it was stopped early.
        external: Options for the external resources of the training.

    Returns:
        The console, for the next steps.

    Raises:
        typer.Exit: If the training was stopped early.
    """
    from sasa_nas.cli.output import program, shell_line, stdout_console

    console, path = stdout_console(), summary.folder.path
    console.print(f"\nTraining: {path}", soft_wrap=True)
    if table is None:
        line = shell_line(program(), TASKS[summary.info.task].train, "--resume", path, *external)
        console.print(f"\nStopped early. Go on with:\n  {line}", soft_wrap=True)
        raise typer.Exit(INTERRUPTED)
    console.print(table)
    return console


def seeds_table(seeds: Sequence[int], columns: Mapping[str, tuple[Sequence[float], Spread]]) -> Table:
    """Return a table of shares by seed and, if there are several seeds, their mean and deviation.

    Args:
        seeds: The seeds.
        columns: Shares of all seeds, and their spread, by heading.
    """
    from sasa_nas.cli.output import percent, plain_table

    headings = ("seed", *columns)
    table = plain_table(*headings, right=headings)
    for seed, *shares in zip(seeds, *(shares for shares, _ in columns.values()), strict=True):
        table.add_row(str(seed), *(f"{100 * share:.2f}%" for share in shares))
    if len(seeds) > 1:
        table.add_row("mean", *(percent(spread) for _, spread in columns.values()))
    return table
