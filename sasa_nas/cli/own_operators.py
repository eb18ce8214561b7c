"""`--operators FILE`, the option of all commands with designs that loads the user's own operators."""

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

VARIABLE = "SASA_NAS_OPERATORS"
"""Environment variable with files of operators, separated as in PATH."""

NAME = "operators"


def _load(files: list[Path] | None) -> list[Path] | None:
    named = [Path(part) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    if named or files:
        from sasa_nas.operators.plugins import load_operators

        for file in dict.fromkeys([*named, *(files or [])]):
            load_operators(file)
    return files


Operators = Annotated[
    list[Path] | None,
    typer.Option(
        "--operators",
        callback=_load,
        is_eager=True,
        metavar="FILE",
        show_default=False,
        help=f"Python file that registers operators of your own, and is executed; also {VARIABLE}.",
    ),
]


def with_operators(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option `--operators` to a command; the files are loaded before it begins.

    Args:
        command: A function with Typer's annotations.
    """

    @functools.wraps(command)
    def run(**options: Any) -> None:
        options.pop(NAME)
        command(**options)

    signature = inspect.signature(command, eval_str=True)
    option = inspect.Parameter(NAME, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Operators)
    # what Typer reads: the signature for the order and the defaults, the annotations for the types
    run.__dict__["__signature__"] = signature.replace(parameters=[*signature.parameters.values(), option])
    run.__annotations__ = {name: p.annotation for name, p in signature.parameters.items()} | {NAME: Operators}
    return run
