"""Conversion of pydantic's validation errors of spaces and architectures into one helpful line."""

import difflib
from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sasa_nas.channel_attention import CHANNEL_ATTENTIONS
from sasa_nas.documents import validation
from sasa_nas.documents.validation import DescriptionError, joined, line_of, message_of
from sasa_nas.operators import BASELINE, OPERATORS
from sasa_nas.stems import STEMS

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


def path_of(location: Sequence[int | str], field: str = "") -> str:
    """Return the text of a path in the tree, as `stages[2].operator.choice[1].num_heads`."""
    return validation.path_of(location, field, tags=_tags())


def space_error(source: str, error: ValidationError) -> DescriptionError:
    """Return `error` as one line that begins with `source`, a file's path or the name of the source."""
    return joined(source, [_line(detail) for detail in _causes(error.errors(include_url=False))])


def _tags() -> tuple[str, ...]:
    """Return the names of all kinds, those of plug-ins too."""
    return (*OPERATORS.kinds, *STEMS.kinds, *CHANNEL_ATTENTIONS.kinds)


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
    form = _meant_form(detail)
    if form:
        written, meant = form
        hint = f"did you mean '{meant}'?" if written != meant else f"a {meant} cannot stand here"
        path = path_of(detail["loc"], detail.get("ctx", {}).get("field", ""))
        return f"{path}.{written}: unknown field; {hint}"
    return line_of(detail, _message(detail), tags=_tags())


def _meant_form(detail: ErrorDetails) -> tuple[str, str] | None:
    """Return a misspelt `choice` or `range` in an object that fits nothing else, and the correct word."""
    if isinstance(detail["input"], dict) and detail["type"] in _FITS_NOTHING and len(detail["input"]) == 1:
        written = str(next(iter(detail["input"])))
        near = difflib.get_close_matches(written.lower(), ("choice", "range"), n=1)
        if near:
            return written, near[0]
    return None


def _message(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "union_tag_invalid" and context.get("discriminator") != "'kind'":
        return "a text or an object cannot be a range here; write a plain value or {choice: [...]}"
    if kind == "union_tag_invalid":
        own = "an operator of your own needs --operators FILE; "
        return message_of(detail, note=own if f"'{BASELINE}', " in context["expected_tags"] else "")
    message = message_of(detail)
    # tuple_type and model types have words of their own
    if kind.endswith(("_type", "_parsing")) and isinstance(detail["input"], dict) and message.startswith("should"):
        message += " (or {choice: [...]}, or {range: [low, high, step]} for a number)"
    return message
