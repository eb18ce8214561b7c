"""Output of commands: JSON for programs, Rich for people."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sasa_nas.errors import printable_lines

if TYPE_CHECKING:
    from sasa_nas.run.training_records import Spread

PIPE_WIDTH = 200
"""Columns of a table that is written to a file or a pipe."""


class PlainConsole(Console):
    """A console that prints text literally, with control characters escaped.

    Names, reasons and paths may come from untrusted files. All output of commands goes through this class or
    `sasa_nas.cli.echo.echo`.

    Args:
        file: The stream to print to.
        width: Columns; default: the terminal's.
    """

    def __init__(self, file: IO[str], *, width: int | None = None) -> None:
        super().__init__(file=file, width=width, markup=False, highlight=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a string as literal text; Rich calls this for every string, those in tables included."""
        return super().render_str(printable_lines(text), **options)


def stdout_console() -> PlainConsole:
    """Return a console for results; a pipe has `PIPE_WIDTH` columns unless the variable COLUMNS is set."""
    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else PIPE_WIDTH
    return PlainConsole(sys.stdout, width=width)


def stderr_console() -> PlainConsole:
    """Return a console for progress."""
    return PlainConsole(sys.stderr)


def plain_table(*headings: str, right: tuple[str, ...] = ()) -> Table:
    """Return a table with a line under its headings and no other; columns named in `right` are right-aligned."""
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        if heading in right:
            table.add_column(heading, justify="right", no_wrap=True)
        else:
            table.add_column(heading, overflow="fold")
    return table


def percent(spread: Spread) -> str:
    """Return a share over several seeds in per cent, with its standard deviation if there is one."""
    mean = f"{100 * spread.mean:.2f}%"
    return mean if spread.std is None else f"{mean} ± {100 * spread.std:.2f}"


def print_json(data: BaseModel | Sequence[BaseModel]) -> None:
    """Print a dataclass instance, or a list of them, as indented JSON on stdout."""
    plain = data.model_dump(mode="json") if isinstance(data, BaseModel) else [d.model_dump(mode="json") for d in data]
    print_plain_json(plain)


def print_plain_json(data: object) -> None:
    """Print plain data as indented ASCII JSON on stdout."""
    typer.echo(json.dumps(data, indent=2))


def program() -> str:
    """Return the program's name for commands to copy: the name alone if the shell finds it, else the path."""
    found = shutil.which("sasa-nas")
    called = Path(sys.argv[0])
    if called.name != "sasa-nas" or (found and Path(found).resolve() == called.resolve()):
        return "sasa-nas"
    return str(called)


def shell_line(*words: object) -> str:
    """Return words as one line, quoted for a shell."""
    return shlex.join(map(str, words))
