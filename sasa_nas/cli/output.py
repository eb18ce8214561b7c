"""How commands print: JSON alone for programs, Rich for people."""

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
"""Columns of a table that goes to a file or a pipe, where nothing need be broken to fit a window."""


class PlainConsole(Console):
    """A console that shows text as it is, but for what would command the terminal, which it writes as escapes.

    Names, reasons and paths come from files that anybody may have written. All that commands print goes through here or
    through `sasa_nas.cli.echo.echo`.

    Args:
        file: Where to.
        width: Columns; the terminal's if left out.
    """

    def __init__(self, file: IO[str], *, width: int | None = None) -> None:
        super().__init__(file=file, width=width, markup=False, highlight=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a string as the text that is laid out; Rich calls this for every string, those in tables too."""
        return super().render_str(printable_lines(text), **options)


def stdout_console() -> PlainConsole:
    """Return a console for results; a pipe is taken as wide, unless the variable COLUMNS says otherwise."""
    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else PIPE_WIDTH
    return PlainConsole(sys.stdout, width=width)


def stderr_console() -> PlainConsole:
    """Return a console for what happens meanwhile."""
    return PlainConsole(sys.stderr)


def plain_table(*headings: str, right: tuple[str, ...] = ()) -> Table:
    """Return a table with a line under its headings and no other; the columns named in `right` hold numbers."""
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        if heading in right:
            table.add_column(heading, justify="right", no_wrap=True)
        else:
            table.add_column(heading, overflow="fold")
    return table


def percent(spread: Spread) -> str:
    """Return a share over several seeds in per cent, with its standard deviation where it has one."""
    mean = f"{100 * spread.mean:.2f}%"
    return mean if spread.std is None else f"{mean} ± {100 * spread.std:.2f}"


def print_json(data: BaseModel | Sequence[BaseModel]) -> None:
    """Print `data` as indented JSON on stdout: an object, or a list of them."""
    plain = data.model_dump(mode="json") if isinstance(data, BaseModel) else [d.model_dump(mode="json") for d in data]
    print_plain_json(plain)


def print_plain_json(data: object) -> None:
    """Print plain data as indented JSON on stdout, in ASCII, whole."""
    typer.echo(json.dumps(data, indent=2))


def program() -> str:
    """How this program was called, for commands that a person is to copy: its name where the shell finds it."""
    found = shutil.which("sasa-nas")
    called = Path(sys.argv[0])
    if called.name != "sasa-nas" or (found and Path(found).resolve() == called.resolve()):
        return "sasa-nas"
    return str(called)


def shell_line(*words: object) -> str:
    """Return words as one line that a shell takes apart again as they were."""
    return shlex.join(map(str, words))
