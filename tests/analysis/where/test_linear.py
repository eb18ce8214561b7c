"""Intervals against what is known elsewhere: Welch's test, least squares, coverage by simulation."""

import numpy as np
import pytest
from scipy import stats

from sasa_nas.analysis.where.linear import Noise, coefficient_weights, holm, independent


def two_groups(first: int, second: int) -> np.ndarray:
    return np.column_stack([np.ones(first + second), [0.0] * first + [1.0] * second])


def test_two_groups_give_welchs_standard_error() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(0, 1, 7), generator.normal(1, 3, 12)
    columns = two_groups(7, 12)
    estimate = Noise(np.concatenate([a, b]), columns).estimate(coefficient_weights(columns)[1])
    assert estimate is not None
    assert estimate.value == pytest.approx(b.mean() - a.mean())
    assert estimate.error == pytest.approx(np.sqrt(a.var(ddof=1) / 7 + b.var(ddof=1) / 12))
    welch = stats.ttest_ind(b, a, equal_var=False)
    assert estimate.error == pytest.approx(float((b.mean() - a.mean()) / welch.statistic))


def test_intervals_keep_their_level_where_noise_differs() -> None:
    generator = np.random.default_rng(1)
    columns = np.column_stack([two_groups(6, 18), generator.normal(size=24)])
    weights = coefficient_weights(columns)[1]
    scale = np.where(columns[:, 1] > 0, 1.0, 2.0)
    held = 0
    for _ in range(2000):
        estimate = Noise(scale * generator.normal(size=24), columns).estimate(weights)
        assert estimate is not None
        held += estimate.low <= 0.0 <= estimate.high
    assert 0.93 <= held / 2000 <= 0.98


def test_an_observation_that_decides_alone_gives_no_estimate() -> None:
    columns = two_groups(5, 1)
    noise = Noise(np.arange(6.0), columns)
    assert noise.estimate(coefficient_weights(columns)[1]) is None
    assert noise.estimate(coefficient_weights(columns)[0]) is not None


def test_combinations_of_earlier_columns_are_left_out() -> None:
    a, b = np.arange(6.0), np.array([1.0, 0, 2, 0, 3, 0])
    assert independent(np.column_stack([a, b, a + 2 * b, np.zeros(6), np.ones(6)])) == [0, 1, 4]


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
