"""Reliability of a training: by hand, against planted variances, with intervals that cover."""

import numpy as np
import pytest
from scipy import stats
from small_table import table

from sasa_nas.table.reliability import (
    estimate_consistency,
    estimate_reliability,
    final_accuracies,
    final_losses,
    tau_between_seeds,
)


def planted(sizes: list[int], between: float, within: float, seed: int) -> list[list[float]]:
    draw = np.random.default_rng(seed)
    return [list(draw.normal(draw.normal(0.7, between), within, size)) for size in sizes]


def test_a_small_unequal_table_agrees_with_hand_computation() -> None:
    # squares within: 2 + 2 of 2 degrees; between: 2 * 9 + 2 * 1 + 1 * 16 of 2; size (5 - 9 / 5) / 2 = 1.6
    found = estimate_reliability([[1, 3], [5, 7], [9]])
    assert found is not None
    assert found.within**2 == pytest.approx(2.0)
    assert found.between**2 == pytest.approx((18.0 - 2.0) / 1.6)
    assert found.single == pytest.approx(10.0 / 12.0)
    assert found.of_mean(3) == pytest.approx(10.0 / (10.0 + 2.0 / 3.0))
    assert (found.networks, found.trainings, found.degrees) == (3, 5, 2)
    assert found.tau == 1.0


def test_the_interval_of_equal_groups_is_shrout_and_fleiss() -> None:
    groups = np.array(planted([3] * 12, 1.0, 0.7, seed=1))
    found = estimate_reliability(groups.tolist())
    assert found is not None
    ratio = 3 * groups.mean(axis=1).var(ddof=1) / groups.var(axis=1, ddof=1).mean()
    low, high = ratio / stats.f.ppf(0.975, 11, 24), ratio * stats.f.ppf(0.975, 24, 11)
    assert found.low == pytest.approx((low - 1) / (low + 2))
    assert found.high == pytest.approx((high - 1) / (high + 2))
    assert found.low < found.single < found.high


@pytest.mark.parametrize("reliability", [0.2, 0.9])
def test_intervals_of_unequal_groups_cover_planted_reliabilities(reliability: float) -> None:
    sizes = [1] * 18 + [3] * 8
    found = [estimate_reliability(planted(sizes, reliability**0.5, (1 - reliability) ** 0.5, s)) for s in range(250)]
    known = [one for one in found if one is not None]
    assert len(known) == 250
    # 95 % with a standard error of 1.4
    assert 0.91 <= np.mean([one.low <= reliability <= one.high for one in known]) <= 0.99
    assert np.mean([one.between**2 for one in known]) == pytest.approx(reliability, abs=0.06)
    assert np.mean([one.within**2 for one in known]) == pytest.approx(1 - reliability, rel=0.1)


def test_seeds_alone_give_no_reliability() -> None:
    found = estimate_reliability([[0.5, 0.7], [0.6, 0.6], [0.7, 0.5]])
    assert found is not None
    assert (found.single, found.between, found.low) == (0.0, 0.0, 0.0)


def test_seeds_without_noise_give_a_whole_one() -> None:
    found = estimate_reliability([[0.5, 0.5], [0.6, 0.6]])
    assert found is not None
    assert (found.single, found.low, found.high, found.tau) == (1.0, 1.0, 1.0, 1.0)


# Shrout and Fleiss (1979), table 2: six targets rated by four judges
RATINGS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def test_published_ratings_give_the_published_correlations() -> None:
    single, paired = estimate_reliability(RATINGS), estimate_consistency([*RATINGS, [3]])
    assert single is not None
    assert paired is not None
    # table 4 of the paper
    assert (round(single.single, 2), round(paired.single, 2)) == (0.17, 0.71)
    # its interval by hand: F of 11.02 with 5 and 15 degrees of freedom
    low, high = 11.0272 / stats.f.ppf(0.975, 5, 15), 11.0272 * stats.f.ppf(0.975, 15, 5)
    assert paired.low == pytest.approx((low - 1) / (low + 3), abs=1e-4)
    assert paired.high == pytest.approx((high - 1) / (high + 3), abs=1e-4)
    assert (paired.networks, paired.trainings) == (6, 4)


@pytest.mark.parametrize("reliability", [0.3, 0.8])
def test_a_shift_of_each_seed_takes_nothing_from_the_reliability_among_one(reliability: float) -> None:
    hits, shifts = [], []
    for seed in range(250):
        draw = np.random.default_rng(seed)
        values = draw.normal(0, reliability**0.5, (16, 1)) + draw.normal(0, (1 - reliability) ** 0.5, (16, 5))
        found = estimate_consistency((values + draw.normal(0, 2.0, (1, 5))).tolist())
        assert found is not None
        plain = estimate_consistency(values.tolist())
        assert plain is not None
        assert found.single == pytest.approx(plain.single)
        hits.append(found.low <= reliability <= found.high)
        shifts.append(found.seeds**2)
    assert 0.91 <= np.mean(hits) <= 0.99
    assert np.mean(shifts) == pytest.approx(4.0, rel=0.15)


def test_equal_trainings_are_told_apart_wholly_or_not_at_all() -> None:
    found = estimate_consistency([[0.5, 0.6], [0.6, 0.7]])
    assert found is not None
    assert (found.single, found.low, found.high, found.within) == (1.0, 1.0, 1.0, pytest.approx(0.0, abs=1e-9))
    assert estimate_consistency([[0.5, 0.5], [0.5, 0.5]]) is None
    assert estimate_consistency([[0.5], [0.6]]) is None
    assert estimate_consistency([[0.5, 0.6], [0.6]]) is None


@pytest.mark.parametrize("values", [[], [[0.5, 0.6]], [[0.5], [0.6], [0.7]], [[0.5, 0.5], [0.5]]])
def test_what_cannot_be_told_is_none(values: list[list[float]]) -> None:
    assert estimate_reliability(values) is None


def test_tau_is_of_the_networks_that_have_both_seeds() -> None:
    # seeds 0 and 1 agree in all three pairs; 2 ranks the two that have it the other way round than both
    assert tau_between_seeds([[1, 1, 9], [2, 2, 8], [3, 3]]) == pytest.approx((1 - 1 - 1) / 3)
    assert tau_between_seeds([[1], [2]]) is None
    assert tau_between_seeds([[1, 5], [1, 6]]) is None


def test_a_tables_final_numbers_are_those_of_its_last_epoch() -> None:
    assert final_accuracies(table()) == [(0.2, 0.4)]
    assert final_losses(table()) is None
    assert final_losses(table(validation_loss=((2.0, 1.0), (2.0, 1.5)))) == [(1.0, 1.5)]
