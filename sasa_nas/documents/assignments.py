"""Changes to single fields of a description by texts such as `stages[0].operator.kernel_size=11`."""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic_core import to_jsonable_python

from sasa_nas.documents.fields import node_type
from sasa_nas.documents.reading import parse_value
from sasa_nas.documents.validation import DescriptionError
from sasa_nas.nodes import Node

_STEP = re.compile(r"\.?([A-Za-z_]\w*)|\[(\d+|\*)\]")


def assign(data: dict[str, Any], assignments: Sequence[str], *, of: type[Node], example: str) -> None:
    """Change fields of a description in place, one assignment after the other, without validation.

    An index `*` means every item of a list. A value is written as in a YAML file. Assigning a `kind` removes the other
    fields beside it, which so have the defaults of the new kind; later assignments may give them others.

    Args:
        data: All fields of the description as plain data.
        assignments: Texts of the form `path=value`.
        of: Type of the description.
        example: An assignment to show in errors.

    Raises:
        DescriptionError: If an assignment has another form, or its path does not exist.
    """
    for assignment in assignments:
        path, sign, text = assignment.partition("=")
        if not sign or not path.strip():
            raise DescriptionError(f"'{assignment}' assigns nothing; write a path and a value: {example}")
        steps = _steps(path.strip(), example.partition("=")[0])
        _assign(data, of, steps, parse_value(text, assignment), assignment)


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


def _assign(data: Any, of: Any, steps: Sequence[str | int], value: Any, assignment: str) -> None:
    *parents, last = steps
    for node, annotation in _nodes(data, of, parents, assignment):
        if last == "kind" and isinstance(node, dict) and "kind" in node:
            node.clear()
            node["kind"] = value
        else:
            for key, _ in _keys(node, annotation, last, assignment):
                node[key] = value


def _nodes(node: Any, annotation: Any, steps: Sequence[str | int], assignment: str) -> Iterator[tuple[Any, Any]]:
    """Yield what the steps lead to, each with its annotation."""
    if not steps:
        yield node, annotation
        return
    for key, below in _keys(node, annotation, steps[0], assignment):
        yield from _nodes(node[key], below, steps[1:], assignment)


def _keys(node: Any, annotation: Any, step: str | int, assignment: str) -> list[tuple[Any, Any]]:
    """Return the keys of `node` for a step, one or all of a list, each with the annotation of what is there."""
    if isinstance(node, list) and not (isinstance(step, str) and step != "*"):
        if step == "*":
            return [(i, annotation) for i in range(len(node))]
        if isinstance(step, int) and step < len(node):
            return [(step, annotation)]
        raise DescriptionError(f"'{assignment}': there is no [{step}]; the last is [{len(node) - 1}]")
    if isinstance(node, dict) and isinstance(step, str):
        return [(step, _field(node, annotation, step, assignment))]
    wanted = f"[{step}]" if isinstance(step, int) or step == "*" else f".{step}"
    raise DescriptionError(f"'{assignment}': {wanted} leads nowhere, because what stands before it is {node!r}")


def _field(node: dict[str, Any], annotation: Any, name: str, assignment: str) -> Any:
    """Return the annotation of a field, which gets its default if an assignment of a `kind` has removed it."""
    found = node_type(annotation, node.get("kind"))
    # an unknown kind may have any field: the validation names the kind
    known = name in node or (name in found.model_fields if found is not None else "kind" in node)
    if not known:
        names = node if found is None else found.model_fields
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise DescriptionError(f"'{assignment}': there is no field '{name}'; {hint}there is: {', '.join(names)}")
    field = None if found is None else found.model_fields.get(name)
    if name not in node:
        default = None if field is None or field.is_required() else field.get_default(call_default_factory=True)
        node[name] = to_jsonable_python(default)
    return field
