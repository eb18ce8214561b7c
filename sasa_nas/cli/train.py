"""`sasa-nas train`: one network trained outright, with one seed or several."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sasa_nas.cli.search import INTERRUPTED
from sasa_nas.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from sasa_nas.experiment import TrainingSummary
    from sasa_nas.run import TrainingResult


def train(
    context: typer.Context,
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME|FILE|FOLDER",
            help="A named network, an architecture's JSON or YAML file, or a trial's folder.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="What to train on; see `list datasets`.", show_default=False)
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the train split.")] = 10,
    batch_size: Annotated[int, typer.Option(min=1, help="Images of a step.")] = 64,
    learning_rate: Annotated[float, typer.Option(help="AdamW's peak, after the warm-up.")] = 3e-3,
    weight_decay: Annotated[float, typer.Option(min=0, help="AdamW's.")] = 0.05,
    label_smoothing: Annotated[float, typer.Option(min=0, help="Share of the label given to all classes.")] = 0.0,
    augment: Annotated[bool, typer.Option(help="Shift images, and mirror them where that keeps the label.")] = True,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="How often to train, with a seed each.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The first seed: initial weights, order of the data.")] = 0,
    image_size: Annotated[
        int | None, typer.Option(min=1, help="Side of the images; the data set's own if left out.", show_default=False)
    ] = None,
    width_multiplier: Annotated[float, typer.Option(help="Multiplies every width of the network.")] = 1.0,
    depth_multiplier: Annotated[float, typer.Option(help="Multiplies every stage's number of blocks.")] = 1.0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    data_dir: Annotated[
        Path | None, typer.Option(help="Where data sets lie or are downloaded to.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder to write; runs/train-<name>-<time> if left out.", show_default=False)
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Go on with a training, all as it was begun.", show_default=False),
    ] = None,
) -> None:
    """Train a network outright and measure it on the test split, which is read once, at the very end."""
    from sasa_nas.cli.output import shell_line
    from sasa_nas.cli.training_progress import observing_training
    from sasa_nas.experiment import resume_training, train_network

    if resume is not None:
        _require_alone(context)
        with observing_training() as observer:
            _conclude(resume_training(resume, observer=observer))
        return
    if target is None or dataset is None:
        missing = "a network (NAME, FILE or FOLDER)" if target is None else "--dataset"
        raise UserError(f"train needs {missing}; or --resume FOLDER to go on with a training")
    from sasa_nas.analysis.targets import find_architecture
    from sasa_nas.run.training_records import validate_settings

    recipe = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "label_smoothing": label_smoothing,
        "augment": augment,
    }
    settings = {
        "dataset": dataset,
        "image_size": image_size,
        "recipe": recipe,
        "seeds": tuple(range(seed, seed + seeds)),
        "width_multiplier": width_multiplier,
        "depth_multiplier": depth_multiplier,
        "device": device,
        "data_dir": data_dir.resolve() if data_dir else None,
    }
    with observing_training() as observer:
        summary = train_network(
            find_architecture(target),
            validate_settings(settings, "the command line"),
            name=target,
            out=out,
            observer=observer,
            command=shell_line("sasa-nas", *sys.argv[1:]),
        )
    _conclude(summary)


def _require_alone(context: typer.Context) -> None:
    """Raises where anything is given beside --resume."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE" and parameter.name != "resume":
            given = parameter.opts[0] if parameter.param_type_name == "option" else "the network"
            raise UserError(f"--resume goes on with a training as it was begun; leave out {given}, or begin a new one")


def _conclude(summary: TrainingSummary) -> None:
    """Prints the training's folder, what came out, and what to do next."""
    from sasa_nas.cli.output import program, shell_line, stdout_console

    path = summary.folder.path
    console = stdout_console()
    console.print(f"\nTraining: {path}", soft_wrap=True)
    if summary.result is None:
        console.print(
            f"\nStopped early. Go on with:\n  {shell_line(program(), 'train', '--resume', path)}", soft_wrap=True
        )
        raise typer.Exit(INTERRUPTED)
    _print_result(console, summary.result)
    words = ("evaluate", path, "--split", "test", "--rotations", "--flips", "--pgd")
    console.print(f"\nMeasure how robust it is:\n  {shell_line(program(), *words)}", soft_wrap=True)


def _print_result(console: Console, result: TrainingResult) -> None:
    """Prints the accuracies of every seed and, of several, their mean and deviation."""
    from sasa_nas.cli.output import percent, plain_table

    table = plain_table("seed", "validation", "test", right=("seed", "validation", "test"))
    for seed in result.seeds:
        table.add_row(str(seed.seed), f"{100 * seed.validation.accuracy:.2f}%", f"{100 * seed.test.accuracy:.2f}%")
    if len(result.seeds) > 1:
        table.add_row("mean", percent(result.validation), percent(result.test))
    console.print(table)
