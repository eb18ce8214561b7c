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
    int,
    typer.Option("--gpus", "--processes", min=1, max=1024, help="Processes that train together, a GPU each."),
]
LoaderWorkers = Annotated[
    int | None,
    typer.Option(min=0, max=1024, help="Processes that read images, for each GPU.", show_default="cores left"),
]


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
