"""The `sasa-nas` command: its sub-commands, and the handling of errors.

Commands import what they need when they run, so that `--help` answers at once.
"""

import errno
import functools
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from sasa_nas._version import __version__
from sasa_nas.cli.attention_map import attention_map
from sasa_nas.cli.check_operator import check_operator
from sasa_nas.cli.describe import describe
from sasa_nas.cli.detect import detect
from sasa_nas.cli.doctor import doctor
from sasa_nas.cli.echo import echo
from sasa_nas.cli.evaluate import evaluate
from sasa_nas.cli.export import export, verify_export
from sasa_nas.cli.listing import list_entries
from sasa_nas.cli.own_operators import with_operators
from sasa_nas.cli.pareto import pareto
from sasa_nas.cli.report import report
from sasa_nas.cli.retrain import retrain
from sasa_nas.cli.scores import scores
from sasa_nas.cli.search import resume, search
from sasa_nas.cli.signals import INTERRUPTED, ending_like_interrupt
from sasa_nas.cli.supernet import supernet
from sasa_nas.cli.table import table
from sasa_nas.cli.train import train
from sasa_nas.cli.train_detector import train_detector
from sasa_nas.cli.value_checks import with_checked_values
from sasa_nas.cli.where import where
from sasa_nas.errors import UserError, one_line, printable
from sasa_nas.sharing import without_credentials

PROGRAM = "sasa-nas"
LONGEST, LAST = 1200, 400
"""Most characters of an error that are printed, and how many of them are from its end."""

# plain help and errors: a terminal's width must not decide what a line of a log says
app = typer.Typer(name=PROGRAM, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=False)

_COMMANDS: dict[str, Callable[..., None]] = {
    "search": search,
    "resume": resume,
    "pareto": pareto,
    "scores": scores,
    "report": report,
    "retrain": retrain,
    "where": where,
    "export": export,
    "verify-export": verify_export,
    "train": train,
    "evaluate": evaluate,
    "train-detector": train_detector,
    "detect": detect,
    "attention-map": attention_map,
    "describe": describe,
    "check-operator": check_operator,
    "table": table,
    "supernet": supernet,
    "list": list_entries,
    "doctor": doctor,
}
for _name, _command in _COMMANDS.items():
    _command = with_checked_values(_command)
    app.command(_name)(_command if _name == "check-operator" else with_operators(_command))

# Typer raises Click's exceptions, which newer versions carry inside: BadParameter, UsageError, ClickException
_ParsingError: type[Exception] = typer.BadParameter.__mro__[2]


def _print_version(wanted: bool) -> None:
    if wanted:
        echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _program(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Search for the places in an image network where self-attention helps most, per FLOP."""
    if context.invoked_subcommand is None:
        echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        arguments: The arguments after the program's name; default: `sys.argv[1:]`.

    Returns:
        0; 2 after a user's error, printed as one line on stderr; 130 after Ctrl-C, SIGTERM or SIGHUP; 1 if the reader
        of stdout has closed it.
    """
    _require_streams()
    try:
        with ending_like_interrupt():
            status = _built(app).main(
                args=None if arguments is None else list(arguments), prog_name=PROGRAM, standalone_mode=False
            )
        sys.stdout.flush()
    except UserError as error:
        return _fail(without_credentials(one_line(error)))
    except BrokenPipeError:
        _drop_output()
        return 1
    except OSError as error:
        # of a file, the error would hold its name
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        _drop_output()
        return _fail("the output cannot be written: no space is left; make room, and give the command again")
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except _ParsingError as error:
        return _fail(_usage(error))
    return status if isinstance(status, int) else 0


@functools.cache
def _built(program: typer.Typer) -> Any:
    """Return a program with all its commands, which Typer takes some hundredths of a second to build."""
    return typer.main.get_command(program)


def _require_streams() -> None:
    """Open the null device as stdout and stderr, if the process was started without them."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  it stays open
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def _drop_output() -> None:
    """Redirect stdout to the null device, as Python flushes it once more at exit, which would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: BaseException) -> str:
    """Return a usage error in one line, with the command that shows the help."""
    context: typer.Context | None = getattr(error, "ctx", None)
    path = context.command_path if context else PROGRAM
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    # newer versions of Typer let pydantic's own words through
    message = " ".join(message.replace("Value error, ", "").split()).rstrip(".")
    return f"{message}; see `{path} --help`"


def _fail(message: str) -> int:
    # a message may quote a file or what was typed: it stays one line of a readable length, and moves no cursor
    shown = message if len(message) <= LONGEST else f"{message[: LONGEST - LAST]} ... {message[-LAST:]}"
    with suppress(OSError):  # nobody can be told: the status says it
        echo(f"{PROGRAM}: {printable(shown)}", err=True)
    return 2
