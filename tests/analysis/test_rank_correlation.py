"""Kendall's tau against scipy's, its interval against scipy's bootstrap and against the truth it should cover."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from sasa_nas.analysis import rank_correlation as correlations
from sasa_nas.analysis.rank_correlation import (
    FEWEST,
    _places,
    _signs,
    _taus,
    rank_correlation,
    rank_correlations,
    rank_difference,
)

NUMBERS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=FEWEST, max_size=25)


@settings(max_examples=60, deadline=None)
@given(NUMBERS)
def test_tau_is_scipys(pairs: list[tuple[int, int]]) -> None:
    x, y = zip(*pairs, strict=True)
    found = rank_correlation(x, y)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert found is None
    else:
        assert found is not None
        assert found.tau == pytest.approx(scipy.stats.kendalltau(x, y).statistic, abs=1e-12)
        assert -1 - 1e-12 <= found.low <= found.high <= 1 + 1e-12
        assert found.n == len(pairs)


def test_a_resample_is_scipys_tau_of_the_networks_drawn() -> None:
    generator = np.random.default_rng(3)
    x, y = generator.integers(0, 9, (2, 12)).astype(float)
    drawn = generator.integers(0, 12, (20, 12))
    weights = np.stack([np.bincount(row, minlength=12) for row in drawn]).astype(float)
    taus = _taus(weights, _signs(_places(x)), _signs(_places(y)))
    assert taus == pytest.approx([scipy.stats.kendalltau(x[row], y[row]).statistic for row in drawn], abs=1e-12)


def test_the_interval_is_scipys_percentile_bootstrap() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=40)
    y = x + generator.normal(size=40)
    found = rank_correlation(x.tolist(), y.tolist())
    theirs = scipy.stats.bootstrap(
        (x, y),
        lambda a, b: scipy.stats.kendalltau(a, b).statistic,
        paired=True,
        vectorized=False,
        method="percentile",
        n_resamples=500,
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert found is not None
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.04)


@pytest.mark.parametrize("correlated", [0.0, 0.6, 0.97])
def test_the_closed_form_of_many_networks_is_the_bootstrap(correlated: float, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(2)
    base, noise, rival = generator.normal(size=(3, 500))
    # with ties
    x, y = np.round(base, 1), np.round(correlated * base + math.sqrt(1 - correlated**2) * noise, 1)
    found = []
    for large in (1000, 100):
        monkeypatch.setattr(correlations, "LARGE", large)
        found.append((rank_correlation(x, y), rank_difference(x, base + rival, y)))
    (drawn, gain), (closed, difference) = found
    assert drawn is not None
    assert closed is not None
    assert closed.tau == pytest.approx(drawn.tau, abs=1e-12)
    assert (closed.low, closed.high) == pytest.approx((drawn.low, drawn.high), abs=0.006)
    assert gain is not None
    assert difference is not None
    assert (difference.low, difference.high) == pytest.approx((gain.low, gain.high), abs=0.01)


def test_perfect_orders_and_infinities() -> None:
    rising = [1.0, 2.0, 3.0, 4.0, math.inf]
    found = rank_correlation(rising, rising)
    assert found is not None
    assert (found.tau, found.low, found.high) == pytest.approx((1.0, 1.0, 1.0))
    turned = rank_correlation(rising, [-value for value in rising])
    assert turned is not None
    assert turned.tau == pytest.approx(-1.0)
    huge = rank_correlation([1e61 * 10.0**i for i in range(6)], list(range(6)))
    assert huge is not None
    assert huge.tau == pytest.approx(1.0)


def test_what_is_not_known_is_left_out() -> None:
    x = [1.0, 2.0, math.nan, 4.0, 5.0, 3.0]
    y = [1.0, 2.0, 9.0, 3.0, 4.0, math.nan]
    assert rank_correlation(x, y) is None
    both = rank_correlation([*x, 6.0], [*y, 5.0])
    assert both is not None
    assert (both.n, both.tau) == (5, pytest.approx(1.0))
    assert rank_correlations({"few": [1.0] * 3, "same": [1.0] * 3}, [1.0, 2.0, 3.0]) == {}
    with pytest.raises(ValueError, match="as many"):
        rank_correlation([1.0], [1.0, 2.0])


def test_a_better_predictor_exceeds_a_worse_one_and_no_predictor_itself() -> None:
    generator = np.random.default_rng(5)
    truth = generator.normal(size=60)
    good, bad = truth + 0.3 * generator.normal(size=60), generator.normal(size=60)
    gain = rank_difference(good.tolist(), bad.tolist(), truth.tolist())
    assert gain is not None
    assert gain.low > 0
    taus = [scipy.stats.kendalltau(x, truth).statistic for x in (good, bad)]
    assert gain.value == pytest.approx(taus[0] - taus[1], abs=1e-12)
    same = rank_difference(good.tolist(), good.tolist(), truth.tolist())
    assert same is not None
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    assert rank_difference([1.0] * 60, good.tolist(), truth.tolist()) is None


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Of two normal variables with correlation r, tau is 2 / pi asin(r)."""
    generator = np.random.default_rng(11)
    truth = 2 / math.pi * math.asin(0.6)
    covered = 0
    for trial in range(60):
        x = generator.normal(size=50)
        y = 0.6 * x + 0.8 * generator.normal(size=50)
        found = rank_correlation(x.tolist(), y.tolist(), seed=trial)
        assert found is not None
        covered += found.low <= truth <= found.high
    assert covered >= 51
