"""`sasa-nas train`: one classifier trained, with one seed or several."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sasa_nas.cli.counts import parse_count
from sasa_nas.cli.options import DataFolder, Device
from sasa_nas.cli.tracking import Track, TrackerName, track_words, tracking
from sasa_nas.cli.training_command import (
    FirstSeed,
    Out,
    Resume,
    Seeds,
    WeightDecay,
    begin_training,
    conclude,
    require_alone,
    require_target,
    seeds_table,
)
from sasa_nas.tasks import CLASSIFICATION

if TYPE_CHECKING:
    from rich.table import Table

    from sasa_nas.run import TrainingInfo, TrainingResult
    from sasa_nas.workflows.observer import TrainingSummary


RESUMING = ("resume", "data_dir", "dataset", "track")
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
    data_dir: DataFolder = None,
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
    track: Track = None,
) -> None:
    """Train a network, with one seed or several.

    It is measured on the test split, which is read once, at the very end. `train-detector` trains object detectors.
    """
    import sasa_nas
    from sasa_nas.cli.training_progress import observing_training

    folder = data_dir.resolve() if data_dir else None
    if resume is not None:
        require_alone(context, RESUMING)
        external = sasa_nas.ExternalResources(data_dir=folder, dataset=dataset)
        with tracking(track) as trackers, observing_training() as progress:
            observer = trackers.training_observer(progress)
            summary = sasa_nas.resume_training(resume, external=external, observer=observer)
        _conclude(summary, track)
        return
    target, dataset = require_target(target, dataset, CLASSIFICATION)
    settings = {
        "dataset": dataset,
        "image_size": image_size,
        "train_images": train_images,
        "seeds": tuple(range(seed, seed + seeds)),
        "width_multiplier": width_multiplier,
        "depth_multiplier": depth_multiplier,
        "device": device,
        "data_dir": folder,
    }
    recipe = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "label_smoothing": label_smoothing,
        "augment": augment,
    }
    train_it = partial(sasa_nas.train, inherit=inherit)
    _conclude(begin_training(train_it, sasa_nas.TrainingSettings, target, settings, recipe, out, track), track)


def _conclude(summary: TrainingSummary[TrainingInfo, TrainingResult], track: list[TrackerName] | None) -> None:
    """Print the training's folder, its results, and the next steps."""
    from sasa_nas.cli.external import words_for_training
    from sasa_nas.cli.output import program, shell_line

    external = words_for_training(summary.info)
    table = _accuracies(summary.result) if summary.result else None
    console = conclude(summary, table, (*external, *track_words(track)))
    path = summary.folder.path
    line = shell_line(program(), "evaluate", path, "--split", "test", "--rotations", "--flips", "--pgd", *external)
    console.print(f"\nMeasure how robust it is:\n  {line}", soft_wrap=True)


def _accuracies(result: TrainingResult) -> Table:
    columns = {
        "validation": ([seed.validation.accuracy for seed in result.seeds], result.validation),
        "test": ([seed.test.accuracy for seed in result.seeds], result.test),
    }
    return seeds_table([seed.seed for seed in result.seeds], columns)
