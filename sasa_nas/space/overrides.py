"""Changes to single fields of a design by texts such as `stages[0].operator.kernel_size=11`."""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from sasa_nas.nodes import Node
from sasa_nas.space.files import parse_value
from sasa_nas.space.validation_errors import SpaceError, space_error

Design = TypeVar("Design", bound=Node)

_STEP = re.compile(r"\.?([A-Za-z_]\w*)|\[(\d+|\*)\]")


def overridden(design: Design, assignments: Sequence[str]) -> Design:
    """Return a copy of `design` with some fields changed, one assignment after the other.

    An index `*` means every stage. A value is written as in a YAML file. Assigning a `kind` resets the other fields of
    that operator or stem to the defaults of the new kind. The result is validated once, at the end.

    Args:
        design: The design, such as an architecture.
        assignments: Texts of the form `path=value`.

    Raises:
        SpaceError: If an assignment has another form, its path does not exist, or the result is invalid.
    """
    data: dict[str, Any] = design.model_dump(mode="json")
    for assignment in assignments:
        path, sign, text = assignment.partition("=")
        if not sign or not path.strip():
            raise SpaceError(f"'{assignment}' assigns nothing; write a path and a value: stages[0].width=128")
        _assign(data, _steps(path.strip()), parse_value(text, assignment), assignment)
    try:
        return type(design).model_validate(data)
    except ValidationError as error:
        raise space_error("with these changes", error) from error


def _steps(path: str) -> list[str | int]:
    """Return the steps of a path: `["stages", 0, "width"]` for `stages[0].width`; the index `*` stays a text."""
    steps: list[str | int] = []
    end = 0
    for match in _STEP.finditer(path):
        if match.start() != end:
            break
        name, index = match.groups()
        steps.append(name if name is not None else int(index) if index.isdigit() else index)
        end = match.end()
    if end != len(path):
        raise SpaceError(f"'{path}' is no path; write it as stages[0].operator.kernel_size")
    return steps


def _assign(data: Any, steps: Sequence[str | int], value: Any, assignment: str) -> None:
    *parents, last = steps
    for node in _nodes(data, parents, assignment):
        if last == "kind" and isinstance(node, dict) and "kind" in node:
            node.clear()
            node["kind"] = value
        else:
            for key in _keys(node, last, assignment):
                node[key] = value


def _nodes(node: Any, steps: Sequence[str | int], assignment: str) -> Iterator[Any]:
    if not steps:
        yield node
        return
    for key in _keys(node, steps[0], assignment):
        yield from _nodes(node[key], steps[1:], assignment)


def _keys(node: Any, step: str | int, assignment: str) -> list[Any]:
    """Return the keys of `node` for a step: one, or all of a list."""
    if isinstance(node, list) and not (isinstance(step, str) and step != "*"):
        if step == "*":
            return list(range(len(node)))
        if isinstance(step, int) and step < len(node):
            return [step]
        raise SpaceError(f"'{assignment}': there is no [{step}]; the last is [{len(node) - 1}]")
    if isinstance(node, dict) and isinstance(step, str):
        if step in node:
            return [step]
        near = difflib.get_close_matches(step, node, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise SpaceError(f"'{assignment}': there is no field '{step}'; {hint}there is: {', '.join(node)}")
    wanted = f"[{step}]" if isinstance(step, int) or step == "*" else f".{step}"
    raise SpaceError(f"'{assignment}': {wanted} leads nowhere, because what stands before it is {node!r}")
