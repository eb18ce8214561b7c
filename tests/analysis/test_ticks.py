"""Ticks are round, inside, evenly spaced, and neither too few nor too many."""

import math
from itertools import pairwise

import pytest
from assertions import every
from hypothesis import given
from hypothesis import strategies as st

from sasa_nas.analysis.ticks import cost_ticks, linear_ticks


@given(st.floats(-1e3, 1e3), st.floats(1e-2, 1e6), st.integers(2, 12))
def test_linear_ticks(low: float, span: float, most: int) -> None:
    high = low + span
    ticks = linear_ticks(low, high, most)
    assert len(ticks) <= most
    slack = 1e-6 * span
    assert [tick for tick in ticks if not low - slack <= tick <= high + slack] == []
    if most >= 5:
        assert len(ticks) >= 2
    gaps = [right - left for left, right in pairwise(ticks)]
    assert [gap for gap in gaps if not math.isclose(gap, gaps[0], rel_tol=1e-4)] == []


@pytest.mark.parametrize(
    ("low", "high", "most", "ticks"),
    [
        (0.0, 1.0, 7, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (1.0, 9.0, 9, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (0.83, 0.92, 5, [0.84, 0.86, 0.88, 0.9, 0.92]),
    ],
)
def test_linear_ticks_are_round(low: float, high: float, most: int, ticks: list[float]) -> None:
    assert linear_ticks(low, high, most) == ticks


@pytest.mark.parametrize(("low", "high"), [(2e6, 7e6), (1e6, 2e7), (9e5, 3e9), (3.0, 40.0), (1e3, 1e12)])
def test_cost_ticks_are_round_and_neither_few_nor_many(low: float, high: float) -> None:
    ticks = cost_ticks(low, high)
    assert 4 <= len(ticks) <= 10
    assert every(low <= tick <= high for tick in ticks)
    assert ticks == sorted(ticks)
    assert every(len(f"{tick:.10e}".split("e")[0].rstrip("0")) <= 3 for tick in ticks)
