"""Which ways to share a machine are measured and which is taken, by tables and by what must hold of any."""

from fractions import Fraction

import pytest
from assertions import every
from hypothesis import given
from hypothesis import strategies as st

from sasa_nas.run.packing import MeasuredShare, Share
from sasa_nas.searching.driver.packing.policy import MARGIN, card_shares, choose, fitting, machine_shares, together


def measured(*speeds: float) -> list[MeasuredShare]:
    """Ways to share, the default first."""
    return [MeasuredShare(share=Share(trials=i + 1, cpus=1), images_per_second=speed) for i, speed in enumerate(speeds)]


@pytest.mark.parametrize(
    ("speeds", "chosen"),
    [
        ((100,), 0),
        ((100, 90), 0),
        ((100, 104), 0),  # within the noise: the default
        ((100, 120), 1),
        ((100, 300, 310, 200), 1),  # nearly the fastest, and nearer to the default
        ((0, 5), 1),  # the default failed
        ((100, 0, 0), 0),
    ],
)
def test_the_fastest_is_taken_if_it_gains_enough(speeds: tuple[float, ...], chosen: int) -> None:
    ways = measured(*speeds)
    assert choose(ways) == ways[chosen]


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=8), st.floats(1e-3, 1e3))
def test_the_choice_is_nearly_the_fastest_whatever_the_unit(speeds: list[float], unit: float) -> None:
    ways = measured(*speeds)
    chosen = ways.index(choose(ways))
    assert speeds[chosen] >= (1 - MARGIN) * max(speeds)
    assert [speed for speed in speeds[:chosen] if not speed < (1 - MARGIN) * max(speeds)] == []
    if all(abs(speed - (1 - MARGIN) * max(speeds)) > 1e-6 * max(speeds) for speed in speeds):
        scaled = measured(*(unit * speed for speed in speeds))
        assert scaled.index(choose(scaled)) == chosen


@pytest.mark.parametrize(
    ("cpus", "most", "fit", "expected"),
    [
        (1, 9, 9, [(1, 1)]),
        (2, 9, 9, [(2, 1), (1, 2)]),
        (6, 99, 99, [(6, 1), (3, 2), (1, 4), (1, 6)]),
        (8, 99, 99, [(8, 1), (4, 2), (2, 4), (1, 8)]),
        (8, 99, 3, [(2, 4), (1, 8)]),  # memory for three
        (8, 2, 2, [(2, 1), (2, 2), (2, 4), (1, 8)]),  # two are wanted
        (4, 4, 1, [(1, 4)]),
    ],
)
def test_ways_to_divide_a_processor(cpus: int, most: int, fit: int, expected: list[tuple[int, int]]) -> None:
    assert [(share.trials, share.cpus) for share in machine_shares(cpus, most=most, fit=fit)] == expected


@pytest.mark.parametrize(
    ("cpus", "each", "most", "fit", "expected"),
    [
        (16, 1, 99, 99, [1, 2, 3, 4, 6, 8, 12, 16]),
        (16, 4, 99, 99, [1, 2, 3, 4]),
        (16, 1, 99, 5, [1, 2, 3, 4]),
        (16, 1, 2, 99, [1, 2]),
        (2, 4, 99, 99, [1]),
    ],
)
def test_ways_to_share_a_card(cpus: int, each: int, most: int, fit: int, expected: list[int]) -> None:
    shares = card_shares(cpus, cpus_per_trial=each, most=most, fit=fit)
    assert [share.trials for share in shares] == expected
    assert {share.cpus for share in shares} == {each}


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 300))
def test_no_way_takes_more_than_there_is(cpus: int, most: int, fit: int) -> None:
    shares = machine_shares(cpus, most=most, fit=fit)
    assert every(share.trials * share.cpus <= cpus for share in shares)
    assert every(share.trials <= min(most, fit) for share in shares)
    assert len(set(shares)) == len(shares)
    for share in card_shares(cpus, cpus_per_trial=1, most=most, fit=fit):
        assert share.trials <= min(cpus, most, fit)


@given(st.integers(0, 10**12), st.integers(0, 10**13))
def test_memory_holds_what_is_said_to_fit(trial: int, capacity: int) -> None:
    fit = fitting(trial, capacity)
    assert fit == 1 or Fraction(fit * max(trial, 1)) <= Fraction(capacity) * Fraction(0.9) * (1 + Fraction(1, 10**9))
    assert (fit + 1) * max(trial, 1) > 0.9 * capacity * (1 - 1e-9)


def test_a_search_trains_as_many_images_of_each_design() -> None:
    # one trial: 100 images at 10 a second and 100 at 40 take 12.5 s; another: 100 at 20 and 100 at 20 take 10 s
    throughputs = [[[10.0, 9.0, 11.0], [40.0]], [[20.0], [20.0]]]
    assert together(throughputs) == pytest.approx(200 / 12.5 + 200 / 10)


def test_a_failure_counts_for_nothing() -> None:
    assert together([[[10.0, 10.0]], [[10.0, 0.0]]]) == 0.0
