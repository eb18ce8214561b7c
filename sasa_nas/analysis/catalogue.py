"""Catalogues of what is available: named networks, search spaces, data sets, operators, recipes.

Each list is imported when it is asked for: spaces, operators and recipes come without torch.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from sasa_nas.channel_attention import CHANNEL_ATTENTIONS
from sasa_nas.errors import UserError
from sasa_nas.nodes import Node, resolve
from sasa_nas.nodes.node import MOST
from sasa_nas.operators import OPERATORS
from sasa_nas.recipes import load_recipe, preset_names
from sasa_nas.space import NetworkDescription, load_space, shipped_spaces, size
from sasa_nas.stems import STEMS
from sasa_nas.tasks import TASKS

Role = Literal["operator", "channel_attention", "stem"]


class ModelEntry(BaseModel):
    """A named network: its parameters, and its FLOPs by the canonical convention for an image of its own size.

    `blocks`, `operators` and `channel_attention` have an item a stage.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    params: int
    flops: int
    block: str
    stem: str
    blocks: list[int]
    operators: list[str]
    channel_attention: list[str | None]


class SpaceEntry(BaseModel):
    """A built-in search space; `combinations` includes designs whose parts do not fit together."""

    model_config = ConfigDict(frozen=True)

    name: str
    description: str
    combinations: int
    dataset: str


class DatasetEntry(BaseModel):
    """A data set; fields that depend on the user's own folder are None."""

    model_config = ConfigDict(frozen=True)

    name: str
    channels: int | None = None
    height: int | None = None
    width: int | None = None
    num_classes: int | None = None


class RecipeEntry(BaseModel):
    """A recipe of a full training that ships with the package; `published` is what its source reached with it."""

    model_config = ConfigDict(frozen=True)

    name: str
    epochs: int
    batch_size: int
    optimizer: str
    published: str
    source: str


class FieldEntry(BaseModel):
    """A field of an operator, its default, what it may be, and what it means where its name does not say."""

    model_config = ConfigDict(frozen=True)

    name: str
    default: str | int | float | bool
    allowed: str
    description: str | None


class OperatorEntry(BaseModel):
    """Something with a `kind` that a design may have, and its `role` there: operator, channel_attention or stem."""

    model_config = ConfigDict(frozen=True)

    kind: str
    role: Role
    description: str
    fields: list[FieldEntry]


def models() -> list[ModelEntry]:
    """Return all named networks, those of each task in alphabetical order."""
    entries = []
    for task in TASKS.values():
        named, count = resolve(task.named), resolve(task.count)
        for name in sorted(named):
            network: NetworkDescription = named[name]()
            trunk, counts = network.trunk, count(network).total
            stages = trunk.stages
            entries.append(
                ModelEntry(
                    name=name,
                    params=counts.params,
                    flops=counts.flops(),
                    block=trunk.block,
                    stem=trunk.stem.kind,
                    blocks=[stage.blocks for stage in stages],
                    operators=[stage.operator.kind for stage in stages],
                    channel_attention=[
                        stage.channel_attention and stage.channel_attention.kind for stage in trunk.stages
                    ],
                )
            )
    return entries


def spaces() -> list[SpaceEntry]:
    """Return all built-in search spaces."""
    loaded = [(name, load_space(name)) for name in shipped_spaces()]
    return [
        SpaceEntry(name=name, description=space.description, combinations=size(space), dataset=space.proxy.dataset)
        for name, space in loaded
    ]


def datasets() -> list[DatasetEntry]:
    """Return all data sets, downloaded or not."""
    from sasa_nas.data.registry import dataset_info, dataset_names

    entries = []
    for name in dataset_names():
        try:
            info = dataset_info(name)
        except UserError:
            # a pattern such as imagefolder:PATH, no data set yet
            entries.append(DatasetEntry(name=name))
            continue
        entries.append(
            DatasetEntry(
                name=name,
                channels=info.channels,
                height=info.height,
                width=info.width,
                num_classes=info.num_classes,
            )
        )
    return entries


def recipes() -> list[RecipeEntry]:
    """Return all recipes of full trainings that ship."""
    return [
        RecipeEntry(
            name=name,
            epochs=recipe.epochs,
            batch_size=recipe.batch_size,
            optimizer=recipe.optimizer.kind,
            published=recipe.published,
            source=recipe.source,
        )
        for name, recipe in ((name, load_recipe(name)) for name in preset_names())
    ]


def operators() -> list[OperatorEntry]:
    """Return every kind of operator, the baseline first; then of channel attention, then of stem."""
    roles: dict[Role, tuple[type[Node], ...]] = {
        "operator": tuple(entry.description for entry in OPERATORS),
        "channel_attention": tuple(entry.description for entry in CHANNEL_ATTENTIONS),
        "stem": tuple(entry.description for entry in STEMS),
    }
    return [_operator(model, role) for role, models in roles.items() for model in models]


def _operator(model: type[Node], role: Role) -> OperatorEntry:
    properties: dict[str, dict[str, Any]] = model.model_json_schema()["properties"]
    fields = [
        FieldEntry(name=name, default=field.default, allowed=_allowed(properties[name]), description=field.description)
        for name, field in model.model_fields.items()
        if name != "kind"
    ]
    kind: str = model.model_fields["kind"].default
    return OperatorEntry(kind=kind, role=role, description=" ".join((model.__doc__ or "").split()), fields=fields)


def _allowed(schema: dict[str, Any]) -> str:
    """Return a description of the values that a field of this JSON Schema allows."""
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if schema["type"] == "boolean":
        return "true, false"
    word = "odd integer" if "not" in schema else schema["type"]
    low = f"> {schema['exclusiveMinimum']:g}" if "exclusiveMinimum" in schema else ""
    if not low and "minimum" in schema:
        low = f">= {schema['minimum']:g}"
    # every whole number has this limit
    high = f"<= {schema['maximum']:g}" if schema.get("maximum", MOST) != MOST else ""
    return " ".join([word, " and ".join(bound for bound in (low, high) if bound)]).strip()
