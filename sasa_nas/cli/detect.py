"""`sasa-nas detect`: objects in images, by a trained detector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sasa_nas.cli.options import Device

if TYPE_CHECKING:
    from rich.console import Console

    from sasa_nas.detection.records import DetectionReport


def detect(
    target: Annotated[Path, typer.Argument(help="Folder of a detector's training.", show_default=False)],
    image: Annotated[list[Path], typer.Option(help="An image file; several times for several.", show_default=False)],
    score_threshold: Annotated[
        float, typer.Option(min=0.05, max=1, help="How sure the detector must be, in [0.05, 1].")
    ] = 0.5,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the objects into this .png, .svg or .pdf file.", show_default=False)
    ] = None,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
) -> None:
    """Find objects in images."""
    import sasa_nas
    from sasa_nas.cli.output import print_json, stdout_console

    report, pictures = sasa_nas.detect(target, image, score_threshold=score_threshold, device=device)
    if plot is not None:
        from sasa_nas.detection.figure import plot_detections

        plot_detections(pictures, report.images, plot)
    if as_json:
        print_json(report)
        return
    console = stdout_console()
    print_objects(console, report)
    if plot is not None:
        console.print(f"Figure: {plot}", soft_wrap=True)


def print_objects(console: Console, report: DetectionReport) -> None:
    """Print one line per object, with a line of facts above."""
    from sasa_nas.cli.output import plain_table

    count = sum(len(found.objects) for found in report.images)
    console.print(
        f"{report.target} (id {report.architecture_id}, seed {report.seed}): {count} objects with a score of "
        f"{report.score_threshold:g} or more",
        soft_wrap=True,
    )
    if count == 0:
        return
    numbers = ("score", "left", "top", "right", "bottom")
    table = plain_table("image", "object", *numbers, right=numbers)
    for found in report.images:
        for thing in found.objects:
            table.add_row(found.image, thing.category, f"{thing.score:.2f}", *(f"{edge:.1f}" for edge in thing.box))
    console.print(table)
