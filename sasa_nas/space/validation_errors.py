"""Conversion of pydantic's validation errors into one helpful line."""

import difflib
import re
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sasa_nas.channel_attention import CHANNEL_ATTENTIONS
from sasa_nas.errors import UserError
from sasa_nas.operators import BASELINE, OPERATORS
from sasa_nas.stems import STEMS

_MOST_SHOWN = 3
_FITS_NOTHING = (
    "int_type",
    "float_type",
    "bool_type",
    "string_type",
    "literal_error",
    "union_tag_not_found",
    "tuple_type",
)
"""Types of pydantic's errors for an object in place of a plain value, a list, or an object with a `kind`."""


class SpaceError(UserError):
    """Error of an invalid search space or architecture: the file, the path in the tree, the value."""


def path_of(location: Sequence[int | str], field: str = "") -> str:
    """Return the text of a path in the tree, as `stages[2].operator.choice[1].num_heads`."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step not in (*OPERATORS.kinds, *STEMS.kinds, *CHANNEL_ATTENTIONS.kinds) and not step.startswith("<"):
            path += f".{step}" if path else step
    if field:
        path += f".{field}" if path else field
    return path


def space_error(source: str, error: ValidationError) -> SpaceError:
    """Return `error` as one line that begins with `source`, a file's path or the name of the source."""
    details = _causes(error.errors(include_url=False))
    lines = [_line(detail) for detail in details[:_MOST_SHOWN]]
    more = len(details) - len(lines)
    if more:
        lines.append(f"and {more} more")
    return SpaceError(f"{source}: {'; '.join(lines)}")


def _causes(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Return the errors without those of too short lists, which follow from bad items in them, and without repeats.

    A kind that is unknown in one stage is unknown in all.
    """
    places = [detail["loc"] for detail in details]
    found, unknown = [], set()
    for detail, place in zip(details, places, strict=True):
        if detail["type"] == "too_short" and any(other[: len(place)] == place != other for other in places):
            continue
        if detail["type"] == "union_tag_invalid":
            tag = detail.get("ctx", {}).get("tag")
            if tag in unknown:
                continue
            unknown.add(tag)
        found.append(detail)
    return found


def _line(detail: ErrorDetails) -> str:
    context: dict[str, Any] = detail.get("ctx", {})
    path = path_of(detail["loc"], context.get("field", ""))
    form = _meant_form(detail)
    if form:
        written, meant = form
        hint = f"did you mean '{meant}'?" if written != meant else f"a {meant} cannot stand here"
        return f"{path}.{written}: unknown field; {hint}"
    message = _message(detail, context)
    if detail["type"] in ("missing", "misfit", "unknown_field"):
        return f"{path}: {message}" if path else message
    return f"{path or 'the file'} = {_excerpt(detail['input'])}: {message}"


def _meant_form(detail: ErrorDetails) -> tuple[str, str] | None:
    """Return a misspelt `choice` or `range` in an object that fits nothing else, and the correct word."""
    if isinstance(detail["input"], dict) and detail["type"] in _FITS_NOTHING and len(detail["input"]) == 1:
        written = str(next(iter(detail["input"])))
        near = difflib.get_close_matches(written.lower(), ("choice", "range"), n=1)
        if near:
            return written, near[0]
    return None


def _message(detail: ErrorDetails, context: dict[str, Any]) -> str:
    kind = detail["type"]
    if kind == "union_tag_invalid" and context.get("discriminator") == "'kind'":
        known = context["expected_tags"]
        near = difflib.get_close_matches(str(context["tag"]), re.findall(r"'(\w+)'", known), n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        own = "an operator of your own needs --operators FILE; " if f"'{BASELINE}', " in known else ""
        return f"unknown kind '{context['tag']}'; {hint}{own}known kinds: {known}"
    if kind == "union_tag_not_found":
        return "needs a 'kind'"
    if kind == "union_tag_invalid":
        return "a text or an object cannot be a range here; write a plain value or {choice: [...]}"
    if kind == "literal_error":
        return f"allowed: {context['expected']}"
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return "has no meaning here; leave it out"
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


def _excerpt(value: Any, most: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= most else text[: most - 3] + "..."
