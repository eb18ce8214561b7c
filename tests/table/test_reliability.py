"""Reliability of a training: by hand, against planted variances, with intervals that cover."""

import numpy as np
import pytest
from scipy import stats
from small_table import table

from sasa_nas.table.reliability import estimate_reliability, final_accuracies, final_losses, tau_between_seeds


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
