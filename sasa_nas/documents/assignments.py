"""Changes to single fields of a description by texts such as `stages[0].operator.kernel_size=11`."""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from sasa_nas.documents.reading import parse_value
from sasa_nas.documents.validation import DescriptionError

_STEP = re.compile(r"\.?([A-Za-z_]\w*)|\[(\d+|\*)\]")


def assign(data: dict[str, Any], assignments: Sequence[str], *, example: str) -> None:
    """Change fields of a description in place, one assignment after the other, without validation.

    An index `*` means every item of a list. A value is written as in a YAML file. Assigning a `kind` removes the other
    fields beside it, which so have the defaults of the new kind.

    Args:
        data: All fields of the description as plain data.
        assignments: Texts of the form `path=value`.
        example: An assignment to show in errors.

    Raises:
        DescriptionError: If an assignment has another form, or its path does not exist.
    """
    for assignment in assignments:
        path, sign, text = assignment.partition("=")
        if not sign or not path.strip():
            raise DescriptionError(f"'{assignment}' assigns nothing; write a path and a value: {example}")
        steps = _steps(path.strip(), example.partition("=")[0])
        _assign(data, steps, parse_value(text, assignment), assignment)


def _steps(path: str, example: str) -> list[str | int]:
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
        raise DescriptionError(f"'{path}' is no path; write it as {example}")
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
        raise DescriptionError(f"'{assignment}': there is no [{step}]; the last is [{len(node) - 1}]")
    if isinstance(node, dict) and isinstance(step, str):
        if step in node:
            return [step]
        near = difflib.get_close_matches(step, node, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise DescriptionError(f"'{assignment}': there is no field '{step}'; {hint}there is: {', '.join(node)}")
    wanted = f"[{step}]" if isinstance(step, int) or step == "*" else f".{step}"
    raise DescriptionError(f"'{assignment}': {wanted} leads nowhere, because what stands before it is {node!r}")
