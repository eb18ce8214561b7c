"""`sasa-nas train`: one network trained outright, with one seed or several."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sasa_nas.cli.counts import parse_count
from sasa_nas.cli.signals import INTERRUPTED
from sasa_nas.cli.sound_values import MOST_SEED
from sasa_nas.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from sasa_nas.run import TrainingResult
    from sasa_nas.detection.records import DetectionResult
    from sasa_nas.workflows import TrainingSummary


RESUMING = ("resume", "data_dir", "dataset", "backbone_weights")
"""Options that a training may go on with."""


def train(
    context: typer.Context,
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME|FILE|FOLDER",
            help="A named network or detector, its JSON or YAML file, or a trial's folder.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="What to train on; see `list datasets`.", show_default=False)
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the train split.", show_default="10; a detector's 12")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Images of a step.", show_default="64; a detector's 16")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="AdamW's peak, after the warm-up.", show_default="0.003; a detector's 0.0001")
    ] = None,
    weight_decay: Annotated[float | None, typer.Option(min=0, help="AdamW's.", show_default="0.05")] = None,
    label_smoothing: Annotated[
        float | None,
        typer.Option(min=0, help="Share of the label given to all classes; not a detector's.", show_default="0"),
    ] = None,
    augment: Annotated[
        bool | None,
        typer.Option(
            "--augment/--no-augment",
            help="Shift images (not a detector's), and mirror them where that keeps the label.",
            show_default="augment",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="How often to train, with a seed each.")] = 1,
    seed: Annotated[
        int, typer.Option(min=0, max=MOST_SEED, help="The first seed: initial weights, order of the data.")
    ] = 0,
    image_size: Annotated[
        int | None,
        typer.Option(min=1, help="Side of the images; the data set's or the detector's own if left out."),
    ] = None,
    train_images: Annotated[
        int | None,
        typer.Option(
            parser=parse_count,
            metavar="N",
            help="Train on a stratified subset of so many images; not a detector's.",
            show_default=False,
        ),
    ] = None,
    width_multiplier: Annotated[
        float | None,
        typer.Option(help="Multiplies every width of the network; not a detector's.", show_default="1"),
    ] = None,
    depth_multiplier: Annotated[
        float | None,
        typer.Option(help="Multiplies every stage's number of blocks; not a detector's.", show_default="1"),
    ] = None,
    backbone_weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A detector's alone: begin from this weights.safetensors of its backbone, trained before.",
            show_default=False,
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    data_dir: Annotated[
        Path | None, typer.Option(help="Where data sets lie or are downloaded to.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder to write; runs/train-<name>-<time> if left out.", show_default=False)
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Go on with a training, as it was begun; files outside the folder are named again.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Train a network outright.

    A classifier is measured on the test split, which is read once, at the very end; a detector on the validation
    part of COCO-format data.
    """
    from sasa_nas.cli.training_progress import observing_training
    from sasa_nas.workflows import resume_training

    if resume is not None:
        from sasa_nas.run import ExternalResources

        _require_alone(context)
        external = ExternalResources(
            data_dir=data_dir.resolve() if data_dir else None, dataset=dataset, backbone_weights=backbone_weights
        )
        with observing_training() as observer:
            _conclude(resume_training(resume, external=external, observer=observer))
        return
    if target is None or dataset is None:
        missing = "a network (NAME, FILE or FOLDER)" if target is None else "--dataset"
        raise UserError(f"train needs {missing}; or --resume FOLDER to go on with a training")
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
        "recipe": _given(recipe),
        "seeds": tuple(range(seed, seed + seeds)),
        "width_multiplier": width_multiplier,
        "depth_multiplier": depth_multiplier,
        "backbone_weights": str(backbone_weights) if backbone_weights else None,
        "device": device,
        "data_dir": data_dir.resolve() if data_dir else None,
    }
    _conclude(_train(target, _given(settings), out))


