"""`sasa-nas list`: the available networks, search spaces, data sets and operators."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from sasa_nas.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from sasa_nas.analysis.catalogue import DatasetEntry, ModelEntry, OperatorEntry, SpaceEntry


class Kind(StrEnum):
    """Catalogues that can be listed."""

    MODELS = "models"
    SPACES = "spaces"
    DATASETS = "datasets"
    OPERATORS = "operators"


def list_entries(
    what: Annotated[Kind, typer.Argument(help="What to list.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="With spaces: print the JSON Schema of a search space's file, for editors.")
    ] = False,
) -> None:
    """List what there is: models, spaces, datasets, or operators with channel attention and stems."""
    if schema:
        _print_schema(what)
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


def _print_schema(what: Kind) -> None:
    if what is not Kind.SPACES:
        raise UserError(f"--schema is for search spaces; use `sasa-nas list {Kind.SPACES} --schema`")
    from sasa_nas.cli.output import print_plain_json
    from sasa_nas.space import SearchSpace

    print_plain_json(SearchSpace.model_json_schema())


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
