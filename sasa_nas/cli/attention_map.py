"""`sasa-nas attention-map`: attention weights of an image's pixels, head by head."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sasa_nas.cli.options import DataFolder
from sasa_nas.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from sasa_nas.analysis.attention_summary import AttentionSummary, MapSummary


def _heads(text: str) -> tuple[int, ...]:
    try:
        return tuple(map(int, text.split(",")))
    except ValueError as error:
        raise UserError(f"--heads '{text}' is no list of whole numbers such as 0,3,5") from error


def _pixel(text: str) -> tuple[int, int]:
    try:
        row, column = map(int, text.split(","))
    except ValueError as error:
        raise UserError(f"--pixel '{text}' is no row and column such as 12,30") from error
    return row, column


def _stage(text: str) -> int | Literal["stem"]:
    if text == "stem":
        return "stem"
    try:
        return int(text)
    except ValueError as error:
        raise UserError(f"--stage '{text}' is neither a stage's number nor `stem`") from error


def attention_map(
    target: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE|FOLDER",
            help="A named network or an architecture's file (random weights), or the folder of a training, of a run's "
            "trial or of an export.",
            show_default=False,
        ),
    ],
    image: Annotated[
        Path | None,
        typer.Option(help="An image file; scaled and cut at the centre to the network's size.", show_default=False),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="Or a data set; the one it was trained on if both are left out.", show_default=False),
    ] = None,
    index: Annotated[int, typer.Option(min=0, help="The image's place in the data set's validation part.")] = 0,
    pixel: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROW,COLUMN",
            help="The pixel that attends, in the image that the network sees; several times for several.",
            show_default="the centre",
        ),
    ] = None,
    stage: Annotated[
        str | None,
        typer.Option(metavar="N|stem", help="One stage; all that attend if left out.", show_default=False),
    ] = None,
    block: Annotated[
        int | None, typer.Option(min=0, help="A block of each stage; the last if left out.", show_default=False)
    ] = None,
    layer: Annotated[
        int | None,
        typer.Option(min=0, help="Of a block with two layers that attend; the last if left out.", show_default=False),
    ] = None,
    heads: Annotated[
        str | None,
        typer.Option(metavar="N,N,...", help="Heads to show.", show_default="the first 8"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of random weights.")] = 0,
    data_dir: DataFolder = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the maps into this .png, .svg or .pdf file.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
) -> None:
    """Show where pixels of an image attend, head by head, in every stage with attention."""
    import sasa_nas
    from sasa_nas.analysis.attention_summary import summarise_attention
    from sasa_nas.cli.output import print_json, stdout_console

    source = sasa_nas.ImageSource(file=image, dataset=dataset, index=index, data_dir=data_dir)
    selection = sasa_nas.Selection(
        pixels=tuple(map(_pixel, pixel or ())),
        stage=None if stage is None else _stage(stage),
        block=block,
        layer=layer,
        heads=None if heads is None else _heads(heads),
    )
    view = sasa_nas.attention_maps(target, source, selection, seed=seed)
    if plot is not None:
        from sasa_nas.analysis.attention_figure import plot_attention

        plot_attention(view, plot)
    summary = summarise_attention(view)
    if as_json:
        print_json(summary)
        return
    console = stdout_console()
    print_attention(console, summary)
    if plot is not None:
        console.print(f"Figure: {plot}", soft_wrap=True)


def print_attention(console: Console, summary: AttentionSummary) -> None:
    """Print one line per head, and below the meaning of the numbers."""
    from sasa_nas.cli.output import plain_table

    console.print(f"{summary.network}, weights: {summary.weights}", soft_wrap=True)
    console.print(f"image: {summary.image}, {summary.height} x {summary.width}", soft_wrap=True)
    numbers = ("entropy", "distance", "outside 3x3", "total", "largest")
    table = plain_table("layer", "operator", "map", "pixel", "cell", "head", *numbers, right=numbers)
    for found in summary.maps:
        for head in found.heads:
            where = _where(found) if head.head is None else ("",) * 5
            table.add_row(
                *where,
                "mean" if head.head is None else str(head.head),
                f"{head.entropy:.2f}",
                f"{head.mean_distance:.2f}",
                f"{100 * head.outside_3x3:.1f}%",
                f"{head.total:.3f}",
                f"{head.largest:.3g}",
            )
    console.print(table)
    console.print(
        "entropy in nats; mean distance from the query in cells of the map; share of the weight outside the 3x3 "
        "cells around it; sum of the weights; largest weight",
        soft_wrap=True,
    )


def _where(found: MapSummary) -> tuple[str, str, str, str, str]:
    return (
        found.name,
        found.operator,
        f"{found.height} x {found.width}",
        f"{found.pixel[0]},{found.pixel[1]}",
        f"{found.cell[0]},{found.cell[1]}",
    )
