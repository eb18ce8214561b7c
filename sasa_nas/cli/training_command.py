"""Common options and steps of the commands that train one network."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sasa_nas.cli.signals import INTERRUPTED
from sasa_nas.cli.value_checks import MOST_SEED
from sasa_nas.errors import UserError
from sasa_nas.tasks import TASKS, Task

if TYPE_CHECKING:
    from rich.console import Console

    from sasa_nas.workflows.observer import TrainingSummary

WeightDecay = Annotated[float | None, typer.Option(min=0, help="AdamW's.", show_default="0.05")]
Seeds = Annotated[int, typer.Option(min=1, max=1000, help="How often to train, with a seed each.")]
FirstSeed = Annotated[
    int, typer.Option(min=0, max=MOST_SEED, help="The first seed: initial weights, order of the data.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
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


def given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that are not None."""
    return {name: value for name, value in options.items() if value is not None}


def print_folder(console: Console, summary: TrainingSummary[Any, Any], words: tuple[str, ...]) -> None:
    """Print a training's folder; if it was stopped early, print the command that resumes it and exit.

    Args:
        console: Console of the lines.
        summary: Summary of the training.
        words: Options for the external resources of the training.
    """
    from sasa_nas.cli.output import program, shell_line

    path = summary.folder.path
    console.print(f"\nTraining: {path}", soft_wrap=True)
    if summary.result is None:
        line = shell_line(program(), TASKS[summary.info.task].train, "--resume", path, *words)
        console.print(f"\nStopped early. Go on with:\n  {line}", soft_wrap=True)
        raise typer.Exit(INTERRUPTED)
