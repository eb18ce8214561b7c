"""Sampling of architectures from a search space by a walk down the tree, with a chooser that decides at every fork.

The walk is the same for all choosers: random, balanced, or an Optuna trial. A fork is named by its path. If an option
of a choice is itself a sub-tree, its forks are below the option's label, as in
`stages[0].operator.local_attention.kernel_size`: a name always means the same conditional parameter.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from sasa_nas.errors import one_line
from sasa_nas.space.architecture import Architecture
from sasa_nas.space.choosers import Chooser, Label
from sasa_nas.space.searchable import Choice, Number, Range
from sasa_nas.space.validation_errors import space_error


class Infeasible(Exception):
    """Exception for a draw whose parts do not fit together, with the reason in one line."""


class Walker:
    """A sampler of a space that prepares the forks once, so that thousands of walks cost little.

    Args:
        space: The space to draw designs from.
    """

    def __init__(self, space: BaseModel) -> None:
        self._parts = {name: _laid_out(getattr(space, name), name) for name in Architecture.model_fields}

    def sample(self, chooser: Chooser) -> Architecture:
        """Return one design, at its full size.

        Raises:
            Infeasible: If the drawn values do not fit together, such as heads that do not divide a width.
        """
        try:
            return Architecture.model_validate(self.walk(chooser))
        except ValidationError as error:
            raise Infeasible(one_line(space_error("drawn design", error))) from error

    def walk(self, chooser: Chooser) -> dict[str, Any]:
        """Return the plain data of one design, whether or not its parts fit together; it must not be changed."""
        return {name: part(chooser) for name, part in self._parts.items()}


def sample(space: BaseModel, chooser: Chooser) -> Architecture:
    """Return one design of `space`; see `Walker.sample`."""
    return Walker(space).sample(chooser)


def _laid_out(node: Any, path: str) -> Callable[[Chooser], Any]:
    """Return the function that draws the part of a design described by `node`."""
    if isinstance(node, Choice):
        labels = option_labels(node)
        options = [
            _laid_out(option, f"{path}.{label}" if has_forks(option) else path)
            for option, label in zip(node.choice, labels, strict=True)
        ]
        return lambda chooser: options[chooser.option(path, labels)](chooser)
    if isinstance(node, Range):
        return lambda chooser: node.nearest(chooser.number(path, node))
    if isinstance(node, BaseModel):
        parts = {name: _laid_out(getattr(node, name), f"{path}.{name}") for name in type(node).model_fields}
        forked = {name: part for name, part in parts.items() if has_forks(getattr(node, name))}
        fixed = {name: part(_NOBODY) for name, part in parts.items() if name not in forked}
        if not forked:
            return lambda chooser: fixed
        return lambda chooser: fixed | {name: part(chooser) for name, part in forked.items()}
    if isinstance(node, tuple):
        items = [_laid_out(item, f"{path}[{i}]") for i, item in enumerate(node)]
        return lambda chooser: [item(chooser) for item in items]
    return lambda chooser: node


class _NoChooser:
    """Chooser for a node without forks, which is never called."""

    def option(self, name: str, labels: Sequence[Label]) -> int:
        raise AssertionError(name)

    def number(self, name: str, values: Range) -> Number:
        raise AssertionError(name)


_NOBODY = _NoChooser()


def option_labels(node: "Choice[Any]") -> tuple[Label, ...]:
    """Return a unique label for each option: the value itself, its kind, or its position."""
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
    """Return True if there is a choice or a range in `node`."""
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
    """Return the number of combinations of a space, or of a part of one, infeasible ones included."""
    if isinstance(node, Choice):
        return sum(size(option) for option in node.choice)
    if isinstance(node, Range):
        return len(node.values())
    if isinstance(node, BaseModel):
        return math.prod(size(getattr(node, name)) for name in type(node).model_fields)
    if isinstance(node, tuple):
        return math.prod(size(item) for item in node)
    return 1
