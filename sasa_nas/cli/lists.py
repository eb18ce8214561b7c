"""Options that are comma-separated lists of names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sasa_nas.errors import UserError

if TYPE_CHECKING:
    from sasa_nas.run.records import Score


def parse_objectives(text: str) -> tuple[str, ...]:
    """The objectives that `--objectives` names.

    Raises:
        UserError: If one is unknown or comes twice, or accuracy is missing.
    """
    from sasa_nas.run.records import Objectives

    found: tuple[str, ...] = _parse("--objectives", text, Objectives)
    return found


def parse_scores(text: str | None) -> tuple[Score, ...]:
    """The scores that `--scores` names; none where it is left out.

    Raises:
        UserError: If one is unknown or comes twice.
    """
    from sasa_nas.run.records import Scores

    found: tuple[Score, ...] = () if text is None else _parse("--scores", text, Scores)
    return found


def _parse(option: str, text: str, kind: Any) -> Any:
    from pydantic import TypeAdapter, ValidationError

    names = tuple(name.strip() for name in text.split(","))
    try:
        return TypeAdapter(kind).validate_python(names)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UserError(f"{option} {text}: {reason}") from error
