"""Draws architectures from a search space: one walk down the tree, asking a chooser at every fork.

The walk is the same whoever chooses: a random number generator, an Optuna trial, or a balanced deck. A fork is
named by its path. Where an option of a choice is itself a sub-tree, its own forks lie below the option's label,
as in `stages[0].operator.local_attention.kernel_size`: a name always means the same conditional parameter.
"""

import math
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from sasa_nas.errors import one_line
from sasa_nas.space.architecture import Architecture
from sasa_nas.space.choosers import Chooser, Label
from sasa_nas.space.complaints import complain
from sasa_nas.space.searchable import Choice, Range


class Infeasible(Exception):
    """A draw whose parts do not fit together, with the reason in one line."""


def sample(space: BaseModel, chooser: Chooser) -> Architecture:
    """One design out of `space`, at its full size.

    Raises:
        Infeasible: If the drawn values do not fit together, such as heads that do not divide a width.
    """
    try:
        return Architecture.model_validate(walk(space, chooser))
    except ValidationError as error:
        raise Infeasible(one_line(complain("drawn design", error))) from error


def walk(space: BaseModel, chooser: Chooser) -> dict[str, Any]:
    """The plain data of one design, whether or not its parts fit together."""
    return {name: _draw(getattr(space, name), name, chooser) for name in Architecture.model_fields}


def _draw(node: Any, path: str, chooser: Chooser) -> Any:
    if isinstance(node, Choice):
        labels = option_labels(node)
        index = chooser.option(path, labels)
        option = node.choice[index]
        return _draw(option, f"{path}.{labels[index]}" if has_forks(option) else path, chooser)
    if isinstance(node, Range):
        return node.nearest(chooser.number(path, node))
    if isinstance(node, BaseModel):
        return {name: _draw(getattr(node, name), f"{path}.{name}", chooser) for name in type(node).model_fields}
    if isinstance(node, tuple):
        return [_draw(item, f"{path}[{i}]", chooser) for i, item in enumerate(node)]
    return node


def option_labels(node: "Choice[Any]") -> tuple[Label, ...]:
    """A label for each option, no two alike: the value itself, its kind, or its position."""
    labels: list[Label] = []
    for i, option in enumerate(node.choice):
        if isinstance(option, str | int | float | bool) or option is None:
            label: Label = option
        else:
            label = getattr(option, "kind", f"option{i}")
        # 1, 1.0 and True are equal in Python: compare them with their types
        taken = any(label == other and type(label) is type(other) for other in labels)
        labels.append(f"{label}#{i}" if taken else label)
    return tuple(labels)


def has_forks(node: Any) -> bool:
    """Whether anything below `node` is yet to be chosen."""
    return any(True for _ in _forks(node))


def _forks(node: Any) -> Iterator["Choice[Any] | Range"]:
    if isinstance(node, Choice | Range):
        yield node
    elif isinstance(node, BaseModel):
        for name in type(node).model_fields:
            yield from _forks(getattr(node, name))
    elif isinstance(node, tuple):
        for item in node:
            yield from _forks(item)


def size(node: Any) -> int:
    """How many combinations a space, or a part of one, has, infeasible ones included."""
    if isinstance(node, Choice):
        return sum(size(option) for option in node.choice)
    if isinstance(node, Range):
        return len(node.values())
    if isinstance(node, BaseModel):
        return math.prod(size(getattr(node, name)) for name in type(node).model_fields)
    if isinstance(node, tuple):
        return math.prod(size(item) for item in node)
    return 1
