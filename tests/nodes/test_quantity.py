"""Counts as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from sasa_nas.nodes import Count, Quantity, parse_quantity

COUNT, QUANTITY = TypeAdapter(Count), TypeAdapter(Quantity)


@pytest.mark.parametrize(
    ("written", "number"),
    [("2M", 2_000_000), ("2.5G", 2.5e9), ("1e6", 1e6), ("512 MB", 5.12e8), ("10k", 10_000), (".5T", 5e11), ("7", 7)],
)
def test_units_and_exponents(written: str, number: float) -> None:
    assert parse_quantity(written) == number
    assert QUANTITY.validate_python(written) == number


@pytest.mark.parametrize("written", ["", "M", "2X", "1e", "-3", "2MM", "0x10", "1 000", "nan", "1e999", "٣"])
def test_other_texts_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is no number; write it as 2000000, 2e6 or 2M"):
        parse_quantity(written)
    with pytest.raises(ValidationError, match="write it as 2000000, 2e6 or 2M"):
        COUNT.validate_python(written)


@pytest.mark.parametrize("written", ["9" * 400, "1" + "0" * 300 + "T"])
def test_a_number_beyond_all_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="too large; write it as 2000000, 2e6 or 2M"):
        parse_quantity(written)
    with pytest.raises(ValidationError, match="write it as 2000000, 2e6 or 2M"):
        QUANTITY.validate_python(written)


@pytest.mark.parametrize("value", [1.5, "1.5", 0, -2, "0.0001K", True, None, float("inf"), float("nan")])
def test_a_count_is_whole_and_above_zero(value: object) -> None:
    with pytest.raises(ValidationError):
        COUNT.validate_python(value)


@given(st.integers(1, 10**15))
def test_a_count_is_what_it_is_written_as(number: int) -> None:
    assert COUNT.validate_python(number) == COUNT.validate_python(str(number)) == number
