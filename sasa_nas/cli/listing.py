"""`sasa-nas list`: the available networks, search spaces, data sets, operators and recipes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from sasa_nas.cli.echo import echo
from sasa_nas.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from sasa_nas.analysis.catalogue import DatasetEntry, ModelEntry, OperatorEntry, RecipeEntry, SpaceEntry


class Kind(StrEnum):
    """Catalogues that can be listed."""

    MODELS = "models"
    SPACES = "spaces"
    DATASETS = "datasets"
    OPERATORS = "operators"
    RECIPES = "recipes"


def list_entries(
    what: Annotated[Kind, typer.Argument(help="What to list.", show_default=False)],
    name: Annotated[
        str | None,
        typer.Argument(help="With recipes: print this one as YAML, with all its fields.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
    schema: Annotated[
        bool,
        typer.Option("--schema", help="With spaces or recipes: print the JSON Schema of such a file, for editors."),
    ] = False,
) -> None:
    """List what there is: models, spaces, datasets, recipes, or operators with channel attention and stems."""
    if schema:
        if name is not None:
            raise UserError(f"--schema is the form of all {what}; leave '{name}' out")
        _print_schema(what)
        return
    if name is not None:
        _print_recipe(what, name, as_json)
        return
    from sasa_nas.analysis import catalogue
    from sasa_nas.cli.output import print_json, stdout_console

    console = stdout_console()
    match what:
        case Kind.MODELS:
            models = catalogue.models()
            print_json(models) if as_json else _print_models(console, models)
        case Kind.SPACES:
            spaces = catalogue.spaces()
            print_json(spaces) if as_json else _print_spaces(console, spaces)
        case Kind.DATASETS:
            datasets = catalogue.datasets()
            print_json(datasets) if as_json else _print_datasets(console, datasets)
        case Kind.OPERATORS:
            operators = catalogue.operators()
            print_json(operators) if as_json else _print_operators(console, operators)
        case Kind.RECIPES:
            recipes = catalogue.recipes()
            print_json(recipes) if as_json else _print_recipes(console, recipes)


def _print_schema(what: Kind) -> None:
    from sasa_nas.cli.output import print_plain_json

    match what:
        case Kind.SPACES:
            from sasa_nas.space import SearchSpace

            print_plain_json(SearchSpace.model_json_schema())
        case Kind.RECIPES:
            from sasa_nas.recipes import recipe_schema

            print_plain_json(recipe_schema())
        case _:
            raise UserError(
                f"--schema is for search spaces and recipes; use `sasa-nas list {Kind.SPACES} --schema` or "
                f"`sasa-nas list {Kind.RECIPES} --schema`"
            )


def _print_recipe(what: Kind, name: str, as_json: bool) -> None:
    if what is not Kind.RECIPES:
        raise UserError(f"a name is for recipes alone; use `sasa-nas list {what}`")
    from sasa_nas.cli.output import print_plain_json
    from sasa_nas.recipes import load_recipe, recipe_text

    recipe = load_recipe(name)
    if as_json:
        print_plain_json(recipe.model_dump(mode="json"))
    else:
        echo(recipe_text(recipe).rstrip("\n"))


def _print_models(console: Console, models: Sequence[ModelEntry]) -> None:
    from sasa_nas.analysis.labels import compact_count
    from sasa_nas.cli.output import plain_table

    table = plain_table("name", "params", "FLOPs", "block", "stem", "blocks", "operators", right=("params", "FLOPs"))
    for model in models:
        table.add_row(
            model.name,
            compact_count(model.params),
            compact_count(model.flops),
            model.block,
            model.stem,
            " ".join(map(str, model.blocks)),
            ", ".join(_runs(model)),
        )
    console.print(table)


def _runs(model: ModelEntry) -> Iterator[str]:
    """Yield the runs of stages with equal operators: `2 conv`, `5 augmented_conv`."""
    kinds = zip(model.operators, model.channel_attention, strict=True)
    for (operator, attention), stages in groupby(kinds):
        yield f"{len(list(stages))} {operator}{f' + {attention}' if attention else ''}"


def _print_spaces(console: Console, spaces: Sequence[SpaceEntry]) -> None:
    from sasa_nas.cli.output import plain_table

    table = plain_table("name", "combinations", "dataset", "description", right=("combinations",))
    for space in spaces:
        table.add_row(space.name, f"{space.combinations:,}", space.dataset, space.description)
    console.print(table)


def _print_recipes(console: Console, recipes: Sequence[RecipeEntry]) -> None:
    from sasa_nas.cli.output import plain_table

    table = plain_table("name", "epochs", "batch", "optimizer", "published", right=("epochs", "batch"))
    for recipe in recipes:
        table.add_row(recipe.name, str(recipe.epochs), str(recipe.batch_size), recipe.optimizer, recipe.published)
    console.print(table)


def _print_datasets(console: Console, datasets: Sequence[DatasetEntry]) -> None:
    from sasa_nas.cli.output import plain_table

    table = plain_table("name", "images", "classes", right=("classes",))
    for entry in datasets:
        known = entry.num_classes is not None
        images = f"{entry.channels} x {entry.height} x {entry.width}" if known else "as its files say"
        table.add_row(entry.name, images, str(entry.num_classes) if known else "-")
    console.print(table)


def _print_operators(console: Console, operators: Sequence[OperatorEntry]) -> None:
    from sasa_nas.cli.output import plain_table

    table = plain_table("kind", "field", "default", "allowed", "meaning")
    for operator in operators:
        role = "" if operator.role == "operator" else f" ({operator.role.replace('_', ' ')})"
        table.add_row(f"{operator.kind}{role}", "", "", "", operator.description)
        for field in operator.fields:
            default = json.dumps(field.default).strip('"')
            table.add_row("", field.name, default, field.allowed, field.description or "")
    console.print(table)