def _train(target: str, settings: dict[str, Any], out: Path | None) -> TrainingSummary:
    """Trains what `target` means, by the settings that were given; the rest is up to its kind's defaults."""
    from sasa_nas.analysis.targets import find_network
    from sasa_nas.cli.output import shell_line
    from sasa_nas.cli.training_progress import observing_training
    from sasa_nas.run import TrainingSettings
    from sasa_nas.detection.records import DetectionSettings
    from sasa_nas.run.training_records import validate_settings
    from sasa_nas.space import Detector
    from sasa_nas.workflows import train_network

    network = find_network(target)
    command, source = shell_line("sasa-nas", *sys.argv[1:]), "the command line"
    with observing_training() as observer:
        if isinstance(network, Detector):
            # imports torchvision's detectors, which no classifier needs
            from sasa_nas.detection.workflows.train import train_detector

            chosen = validate_settings(DetectionSettings, settings, source)
            return train_detector(network, chosen, name=target, out=out, observer=observer, command=command)
        plain = validate_settings(TrainingSettings, settings, source)
        return train_network(network, plain, name=target, out=out, observer=observer, command=command)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Those that are not left out."""
    return {name: value for name, value in options.items() if value is not None}


def _require_alone(context: typer.Context) -> None:
    """Raise if anything is given beside --resume that does not name a file or a folder again."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE" and parameter.name not in RESUMING:
            given = parameter.opts[0] if parameter.param_type_name == "option" else "the network"
            raise UserError(f"--resume goes on with a training as it was begun; leave out {given}, or begin a new one")


def _conclude(summary: TrainingSummary) -> None:
    """Prints the training's folder, what came out, and what to do next."""
    from sasa_nas.cli.external import words_for_training
    from sasa_nas.cli.output import program, shell_line, stdout_console

    path = summary.folder.path
    console = stdout_console()
    console.print(f"\nTraining: {path}", soft_wrap=True)
    if summary.result is None:
        line = shell_line(program(), "train", "--resume", path, *words_for_training(summary.info))
        console.print(f"\nStopped early. Go on with:\n  {line}", soft_wrap=True)
        raise typer.Exit(INTERRUPTED)
    result = summary.result
    if result.task == "detection":
        _print_precision(console, result)
        words: tuple[object, ...] = ("detect", path, "--image", "FILE", "--plot", "objects.png")
        console.print(f"\nFind objects in images:\n  {shell_line(program(), *words)}", soft_wrap=True)
        return
    _print_accuracy(console, result)
    words = ("evaluate", path, "--split", "test", "--rotations", "--flips", "--pgd", *words_for_training(summary.info))
    console.print(f"\nMeasure how robust it is:\n  {shell_line(program(), *words)}", soft_wrap=True)


def _print_accuracy(console: Console, result: TrainingResult) -> None:
    """Prints the accuracies of every seed and, of several, their mean and deviation."""
    from sasa_nas.cli.output import percent, plain_table

    table = plain_table("seed", "validation", "test", right=("seed", "validation", "test"))
    for seed in result.seeds:
        table.add_row(str(seed.seed), f"{100 * seed.validation.accuracy:.2f}%", f"{100 * seed.test.accuracy:.2f}%")
    if len(result.seeds) > 1:
        table.add_row("mean", percent(result.validation), percent(result.test))
    console.print(table)


def _print_precision(console: Console, result: DetectionResult) -> None:
    """Prints the average precisions of every seed and, of several, their mean and deviation."""
    from sasa_nas.cli.output import percent, plain_table

    table = plain_table("seed", "validation mAP", "AP50", right=("seed", "validation mAP", "AP50"))
    for seed in result.seeds:
        table.add_row(str(seed.seed), f"{100 * seed.ap:.2f}%", f"{100 * seed.ap50:.2f}%")
    if len(result.seeds) > 1:
        table.add_row("mean", percent(result.ap), percent(result.ap50))
    console.print(table)
