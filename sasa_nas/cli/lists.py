"""Options that are comma-separated lists of names."""

from __future__ import annotations

from typing import Any

from sasa_nas.errors import UserError


def parse_objectives(text: str) -> tuple[str, ...]:
    """Parse the value of `--objectives`.

    Raises:
        UserError: If one is unknown or comes twice, or accuracy is missing.
    """
    from sasa_nas.run.records import Objectives

    found: tuple[str, ...] = _parse("--objectives", text, Objectives)
    return found


def parse_scores(text: str | None) -> tuple[str, ...]:
    """Parse the value of `--scores`; default: none.

    Raises:
        UserError: If one is unknown or comes twice.
    """
    from sasa_nas.run.records import Scores

    found: tuple[str, ...] = () if text is None else _parse("--scores", text, Scores)
    return found


def parse_score(text: str | None) -> str | None:
    """Parse the value of `--score-filter`, which may be None.

    Raises:
        UserError: If it is unknown.
    """
    from sasa_nas.run.records import Score

    found: str | None = None if text is None else _checked("--score-filter", text, text, Score)
    return found


def _parse(option: str, text: str, kind: Any) -> Any:
    return _checked(option, text, tuple(name.strip() for name in text.split(",")), kind)


def _checked(option: str, text: str, value: Any, kind: Any) -> Any:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UserError(f"{option} {text}: {reason}") from error
