"""`sasa-nas train`: one classifier trained outright, with one seed or several."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sasa_nas.cli.counts import parse_count
from sasa_nas.cli.outright import (
    Device,
    FirstSeed,
    Out,
    Resume,
    Seeds,
    WeightDecay,
    given,
    print_folder,
    require_alone,
    require_target,
)
from sasa_nas.tasks import CLASSIFICATION

if TYPE_CHECKING:
    from rich.console import Console

    from sasa_nas.run import TrainingInfo, TrainingResult
    from sasa_nas.workflows.observer import TrainingSummary


RESUMING = ("resume", "data_dir", "dataset")
"""Options that may be given beside --resume."""


def train(
    context: typer.Context,
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME|FILE|FOLDER",
            help="A named network, its JSON or YAML file, or a trial's folder.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="What to train on; see `list datasets`.", show_default=False)
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the train split.", show_default="10")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Images of a step.", show_default="64")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="AdamW's peak, after the warm-up.", show_default="0.003")
    ] = None,
    weight_decay: WeightDecay = None,
    label_smoothing: Annotated[
        float | None, typer.Option(min=0, help="Share of the label given to all classes.", show_default="0")
    ] = None,
    augment: Annotated[
        bool | None,
        typer.Option(
            "--augment/--no-augment",
            help="Shift images, and mirror them where that keeps the label.",
            show_default="augment",
        ),
    ] = None,
    seeds: Seeds = 1,
    seed: FirstSeed = 0,
    image_size: Annotated[
        int | None, typer.Option(min=1, help="Side of the images; the data set's own if left out.")
    ] = None,
    train_images: Annotated[
        int | None,
        typer.Option(
            parser=parse_count,
            metavar="N",
            help="Train on a stratified subset of so many images.",
            show_default=False,
        ),
    ] = None,
    width_multiplier: Annotated[
        float | None, typer.Option(help="Multiplies every width of the network.", show_default="1")
    ] = None,
    depth_multiplier: Annotated[
        float | None, typer.Option(help="Multiplies every stage's number of blocks.", show_default="1")
    ] = None,
    device: Device = "auto",
    data_dir: Annotated[
        Path | None, typer.Option(help="Where data sets lie or are downloaded to.", show_default=False)
    ] = None,
    inherit: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Begin with a supernet's weights; the network is a path of it, as in a trial's architecture.json.",
            show_default=False,
        ),
    ] = None,
    out: Out = None,
    resume: Resume = None,
) -> None:
    """Train a network outright.

    It is measured on the test split, which is read once, at the very end. `train-detector` trains object detectors.
    """
    import sasa_nas
    from sasa_nas.cli.training_progress import observing_training

    if resume is not None:
        require_alone(context, RESUMING)
        external = sasa_nas.ExternalResources(data_dir=data_dir.resolve() if data_dir else None, dataset=dataset)
        with observing_training() as observer:
            summary = sasa_nas.resume_training(resume, external=external, observer=observer)
        _conclude(summary)
        return
    target, dataset = require_target(target, dataset, CLASSIFICATION)
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
        "train_images": train_images,
        "recipe": given(recipe),
        "seeds": tuple(range(seed, seed + seeds)),
        "width_multiplier": width_multiplier,
        "depth_multiplier": depth_multiplier,
        "device": device,
        "data_dir": data_dir.resolve() if data_dir else None,
    }
    _conclude(_train(target, given(settings), out, inherit))


def _train(
    target: str, options: dict[str, Any], out: Path | None, inherit: Path | None
) -> TrainingSummary[TrainingInfo, TrainingResult]:
    """Train the network that `target` names, with the given settings and defaults for the rest."""
    import sasa_nas
    from sasa_nas.cli.output import shell_line
    from sasa_nas.cli.training_progress import observing_training
    from sasa_nas.run.training_records import validate_settings

    command = shell_line("sasa-nas", *sys.argv[1:])
    with observing_training() as observer:
        settings = validate_settings(sasa_nas.TrainingSettings, options, "the command line")
        return sasa_nas.train(target, settings, out=out, inherit=inherit, observer=observer, command=command)


def _conclude(summary: TrainingSummary[TrainingInfo, TrainingResult]) -> None:
    """Print the training's folder, its results, and the next steps."""
    from sasa_nas.cli.external import words_for_training
    from sasa_nas.cli.output import program, shell_line, stdout_console

    console, again = stdout_console(), words_for_training(summary.info)
    print_folder(console, summary, again)
    if summary.result is not None:
        _print_accuracy(console, summary.result)
    path = summary.folder.path
    line = shell_line(program(), "evaluate", path, "--split", "test", "--rotations", "--flips", "--pgd", *again)
    console.print(f"\nMeasure how robust it is:\n  {line}", soft_wrap=True)


def _print_accuracy(console: Console, result: TrainingResult) -> None:
    """Print the accuracies of every seed and, if there are several, their mean and deviation."""
    from sasa_nas.cli.output import percent, plain_table

    table = plain_table("seed", "validation", "test", right=("seed", "validation", "test"))
    for seed in result.seeds:
        table.add_row(str(seed.seed), f"{100 * seed.validation.accuracy:.2f}%", f"{100 * seed.test.accuracy:.2f}%")
    if len(result.seeds) > 1:
        table.add_row("mean", percent(result.validation), percent(result.test))
    console.print(table)
