"""Division of GPUs among trainings: the longest first, and larger groups where GPUs would be idle."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sasa_nas.workflows.retraining_division import Division, fastest_division, first_division, makespan


def best_makespan(seconds: tuple[float, ...], slots: int) -> float:
    """Try every assignment of trainings to slots."""
    return min(
        max(sum(length for length, slot in zip(seconds, places, strict=True) if slot == one) for one in range(slots))
        for places in product(range(slots), repeat=len(seconds))
    )


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6).map(tuple), st.integers(1, 3))
def test_longest_first_ends_within_a_third_of_the_best(seconds: tuple[int, ...], slots: int) -> None:
    found, best = makespan(seconds, slots), best_makespan(seconds, slots)
    # Graham 1969, Bounds on multiprocessing timing anomalies, theorem 2
    assert best <= found <= (4 / 3 - 1 / (3 * slots)) * best + 1e-9


def test_many_trainings_have_a_gpu_each_and_nothing_is_timed() -> None:
    def never(size: int) -> float:
        raise AssertionError(size)

    assert fastest_division(4, [10.0] * 40, never) == Division(1, 4, 100.0)


@pytest.mark.parametrize(
    ("trainings", "share", "processes", "seconds"),
    [
        # by all GPUs, at four fifths of their speed
        (1, 0.8, 8, 100 / 6.4),
        # four groups of two end after 62.5 seconds, one group of eight after three times 15.6
        (3, 0.8, 8, 300 / 6.4),
        # each of two groups of four trains one at 3.2 times the speed, one group of eight both at 6.4 times
        (2, 0.8, 4, 100 / 3.2),
        # no faster by several than by one
        (3, None, 1, 100.0),
    ],
)
def test_few_trainings_have_groups_where_those_are_faster(
    trainings: int, share: float | None, processes: int, seconds: float
) -> None:
    found = fastest_division(8, [100.0] * trainings, lambda size: 1.0 if share is None else share * size)
    assert (found.processes, found.at_once) == (processes, 8 // processes)
    assert found.seconds == pytest.approx(seconds)


def test_groups_that_cannot_train_are_left_out() -> None:
    tried = []

    def faster(size: int) -> float | None:
        tried.append(size)
        return None if size == 2 else 0.9 * size

    found = fastest_division(8, [100.0, 10.0], faster)
    assert tried == [2, 4, 8]
    assert (found.processes, found.at_once) == (8, 1)
    assert found.seconds == pytest.approx(110 / 7.2)


@pytest.mark.parametrize(
    ("gpus", "processes", "at_once", "expected"),
    [
        # on a CPU one after the other, unless more are asked for
        (0, None, None, (1, 1)),
        (0, 2, None, (2, 1)),
        (0, None, 3, (1, 3)),
        # one GPU each, to be timed; else as is asked for, with what is left of the GPUs
        (8, None, None, (1, 8)),
        (8, 2, None, (2, 4)),
        (8, None, 2, (4, 2)),
        (8, 1, 1, (1, 1)),
        (8, None, 16, (1, 16)),
        (1, None, None, (1, 1)),
        (2, 4, None, (4, 1)),
    ],
)
def test_all_gpus_are_used_unless_a_person_says_otherwise(
    gpus: int, processes: int | None, at_once: int | None, expected: tuple[int, int]
) -> None:
    found = first_division(gpus, processes, at_once)
    assert (found.processes, found.at_once) == expected
