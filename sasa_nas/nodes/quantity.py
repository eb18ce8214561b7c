"""Parsing of quantities such as 1e6, 2M or 2.5G."""

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

_FACTORS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_WRITTEN = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE]\+?([0-9]{1,2}))?\s*([kKMGT]?)B?\s*")
_SCHEMA = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": r"^\s*([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE]\+?[0-9]{1,2})?\s*[kKMGT]?B?\s*$"},
    ]
}


def parse_quantity(text: str) -> float:
    """Parse a number with a decimal unit.

    Args:
        text: A number, with an exponent if need be, and a decimal unit: K, M, G or T, with or without a B for bytes.

    Raises:
        ValueError: If it has another form, or no floating-point number is as large.

    Examples:
        >>> parse_quantity("2.5G"), parse_quantity("1e6"), parse_quantity("512 MB")
        (2500000000.0, 1000000.0, 512000000.0)
    """
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' is no number; write it as 2000000, 2e6 or 2M (K, M, G, T)")
    digits, exponent, unit = found.groups()
    number = float(digits) * 10.0 ** int(exponent or 0) * _FACTORS[unit.upper()]
    if not math.isfinite(number):
        raise ValueError("the number is too large; write it as 2000000, 2e6 or 2M (K, M, G, T)")
    return number


def _number(value: Any) -> Any:
    """Return the number of a text; return other values unchanged."""
    if not isinstance(value, str):
        return value
    try:
        return parse_quantity(value)
    except ValueError as error:
        hint = str(error).partition("; ")[2]
        raise PydanticCustomError("quantity", "should be a valid number: {hint}", {"hint": hint}) from error


def _whole(value: Any) -> Any:
    number = _number(value)
    if isinstance(number, float) and math.isfinite(number) and number == int(number):
        return int(number)
    return number


Count = Annotated[
    int, BeforeValidator(_whole), Field(ge=1, strict=True), WithJsonSchema(_SCHEMA | {"description": "A whole number"})
]
"""A whole number of at least 1, which may be written as 1e6 or 2M."""

Quantity = Annotated[float, BeforeValidator(_number), Field(gt=0.0, strict=True), WithJsonSchema(_SCHEMA)]
"""A number above zero, which may be written as 1e6 or 2.5G."""
