"""Prints plain lines, in which nothing commands the terminal. Rich, which takes a while to import, is not needed."""

import typer

from sasa_nas.errors import printable_lines


def echo(text: str, *, err: bool = False) -> None:
    """Print lines; what would command the terminal is written as escapes.

    Args:
        text: The lines. What they tell may come from files that anybody may have written.
        err: Whether to stderr.
    """
    typer.echo(printable_lines(text), err=err)
