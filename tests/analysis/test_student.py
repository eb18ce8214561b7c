"""Student's t distribution against `scipy.stats`, and a printed table."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sasa_nas.analysis.student import quantile, upper_tail

DEGREES = st.floats(0.5, 1e6) | st.just(math.inf)


@pytest.mark.parametrize(
    ("degrees", "value"), [(1, 12.706), (2, 4.303), (10, 2.228), (30, 2.042), (120, 1.980), (math.inf, 1.960)]
)
def test_quantiles_of_a_printed_table(degrees: float, value: float) -> None:
    assert quantile(0.975, degrees) == pytest.approx(value, abs=5e-4)
    assert upper_tail(value, degrees) == pytest.approx(0.025, abs=2e-5)


@given(probability=st.floats(1e-6, 1 - 1e-6), degrees=DEGREES)
def test_quantiles_are_those_of_scipys_distribution(probability: float, degrees: float) -> None:
    assert quantile(probability, degrees) == pytest.approx(float(stats.t.ppf(probability, degrees)), rel=1e-12)


@given(value=st.floats(-50, 50), degrees=DEGREES)
def test_tails_are_those_of_scipys_distribution(value: float, degrees: float) -> None:
    assert upper_tail(value, degrees) == pytest.approx(float(stats.t.sf(value, degrees)), rel=1e-12, abs=1e-300)


def test_without_degrees_of_freedom_nothing_is_known() -> None:
    assert math.isnan(quantile(0.9, 0.0))
    assert math.isnan(upper_tail(1.0, 0.0))
