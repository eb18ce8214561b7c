"""Printing of plain lines without control characters, and without Rich, which takes a while to import."""

import typer

from sasa_nas.errors import printable_lines


def echo(text: str, *, err: bool = False) -> None:
    """Print lines, with control characters escaped.

    Args:
        text: The lines, which may come from untrusted files.
        err: Whether to print to stderr instead of stdout.
    """
    typer.echo(printable_lines(text), err=err)
