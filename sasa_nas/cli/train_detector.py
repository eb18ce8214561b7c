"""`sasa-nas train-detector`: one object detector trained, with one seed or several."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sasa_nas.cli.training_command import (
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
from sasa_nas.tasks import DETECTION

if TYPE_CHECKING:
    from rich.console import Console

    from sasa_nas.detection.records import DetectionInfo, DetectionResult
    from sasa_nas.workflows.observer import TrainingSummary


RESUMING = ("resume", "data_dir", "dataset", "backbone_weights")
"""Options that may be given beside --resume."""


def train_detector(
    context: typer.Context,
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME|FILE|FOLDER",
            help="A named detector, its JSON or YAML file, or the folder of another training.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="coco:PATH", help="A folder of images with boxes in COCO's format.", show_default=False),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the train part.", show_default="12")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Images of a step.", show_default="16")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="AdamW's peak, after the warm-up.", show_default="0.0001")
    ] = None,
    weight_decay: WeightDecay = None,
    augment: Annotated[
        bool | None,
        typer.Option("--augment/--no-augment", help="Mirror half of the images.", show_default="augment"),
    ] = None,
    seeds: Seeds = 1,
    seed: FirstSeed = 0,
    image_size: Annotated[
        int | None, typer.Option(min=1, help="Side that images are made to fit; the detector's own if left out.")
    ] = None,
    backbone_weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Begin from this weights.safetensors of the backbone, trained before.",
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
    data_dir: Annotated[Path | None, typer.Option(help="Where data sets lie.", show_default=False)] = None,
    out: Out = None,
    resume: Resume = None,
) -> None:
    """Train an object detector, with one seed or several.

    It is measured by COCO's average precision on the validation part; `detect` uses it.
    """
    import sasa_nas
    from sasa_nas.cli.training_progress import observing_training

    if resume is not None:
        require_alone(context, RESUMING)
        external = sasa_nas.DetectorResources(
            data_dir=data_dir.resolve() if data_dir else None, dataset=dataset, backbone_weights=backbone_weights
        )
        with observing_training() as observer:
            summary = sasa_nas.resume_detector(resume, external=external, observer=observer)
        _conclude(summary)
        return
    target, dataset = require_target(target, dataset, DETECTION)
    recipe = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "augment": augment,
    }
    settings = {
        "dataset": dataset,
        "image_size": image_size,
        "recipe": given(recipe),
        "seeds": tuple(range(seed, seed + seeds)),
        "backbone_weights": str(backbone_weights) if backbone_weights else None,
        "device": device,
        "data_dir": data_dir.resolve() if data_dir else None,
    }
    _conclude(_train(target, given(settings), out))


def _train(target: str, options: dict[str, Any], out: Path | None) -> TrainingSummary[DetectionInfo, DetectionResult]:
    """Train the network that `target` names, with the given settings and defaults for the rest."""
    import sasa_nas
    from sasa_nas.cli.output import shell_line
    from sasa_nas.cli.training_progress import observing_training
    from sasa_nas.run.training_records import validate_settings

    command = shell_line("sasa-nas", *sys.argv[1:])
    with observing_training() as observer:
        settings = validate_settings(sasa_nas.DetectionSettings, options, "the command line")
        return sasa_nas.train_detector(target, settings, out=out, observer=observer, command=command)


def _conclude(summary: TrainingSummary[DetectionInfo, DetectionResult]) -> None:
    """Print the training's folder, its results, and the next steps."""
    import sasa_nas
    from sasa_nas.cli.output import program, shell_line, stdout_console

    console = stdout_console()
    print_folder(console, summary, sasa_nas.DetectorResources.of_detector(summary.info.settings).options)
    if summary.result is not None:
        _print_precision(console, summary.result)
    words = ("detect", summary.folder.path, "--image", "FILE", "--plot", "objects.png")
    console.print(f"\nFind objects in images:\n  {shell_line(program(), *words)}", soft_wrap=True)


def _print_precision(console: Console, result: DetectionResult) -> None:
    """Print the average precisions of every seed and, if there are several, their mean and deviation."""
    from sasa_nas.cli.output import percent, plain_table

    table = plain_table("seed", "validation mAP", "AP50", right=("seed", "validation mAP", "AP50"))
    for seed in result.seeds:
        table.add_row(str(seed.seed), f"{100 * seed.ap:.2f}%", f"{100 * seed.ap50:.2f}%")
    if len(result.seeds) > 1:
        table.add_row("mean", percent(result.ap), percent(result.ap50))
    console.print(table)
