"""Turns pydantic's validation errors into one line a person can act on."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sasa_nas.errors import UserError
from sasa_nas.space.operators import OPERATORS
from sasa_nas.space.stems import STEMS

_KINDS = {model.model_fields["kind"].default for model in (*OPERATORS, *STEMS)}
_MOST_SHOWN = 3


class SpaceError(UserError):
    """A search space or an architecture that cannot be: names the file, the path in the tree, the value."""


def path_of(location: Sequence[int | str], field: str = "") -> str:
    """A place in the tree as `stages[2].operator.choice[1].num_heads`."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step not in _KINDS and not step.startswith("<"):
            path += f".{step}" if path else step
    if field:
        path += f".{field}" if path else field
    return path


def complain(source: str, error: ValidationError) -> SpaceError:
    """`error` as one line that begins with `source`, a file's path or what was being read."""
    details = error.errors(include_url=False)
    lines = [_line(detail) for detail in details[:_MOST_SHOWN]]
    more = len(details) - len(lines)
    if more:
        lines.append(f"and {more} more")
    return SpaceError(f"{source}: {'; '.join(lines)}")


def _line(detail: ErrorDetails) -> str:
    context: dict[str, Any] = detail.get("ctx", {})
    path = path_of(detail["loc"], context.get("field", ""))
    message = _message(detail, context)
    if detail["type"] in ("missing", "misfit", "unknown_field"):
        return f"{path}: {message}" if path else message
    return f"{path or 'the file'} = {_shown(detail['input'])}: {message}"


def _message(detail: ErrorDetails, context: dict[str, Any]) -> str:
    kind = detail["type"]
    if kind == "union_tag_invalid" and context.get("discriminator") == "'kind'":
        return f"unknown kind '{context['tag']}'; known kinds: {context['expected_tags']}"
    if kind == "union_tag_not_found":
        return "needs a 'kind'"
    if kind == "union_tag_invalid":
        return "a text or an object cannot be a range here; write a plain value or {choice: [...]}"
    if kind == "literal_error":
        return f"allowed: {context['expected']}"
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    if kind in ("model_type", "model_attributes_type"):
        return "must be an object with named fields"
    if kind == "too_short":
        return "needs at least one item"
    if kind == "tuple_type":
        return "must be a list"
    message = detail["msg"].replace("Input should", "should")
    if kind.endswith(("_type", "_parsing")) and isinstance(detail["input"], dict):
        message += " (or {choice: [...]}, or {range: [low, high, step]} for a number)"
    return message


def _shown(value: Any, most: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= most else text[: most - 3] + "..."
