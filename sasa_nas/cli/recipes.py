"""Options of the commands that train by full recipes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sasa_nas.errors import UserError

if TYPE_CHECKING:
    from sasa_nas.recipes import FullRecipe

FullRecipeName = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="NAME|FILE",
        help="Train in full by a recipe: a preset of `list recipes`, or a YAML file.",
        show_default=False,
    ),
]
RecipeChanges = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Change a field of --recipe, such as epochs=50."),
]
Gpus = Annotated[
    str,
    typer.Option(
        "--gpus",
        "--processes",
        metavar="N|LEAST:MOST",
        help="Processes that train together, a GPU each; with --address, LEAST:MOST for as many as there are.",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Train by --recipe on a running Ray cluster; `auto` for the one that this machine is part of.",
        show_default=False,
    ),
]
LoaderWorkers = Annotated[
    int | None,
    typer.Option(min=0, max=1024, help="Processes that read images, for each GPU.", show_default="cores left"),
]


MOST_PROCESSES = 1024
"""Most processes that train together."""


def parse_gpus(text: str) -> int | tuple[int, int]:
    """Return the number of processes that --gpus asks for, or the fewest and the most of them.

    Args:
        text: `N` or `LEAST:MOST`.

    Raises:
        UserError: If it is neither, or not in order.

    Examples:
        >>> parse_gpus("4"), parse_gpus("2:8")
        (4, (2, 8))
    """
    numbers = [int(part) if part.isascii() and part.isdigit() else 0 for part in text.split(":")]
    if not (1 <= len(numbers) <= 2 and 1 <= numbers[0] <= numbers[-1] <= MOST_PROCESSES):
        raise UserError(
            f"--gpus {text}: give a number from 1 to {MOST_PROCESSES:,}, or LEAST:MOST with --address, such as 2:8"
        )
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])


def words_for_processes(gpus: str, address: str | None, *, default: str = "1") -> tuple[str, ...]:
    """Return the options that ask for the same processes again, for a command to go on with; the default is left out.

    Args:
        gpus: Value of --gpus.
        address: Value of --address.
        default: Value of --gpus if it is not given.
    """
    return (*(() if gpus == default else ("--gpus", gpus)), *(() if address is None else ("--address", address)))


def words_for_at_once(at_once: int | None) -> tuple[str, ...]:
    """Return the option that asks for as many trainings at once again; nothing for None."""
    return () if at_once is None else ("--at-once", str(at_once))


def full_recipe(name: str | None, changes: Sequence[str]) -> FullRecipe | None:
    """Return the recipe of the options; None without --recipe.

    Args:
        name: Name or file of the recipe.
        changes: Changes of single fields.

    Raises:
        UserError: If there is no such recipe, or a change does not fit.
    """
    import sasa_nas

    if name is None:
        if changes:
            raise UserError("--set changes a field of a recipe; give --recipe, see `sasa-nas list recipes`")
        return None
    return sasa_nas.load_recipe(name, changes)
