"""Parts of helpful one-line errors, from pydantic's."""

import difflib
import re
from collections.abc import Collection, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from sasa_nas.errors import UserError
from sasa_nas.nodes import Misfit

_MOST_SHOWN = 3


class DescriptionError(UserError):
    """Error of an invalid description, such as a space, an architecture or a recipe: the file, path and value."""


def path_of(location: Sequence[int | str], field: str = "", *, tags: Collection[str] = ()) -> str:
    """Return the text of a path in a description, as `stages[2].operator.choice[1].num_heads`.

    Args:
        location: Names and indices from the root.
        field: A further name at the end; empty for none.
        tags: Names of kinds, which pydantic puts into locations though they are no steps.
    """
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step not in tags and not step.startswith("<"):
            path += f".{step}" if path else step
    if field:
        path += f".{field}" if path else field
    return path


def joined(source: str, lines: Sequence[str]) -> DescriptionError:
    """Return an error of the first few of several mistakes in one line that begins with `source`."""
    shown = list(lines[:_MOST_SHOWN])
    if len(lines) > _MOST_SHOWN:
        shown.append(f"and {len(lines) - _MOST_SHOWN} more")
    return DescriptionError(f"{source}: {'; '.join(shown)}")


def line_of(detail: ErrorDetails, message: str, *, tags: Collection[str] = ()) -> str:
    """Return a mistake with its place and, where it is about a value, the value.

    Args:
        detail: Pydantic's details.
        message: The mistake in words.
        tags: Names of kinds; see `path_of`.
    """
    context: dict[str, Any] = detail.get("ctx", {})
    cause = context.get("error")
    path = path_of(detail["loc"], context.get("field", cause.field if isinstance(cause, Misfit) else ""), tags=tags)
    if isinstance(cause, Misfit) or detail["type"] in ("missing", "misfit", "unknown_field"):
        return f"{path}: {message}" if path else message
    return f"{path or 'the file'} = {_excerpt(detail['input'])}: {message}"


def message_of(detail: ErrorDetails, *, note: str = "") -> str:
    """Return a mistake in words.

    Args:
        detail: Pydantic's details.
        note: Words before the known kinds where a kind is unknown.
    """
    kind = detail["type"]
    context: dict[str, Any] = detail.get("ctx", {})
    match kind:
        case "union_tag_invalid":
            known = context["expected_tags"]
            near = difflib.get_close_matches(str(context["tag"]), re.findall(r"'(\w+)'", known), n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            return f"unknown kind '{context['tag']}'; {hint}{note}known kinds: {known}"
        case "union_tag_not_found":
            return "needs a 'kind'"
        case "literal_error":
            return f"allowed: {context['expected']}"
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "has no meaning here; leave it out"
        case "value_error":
            return detail["msg"].removeprefix("Value error, ")
        case "model_type" | "model_attributes_type":
            return "must be an object with named fields"
        case "too_short":
            return "needs at least one item"
        case "tuple_type":
            return "must be a list"
    return detail["msg"].replace("Input should", "should")


def _excerpt(value: Any, most: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= most else text[: most - 3] + "..."
