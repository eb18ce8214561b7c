"""What the papers call FLOPs, from the same counts."""

from dataclasses import fields

import pytest

from sasa_nas.cost import CONVENTIONS, Convention, Counts, Elementwise, Macs

COUNTS = Counts(
    params=7,
    macs=Macs(conv_linear=1_000_000, qk=100_000, qr=10_000, av=1000, aggregation=100),
    elementwise=Elementwise(norm=1, relu=10, pool_inputs=100, softmax=1000, relation=10_000, conv_bias=100_000),
)


@pytest.mark.parametrize(
    ("convention", "expected"),
    [
        ("macs", 1_111_100),
        ("sasa", 2_222_200),
        # QK^T, AV and elementwise work but softmax are not in AA's figures
        ("aa", 2_020_000 + 5_000),
        ("san", 1_111_100 + 2 + 10 + 100 + 10_000 + 100_000),
    ],
)
def test_conventions(convention: Convention, expected: int) -> None:
    assert COUNTS.flops(convention) == expected


def test_the_canonical_convention_is_sasas() -> None:
    assert COUNTS.flops() == COUNTS.flops("sasa")
    assert set(CONVENTIONS) == {"sasa", "aa", "san", "macs"}


def test_sums_are_taken_field_by_field() -> None:
    one = Counts(3, Macs(1, 2, 3, 4, 5), Elementwise(1, 2, 3, 4, 5, 6))
    other = Counts(4, Macs(10, 20, 30, 40, 50), Elementwise(10, 20, 30, 40, 50, 60))
    assert one + other == Counts(7, Macs(11, 22, 33, 44, 55), Elementwise(11, 22, 33, 44, 55, 66))
    assert one + Counts() == one


def test_totals_leave_no_category_out() -> None:
    for field in fields(Macs):
        assert Macs(**{field.name: 5}).total == 5
