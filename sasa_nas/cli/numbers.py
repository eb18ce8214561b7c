"""Numbers that options take: a person's slip is refused before a command begins."""

import functools
import math
from collections.abc import Callable
from typing import Any

import typer

MOST_SEED = 2**32 - 1
"""Largest seed that every source of randomness takes; NumPy's is the narrowest."""

_MOST = 2**63 - 1
"""Largest whole number that libraries below Python take."""


def with_sound_numbers(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command whose numbers are checked first: none is infinite, not a number, or beyond 64 bits.

    Args:
        command: A function with Typer's annotations.
    """

    @functools.wraps(command)
    def run(**options: Any) -> None:
        for name, value in options.items():
            for number in value if isinstance(value, list) else [value]:
                _check(f"--{name.replace('_', '-')}", number)
        command(**options)

    return run


def _check(option: str, number: Any) -> None:
    if isinstance(number, float) and not math.isfinite(number):
        raise typer.BadParameter(f"Invalid value for '{option}': {number} is no finite number")
    if isinstance(number, int) and abs(number) > _MOST:
        raise typer.BadParameter(f"Invalid value for '{option}': the number is too large")
