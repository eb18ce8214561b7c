"""`sasa-nas export`: a trained network of a run as files that work without this package."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from sasa_nas.errors import UserError

FORMATS = ("module",)
"""What can be written: a Python module with weights, which needs torch alone."""


def export(
    run: Annotated[Path, typer.Argument(help="The run's folder.", show_default=False)],
    trial: Annotated[int | None, typer.Option(min=0, help="The trial's number.", show_default=False)] = None,
    pick: Annotated[
        str | None,
        typer.Option(help="`best` (highest accuracy, the default) or `knee` of the front.", show_default=False),
    ] = None,
    formats: Annotated[str, typer.Option("--format", help=f"Of {', '.join(FORMATS)}.")] = "module",
    out: Annotated[
        Path | None, typer.Option(help="The folder to write; exports/<run>_<trial> if left out.", show_default=False)
    ] = None,
) -> None:
    """Write a trained network as a module that can be imported with torch alone."""
    from sasa_nas.api import Run
    from sasa_nas.cli.output import shell_line

    unknown = sorted({name.strip() for name in formats.split(",")} - set(FORMATS))
    if unknown:
        raise UserError(f"unknown --format '{unknown[0]}'; there is: {', '.join(FORMATS)}")
    if trial is not None and pick is not None:
        raise UserError("--trial and --pick exclude each other; give one of them")
    source = Run(run)
    record = source.trial(trial) if trial is not None else source.pick(pick or "best")
    folder = source.export(record.number, out=out, command=shell_line("sasa-nas", *sys.argv[1:]))
    typer.echo(f"Trial {record.number} ({100 * (record.accuracy or 0.0):.2f}% on validation) is in {folder}")
    typer.echo("\nUse it, with torch alone:")
    typer.echo(f'  import sys; sys.path.insert(0, "{folder}")')
    typer.echo("  from model import load")
    typer.echo("  network = load()")
