"""`sasa-nas train-detector`: one object detector trained, with one seed or several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sasa_nas.cli.options import Device
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
from sasa_nas.tasks import DETECTION

if TYPE_CHECKING:
    from rich.table import Table

    from sasa_nas.detection.records import DetectionInfo, DetectionResult
    from sasa_nas.workflows.observer import TrainingSummary


RESUMING = ("resume", "data_dir", "dataset", "backbone_weights", "track")
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
    track: Track = None,
) -> None:
    """Train an object detector, with one seed or several.

    It is measured by COCO's average precision on the validation part; `detect` uses it.
    """
    import sasa_nas
    from sasa_nas.cli.training_progress import observing_training

    folder = data_dir.resolve() if data_dir else None
    if resume is not None:
        require_alone(context, RESUMING)
        external = sasa_nas.DetectorResources(data_dir=folder, dataset=dataset, backbone_weights=backbone_weights)
        with tracking(track) as trackers, observing_training() as progress:
            observer = trackers.training_observer(progress)
            summary = sasa_nas.resume_detector(resume, external=external, observer=observer)
        _conclude(summary, track)
        return
    target, dataset = require_target(target, dataset, DETECTION)
    settings = {
        "dataset": dataset,
        "image_size": image_size,
        "seeds": tuple(range(seed, seed + seeds)),
        "backbone_weights": str(backbone_weights) if backbone_weights else None,
        "device": device,
        "data_dir": folder,
    }
    recipe = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "augment": augment,
    }
    kind = sasa_nas.DetectionSettings
    _conclude(begin_training(sasa_nas.train_detector, kind, target, settings, recipe, out, track), track)


def _conclude(summary: TrainingSummary[DetectionInfo, DetectionResult], track: list[TrackerName] | None) -> None:
    """Print the training's folder, its results, and the next steps."""
    import sasa_nas
    from sasa_nas.cli.output import program, shell_line

    external = sasa_nas.DetectorResources.of_detector(summary.info.settings).options
    table = _precisions(summary.result) if summary.result else None
    console = conclude(summary, table, (*external, *track_words(track)))
    words = ("detect", summary.folder.path, "--image", "FILE", "--plot", "objects.png")
    console.print(f"\nFind objects in images:\n  {shell_line(program(), *words)}", soft_wrap=True)


def _precisions(result: DetectionResult) -> Table:
    columns = {
        "validation mAP": ([seed.ap for seed in result.seeds], result.ap),
        "AP50": ([seed.ap50 for seed in result.seeds], result.ap50),
    }
    return seeds_table([seed.seed for seed in result.seeds], columns)
