"""`sasa-nas train`: one classifier trained, with one seed or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sasa_nas.cli.counts import parse_count
from sasa_nas.cli.options import DataFolder, Device
from sasa_nas.cli.recipes import (
    Address,
    FullRecipeName,
    Gpus,
    LoaderWorkers,
    RecipeChanges,
    full_recipe,
    parse_gpus,
    words_for_processes,
)
from sasa_nas.cli.tracking import Track, track_words, tracking
from sasa_nas.cli.training_command import (
    FirstSeed,
    Out,
    Resume,
    Seeds,
    WeightDecay,
    begin_training,
    conclude,
    follows_launcher,
    require_alone,
    require_target,
    seeds_table,
)
from sasa_nas.errors import UserError
from sasa_nas.tasks import CLASSIFICATION

if TYPE_CHECKING:
    from rich.table import Table

    from sasa_nas.recipes import FullRecipe
    from sasa_nas.run import TrainingInfo, TrainingResult
    from sasa_nas.run.training_records import Spread
    from sasa_nas.workflows.observer import TrainingSummary


RESUMING = ("resume", "data_dir", "dataset", "gpus", "address", "loader_workers", "track")
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
    whole_train: Annotated[
        bool,
        typer.Option(
            "--whole-train",
            help="Train on the validation images, too, as published recipes do, and measure on the test split alone; "
            "with --recipe.",
        ),
    ] = False,
    recipe: FullRecipeName = None,
    changes: RecipeChanges = None,
    gpus: Gpus = "1",
    address: Address = None,
    loader_workers: LoaderWorkers = None,
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
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="Begin with the weights of the network's FOLDER.")
    ] = False,
    freeze: Annotated[
        int, typer.Option(min=0, help="So many stages, and the stem, keep the weights of the network's FOLDER.")
    ] = 0,
    head_only: Annotated[
        bool, typer.Option("--head-only", help="All but the classifier keeps the weights of the network's FOLDER.")
    ] = False,
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
    if follows_launcher():
        _follow(resume, device)
        return
    processes = parse_gpus(gpus)
    if resume is not None:
        require_alone(context, RESUMING)
        external = sasa_nas.ExternalResources(data_dir=folder, dataset=dataset)
        with tracking(track) as trackers, observing_training() as progress:
            summary = sasa_nas.resume_training(
                resume,
                external=external,
                processes=processes,
                loader_workers=loader_workers,
                address=address,
                observer=trackers.training_observer(progress),
            )
        _conclude(summary, (*track_words(track), *words_for_processes(gpus, address)))
        return
    target, dataset = require_target(target, dataset, CLASSIFICATION)
    settings = {
        "dataset": dataset,
        "image_size": image_size,
        "train_images": train_images,
        "whole_train": whole_train,
        "seeds": tuple(range(seed, seed + seeds)),
        "width_multiplier": width_multiplier,
        "depth_multiplier": depth_multiplier,
        # what keeps its weights has them from somewhere
        "pretrained": pretrained or (inherit is None and bool(freeze or head_only)),
        "frozen": "backbone" if head_only else freeze,
        "device": device,
        "data_dir": folder,
    }
    options = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "label_smoothing": label_smoothing,
        "augment": augment,
    }
    full = full_recipe(recipe, changes or ())
    given = options if full is None else _without(options, full)
    train_it = partial(
        sasa_nas.train, inherit=inherit, processes=processes, loader_workers=loader_workers, address=address
    )
    summary = begin_training(train_it, sasa_nas.TrainingSettings, target, settings, given, out, track)
    _conclude(summary, (*track_words(track), *words_for_processes(gpus, address)))


def _follow(resume: Path | None, device: str) -> None:
    """Take part in the training that a launcher's first process leads."""
    import sasa_nas
    from sasa_nas.run import TrainingFolder, read_training

    sasa_nas.follow_training(device if resume is None else read_training(TrainingFolder(resume)).settings.device)


def _without(options: Mapping[str, object], recipe: FullRecipe) -> dict[str, object]:
    """Return the fields of a full recipe, beside which no option for the other kind may be given.

    Raises:
        UserError: If one is.
    """
    for field, value in options.items():
        if value is not None:
            option = field.replace("_", "-")
            raise UserError(f"--{option} is not for --recipe; write --set and the recipe's field, such as epochs=50")
    return recipe.model_dump()


def _conclude(summary: TrainingSummary[TrainingInfo, TrainingResult], again: Sequence[str]) -> None:
    """Print the training's folder, its results, and the next steps.

    Args:
        summary: Summary of the training.
        again: Options to go on with, beside those for the training's external resources.
    """
    from sasa_nas.cli.external import words_for_training
    from sasa_nas.cli.output import program, shell_line

    external = words_for_training(summary.info)
    table = _accuracies(summary.result) if summary.result else None
    console = conclude(summary, table, (*external, *again))
    path = summary.folder.path
    line = shell_line(program(), "evaluate", path, "--split", "test", "--rotations", "--flips", "--pgd", *external)
    console.print(f"\nMeasure how robust it is:\n  {line}", soft_wrap=True)


def _accuracies(result: TrainingResult) -> Table:
    columns: dict[str, tuple[Sequence[float], Spread]] = {}
    if result.validation is not None:
        columns["validation"] = (result.validation_accuracies, result.validation)
    columns["test"] = ([seed.test.accuracy for seed in result.seeds], result.test)
    return seeds_table([seed.seed for seed in result.seeds], columns)
