"""Validation of the numbers and paths in options, before a command begins."""

import errno
import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from sasa_nas.errors import UserError, printable

MOST_SEED = 2**32 - 1
"""Largest seed that every source of randomness takes; NumPy's is the narrowest."""

_MOST = 2**63 - 1
"""Largest 64-bit integer."""


def with_checked_values(command: Callable[..., None]) -> Callable[..., None]:
    """Add the validation of all values to a command.

    No number is infinite, not a number, or beyond 64 bits; no path is too long for a system or a loop of links.

    Args:
        command: A function with Typer's annotations.
    """

    @functools.wraps(command)
    def run(**options: Any) -> None:
        for name, value in options.items():
            for one in value if isinstance(value, list) else [value]:
                _check(name.replace("_", "-"), one)
        command(**options)

    return run


def _check(option: str, value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise typer.BadParameter(f"Invalid value for '--{option}': {value} is no finite number")
    if isinstance(value, int) and abs(value) > _MOST:
        raise typer.BadParameter(f"Invalid value for '--{option}': the number is too large")
    if isinstance(value, Path):
        try:
            value.stat()
        except OSError as error:
            # that nothing is there yet is up to the command
            if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
                raise UserError(f"{printable(value)} can be no file or folder: {error.strerror}") from error
