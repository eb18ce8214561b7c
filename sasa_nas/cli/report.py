"""`sasa-nas report`: the results of a run as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sasa_nas.cli.echo import echo


def report(
    run: Annotated[Path, typer.Argument(help="Folder of a run, finished or under way.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="The file to write; RUN/report.html if left out.", show_default=False)
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also write each drawing there as an SVG file.", show_default=False),
    ] = None,
    png: Annotated[bool, typer.Option("--png", help="With --figures: each drawing as a PNG file too.")] = False,
) -> None:
    """Write the results of a run as one self-contained HTML file."""
    import sasa_nas

    written = sasa_nas.Run(run).report(out, figures=figures, png=png)
    for note in written.notes:
        echo(f"sasa-nas: {note}", err=True)
    echo(f"Report: {written.page}")
    for figure in written.figures:
        echo(f"Figure: {figure}")
