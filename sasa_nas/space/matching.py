"""Search for a given design in a space, the inverse of `sampling`."""

from typing import Any

from pydantic import BaseModel

from sasa_nas.space.architecture import Architecture
from sasa_nas.space.choosers import Label
from sasa_nas.space.sampling import has_forks, option_labels
from sasa_nas.space.searchable import Choice, Range

_PARTS = tuple(name for name in Architecture.model_fields if name not in ("image", "num_classes"))
"""Fields that identify a design; images and classes depend on the space."""


def choices_of(space: BaseModel, design: Architecture) -> dict[str, Label] | None:
    """Return the choices by which a walk through `space` draws `design`, regardless of images and classes.

    Returns:
        The choice at each fork, by its name; None if the design is not in the space.
    """
    answers: dict[str, Label] = {}
    for name in _PARTS:
        found = _match(getattr(space, name), getattr(design, name), name)
        if found is None:
            return None
        answers |= found
    return answers


def _match(node: Any, value: Any, path: str) -> dict[str, Label] | None:
    if isinstance(node, Choice):
        for option, label in zip(node.choice, option_labels(node), strict=True):
            found = _match(option, value, f"{path}.{label}" if has_forks(option) else path)
            if found is not None:
                return {path: label, **found}
        return None
    if isinstance(node, Range):
        return {path: value} if value in node.values() else None
    if isinstance(node, BaseModel):
        if not isinstance(value, BaseModel) or set(type(node).model_fields) != set(type(value).model_fields):
            return None
        parts = [
            _match(getattr(node, name), getattr(value, name), f"{path}.{name}") for name in type(node).model_fields
        ]
        return _merged(parts)
    if isinstance(node, tuple):
        if len(node) != len(value):
            return None
        return _merged(
            [_match(item, part, f"{path}[{i}]") for i, (item, part) in enumerate(zip(node, value, strict=True))]
        )
    return {} if node == value else None


def _merged(parts: list[dict[str, Label] | None]) -> dict[str, Label] | None:
    answers: dict[str, Label] = {}
    for part in parts:
        if part is None:
            return None
        answers |= part
    return answers
