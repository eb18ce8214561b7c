"""The base of every described thing: a frozen pydantic type whose mistakes name themselves."""

import difflib
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, model_validator
from pydantic_core import PydanticCustomError

Int = Annotated[int, Strict()]
Float = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Bool = Annotated[bool, Strict()]
MOST = 2**31 - 1
"""Largest whole number of a description: what is beyond it is a slip, and beyond what tensors can be asked for."""


Positive = Annotated[int, Strict(), Field(ge=1, le=MOST)]


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError(f"must be odd, so that a window has a centre; {value - 1} or {value + 1} would do")
    return value


OddInt = Annotated[
    int,
    Strict(),
    Field(ge=1, le=MOST, json_schema_extra={"not": {"multipleOf": 2}}),
    AfterValidator(_odd),
]
"""A window's or a kernel's side: odd, at least 1."""

Ratio = Annotated[float, Strict(), Field(ge=0.0, le=1.0)]
"""A share of a layer's channels."""


class Node(BaseModel):
    """One node of a described tree: immutable, comparable, hashable, and strict about field names."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @property
    def options(self) -> dict[str, Any]:
        """The fields but `kind`, by name: arguments of the layer that a kind's description stands for."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "kind"}

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_fields(cls, data: Any) -> Any:
        """Turn pydantic's 'extra inputs are not permitted' into what to write instead."""
        # nearly all are known: one comparison of sets tells it
        if isinstance(data, dict) and not data.keys() <= cls.model_fields.keys():
            for field in data:
                if field not in cls.model_fields:
                    near = difflib.get_close_matches(str(field), cls.model_fields, n=1)
                    hint = f"did you mean '{near[0]}'? " if near else ""
                    raise PydanticCustomError(
                        "unknown_field",
                        "unknown field; {hint}allowed here: {allowed}",
                        {"field": str(field), "hint": hint, "allowed": ", ".join(cls.model_fields)},
                    )
        return data


class Misfit(ValueError):
    """An option that does not fit another, such as heads that do not divide a width.

    Args:
        field: The option's name, or its path below what is checked.
        message: The reason, in one line.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def require_divisor(field: str, value: int, width: int) -> None:
    """Check that an option divides a width.

    Args:
        field: The option's name.
        value: Its value, at least 1.
        width: Number of channels.

    Raises:
        Misfit: If `value` does not divide `width`; the message lists divisors that do.
    """
    if width % value:
        divisors = [str(n) for n in range(1, min(width, 64) + 1) if width % n == 0]
        raise Misfit(field, f"{field}={value} does not divide width={width} (divisors: {', '.join(divisors)})")
