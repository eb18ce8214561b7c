"""Recipes by the name of a preset, from a file or from plain data, inherited and changed."""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sasa_nas.documents import DescriptionError, assign, find_document, read_document
from sasa_nas.documents.validation import joined, line_of, message_of
from sasa_nas.nodes import Node
from sasa_nas.recipes.augmentation import RandomResizedCrop, ShiftCrop
from sasa_nas.recipes.losses import BinaryCrossEntropy, CrossEntropy
from sasa_nas.recipes.optimizers import AdamW, Lamb, Sgd
from sasa_nas.recipes.recipe import FullRecipe
from sasa_nas.recipes.schedules import Cosine, Steps, Triangle

BASE = "base"
"""Field of a recipe's file with the name of a preset or the path of a file that the recipe changes."""

_KINDS: tuple[type[Node], ...] = (
    *(RandomResizedCrop, ShiftCrop, CrossEntropy, BinaryCrossEntropy),
    *(Sgd, AdamW, Lamb, Cosine, Steps, Triangle),
)
_TAGS = frozenset(kind.model_fields["kind"].default for kind in _KINDS)
_PRESETS = Path(str(resources.files("sasa_nas") / "recipes" / "presets"))


def preset_names() -> tuple[str, ...]:
    """Return the names of the recipes that ship with the package, in alphabetical order."""
    return tuple(_presets())


def load_recipe(recipe: str | Path | Mapping[str, Any], changes: Sequence[str] = ()) -> FullRecipe:
    """Return a recipe, with some fields changed.

    A file, or plain data, may name another recipe as its `base`: the name of a preset or a file's path, relative to
    the file that names it. Its own fields then change those of the base. Objects are merged field by field, but for
    one of another `kind`, which takes the place of the base's.

    Args:
        recipe: Name of a preset, path of a YAML or JSON file, or a file's contents as plain data.
        changes: Texts of the form `path=value`, such as `optimizer.learning_rate=.1`; a value is written as in YAML.
            Assigning a `kind` resets the other fields beside it to that kind's defaults.

    Raises:
        DescriptionError: If there is no such recipe, or it is invalid; in one line.

    Examples:
        >>> load_recipe("rsb_a3", ["epochs=50", "optimizer.learning_rate=.004"]).optimizer.kind
        'lamb'
        >>> load_recipe({"base": "rsb_a3", "loss": {"kind": "cross_entropy"}}).epochs
        100
    """
    if isinstance(recipe, Mapping):
        source, data = "the recipe", _inherited(dict(recipe), "the recipe", Path(), ())
    else:
        path = find_document(recipe, _presets(), sort="recipe")
        source, data = str(path), _read(path, ())
    loaded = _validated(data, source)
    if not changes:
        return loaded
    tree: dict[str, Any] = {**loaded.model_dump(mode="json"), "published": ""}
    assign(tree, changes, example="optimizer.learning_rate=0.1")
    return _validated(tree, "with these changes")


def recipe_text(recipe: FullRecipe) -> str:
    """Return a recipe with all its fields as YAML in ASCII, as a file may hold it."""
    text: str = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, width=100)
    return text


def recipe_schema() -> dict[str, Any]:
    """Return the JSON Schema of a recipe's file: a whole recipe, or changes to a base."""
    schema = FullRecipe.model_json_schema()
    definitions = schema.pop("$defs")
    base = {"type": "string", "description": "Name of a preset, or path of a file, that the recipe changes."}
    changed = {
        "type": "object",
        "properties": {BASE: base, **dict.fromkeys(FullRecipe.model_fields, True)},
        "required": [BASE],
        "additionalProperties": False,
    }
    return {"title": "Recipe", "anyOf": [schema, changed], "$defs": definitions}


def _presets() -> dict[str, Path]:
    return {file.stem: file for file in sorted(_PRESETS.glob("*.yaml"))}


def _read(path: Path, users: tuple[Path, ...]) -> dict[str, Any]:
    """Return a file's data with what it inherits; `users` are the files that inherit from it."""
    if path.resolve() in users:
        raise DescriptionError(f"{path}: base: a recipe cannot be its own base")
    return _inherited(read_document(path), str(path), path.parent, (*users, path.resolve()))


def _inherited(data: dict[str, Any], source: str, folder: Path, users: tuple[Path, ...]) -> dict[str, Any]:
    """Return data with those of their base below them; `folder` is that of paths in them."""
    base = data.pop(BASE, None)
    if base is None:
        return data
    if not isinstance(base, str | Path):
        raise DescriptionError(f"{source}: base = {base!r}: must be the name of a preset or a file's path")
    presets = _presets()
    try:
        path = find_document(base if str(base) in presets else folder / base, presets, sort="recipe")
    except DescriptionError as error:
        raise DescriptionError(f"{source}: base: {error}") from error
    inherited = _validated(_read(path, users), str(path)).model_dump(mode="json")
    # what was reached with a recipe was not reached with one that differs
    inherited.pop("published", None)
    return _merged(inherited, data)


def _merged(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in changes.items():
        old = merged.get(name)
        if isinstance(old, dict) and isinstance(value, Mapping) and _is_of_kind(value, old):
            value = _merged(old, value)
        merged[name] = value
    return merged


def _is_of_kind(changes: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Return True if changes name no other kind than `old` has."""
    return "kind" not in changes or changes["kind"] == old.get("kind")


def _validated(data: dict[str, Any], source: str) -> FullRecipe:
    try:
        return FullRecipe.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise joined(source, [_line(detail) for detail in details]) from error


def _line(detail: ErrorDetails) -> str:
    return line_of(detail, message_of(detail), tags=_TAGS)
