"""Successive halving with several objectives: decisions by hand, and rankings against plain definitions."""

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sasa_nas.searching.propose.halving import MultiObjectiveHalving, levels, ranks

MATRICES = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 12), st.integers(1, 3)),
    elements=st.integers(0, 5).map(float),
)


def test_levels_are_powers_below_the_last_epoch() -> None:
    assert levels(epochs=27, grace=1, eta=3) == (1, 3, 9)
    assert levels(epochs=28, grace=1, eta=3) == (1, 3, 9, 27)
    assert levels(epochs=10, grace=2, eta=2) == (2, 4, 8)
    assert levels(epochs=1, grace=1, eta=3) == ()


@given(MATRICES)
def test_ranks_are_a_permutation_that_respects_domination(losses: np.ndarray) -> None:
    places = ranks(losses)
    assert sorted(places) == list(range(len(losses)))
    for i, one in enumerate(losses):
        for j, other in enumerate(losses):
            if all(a <= b for a, b in zip(one, other, strict=True)) and any(
                a < b for a, b in zip(one, other, strict=True)
            ):
                assert places[i] < places[j]


@given(MATRICES, st.integers(0, 2), st.floats(0.5, 8))
def test_the_unit_of_an_objective_does_not_matter(losses: np.ndarray, column: int, factor: float) -> None:
    scaled = losses.copy()
    scaled[:, column % losses.shape[1]] *= 2.0 ** round(factor)
    assert (ranks(scaled) == ranks(losses)).all()


@given(MATRICES, st.integers(2, 4), st.sampled_from([math.inf, 2.0]))
def test_a_decision_is_the_rank_among_all(losses: np.ndarray, eta: int, bound: float) -> None:
    halving = MultiObjectiveHalving((1,), eta=eta, bound=bound)
    for count, row in enumerate(losses, 1):
        place = ranks(losses[:count], bound)[-1]
        assert halving.goes_on(count, 1, tuple(row)) == (place < math.ceil(count / eta))


def test_thousands_are_ranked_in_no_time() -> None:
    draw = np.random.default_rng(0)
    halving = MultiObjectiveHalving((1,), eta=3)
    for number, losses in enumerate(draw.random((4000, 3)).tolist()):
        halving.remember(number, 1, losses)
    begin = time.process_time()
    decisions = [halving.goes_on(4000 + i, 1, losses) for i, losses in enumerate(draw.random((10, 3)).tolist())]
    # comparing all with all took a second each
    assert time.process_time() - begin < 2.0
    assert set(decisions) == {True, False}


def test_a_front_is_taken_from_its_ends() -> None:
    """Of five on a line, the best in the first objective, the other end, the middle; then what is left."""
    front = np.array([[float(i), 4.0 - i] for i in range(5)])
    assert ranks(front).tolist() == [0, 3, 2, 4, 1]
    assert ranks(np.vstack([front, [4.0, 4.0]])).tolist() == [0, 3, 2, 4, 1, 5]


def test_one_objective_is_plain_asha() -> None:
    halving = MultiObjectiveHalving((1,), eta=3)
    decisions = [halving.goes_on(i, 1, (loss,)) for i, loss in enumerate([5.0, 6.0, 4.0, 4.5, 1.0, 7.0])]
    # best of 1, 1, 1, 2, 2, 2 that have come so far
    assert decisions == [True, False, True, True, True, False]


def test_the_cheap_end_survives_beside_the_accurate_one() -> None:
    halving = MultiObjectiveHalving((1,), eta=3)
    for i, losses in enumerate([(0.1, 9.0), (0.5, 5.0), (0.52, 5.1), (0.53, 5.2), (0.54, 5.3)]):
        halving.goes_on(i, 1, losses)
    assert halving.goes_on(5, 1, (0.9, 1.0))
    assert not halving.goes_on(6, 1, (0.55, 5.4))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_stops_and_is_not_entered(bad: float) -> None:
    halving = MultiObjectiveHalving((1,), eta=2)
    assert not halving.goes_on(0, 1, (bad, 1.0))
    assert halving.sizes() == {1: 0}


def test_between_levels_everything_goes_on() -> None:
    halving = MultiObjectiveHalving((1, 3), eta=3)
    halving.goes_on(0, 3, (0.0,))
    assert halving.goes_on(1, 2, (9.0,))
    assert not halving.goes_on(1, 3, (9.0,))
    assert not halving.goes_on(1, 3, (9.0,))  # a repeated epoch
    assert halving.sizes() == {1: 0, 3: 2}


def test_an_earlier_session_counts() -> None:
    halving = MultiObjectiveHalving((1,), eta=3)
    halving.remember(0, 1, (1.0,))
    halving.remember(0, 2, (1.0,))
    assert halving.sizes() == {1: 1}
    assert not halving.goes_on(1, 1, (2.0,))


def test_beyond_the_bound_only_the_first_objective_counts() -> None:
    losses = np.array([[-0.4, 0.0], [-0.6, 5.0], [-0.45, 9.0], [-0.7, 6.0]])
    assert ranks(losses, bound=-0.5).tolist() == [3, 1, 2, 0]
    assert ranks(losses).tolist().index(0) == 3
