"""Base of all descriptions: a frozen pydantic type with helpful validation errors."""

import difflib
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetJsonSchemaHandler, Strict, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from sasa_nas.nodes.field_docstrings import field_docstrings

Int = Annotated[int, Strict()]
Float = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Bool = Annotated[bool, Strict()]
MOST = 2**31 - 1
"""Largest integer of a description."""


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
"""Side of a window or a kernel: odd, at least 1."""

Ratio = Annotated[float, Strict(), Field(ge=0.0, le=1.0)]
"""Share of a layer's channels."""


class Node(BaseModel):
    """Node of a tree of descriptions: immutable, comparable, hashable, and strict about field names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    documented_by: ClassVar[type[BaseModel] | None] = None
    """Class whose fields have the docstrings of this one's; None for this one itself."""

    @property
    def options(self) -> dict[str, Any]:
        """All fields except `kind`, by name, which are arguments of the layer."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "kind"}

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return pydantic's schema with the docstrings of fields as descriptions.

        They are read from the sources when a schema is asked for. pydantic's `use_attribute_docstrings` reads them
        whenever a class is made, which was a seventh of the time that a command took to start.
        """
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in field_docstrings(cls.documented_by or cls).items():
            if name in properties:
                properties[name].setdefault("description", text)
        return schema

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_fields(cls, data: Any) -> Any:
        """Replace pydantic's 'extra inputs are not permitted' by a message with the valid names."""
        # nearly all are known: one comparison of sets tells it; the property `model_fields` takes ten times as long
        known = cls.__pydantic_fields__
        if isinstance(data, dict) and not data.keys() <= known.keys():
            for field in data:
                if field not in known:
                    near = difflib.get_close_matches(str(field), known, n=1)
                    hint = f"did you mean '{near[0]}'? " if near else ""
                    raise PydanticCustomError(
                        "unknown_field",
                        "unknown field; {hint}allowed here: {allowed}",
                        {"field": str(field), "hint": hint, "allowed": ", ".join(known)},
                    )
        return data


class Misfit(ValueError):
    """Error that an option does not fit another, such as heads that do not divide a width.

    Args:
        field: Name of the option, or its path below the checked object.
        message: The reason, in one line.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def require_divisor(field: str, value: int, width: int) -> None:
    """Check that an option divides a width.

    Args:
        field: Name of the option.
        value: Value of the field, at least 1.
        width: Number of channels.

    Raises:
        Misfit: If `value` does not divide `width`; the message lists divisors that do.
    """
    if width % value:
        divisors = [str(n) for n in range(1, min(width, 64) + 1) if width % n == 0]
        raise Misfit(field, f"{field}={value} does not divide width={width} (divisors: {', '.join(divisors)})")
