"""The hypervolume after each training, against the hypervolume of the trials up to there."""

import math
import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sasa_nas.analysis.history import hypervolume_history
from sasa_nas.analysis.pareto import hypervolume, reference_point
from sasa_nas.run import Outcome, TrialRecord

trials = st.lists(
    st.tuples(
        st.sampled_from([Outcome.TRAINED, Outcome.STOPPED, Outcome.DUPLICATE, Outcome.RUNNING]),
        st.floats(0.05, 1.0),
        st.integers(100, 10**7),
        st.one_of(st.none(), st.floats(0.0, 100.0)),
    ),
    max_size=15,
)


@settings(deadline=None, max_examples=60)
@given(trials)
def test_every_point_is_the_hypervolume_of_the_trials_up_to_it(
    places: list[tuple[Outcome, float, int, float | None]],
) -> None:
    records = [
        TrialRecord(number=i, outcome=o, accuracy=a if o is Outcome.TRAINED else None, flops=f, seconds=s)
        for i, (o, a, f, s) in enumerate(places)
    ]
    history = hypervolume_history(records[::-1])
    spent = [r for r in records if r.outcome in (Outcome.TRAINED, Outcome.STOPPED)]
    assert [point.trial for point in history] == [r.number for r in spent]
    assert [point.trainings for point in history] == list(range(1, len(spent) + 1))
    reference = reference_point(records)
    for i, point in enumerate(history):
        expected = hypervolume(spent[: i + 1], reference=reference) if reference else 0.0
        assert point.hypervolume == pytest.approx(expected, abs=1e-12)
        assert point.seconds == pytest.approx(math.fsum(r.seconds or 0.0 for r in spent[: i + 1]))


def test_a_second_training_may_bring_others_back_to_the_front(make_record: Callable[..., TrialRecord]) -> None:
    draw = random.Random(0)
    records = []
    for number in range(60):
        design = draw.randrange(12)
        accuracy = None if draw.random() < 0.2 else draw.uniform(0.2, 0.9)
        records.append(make_record(number, accuracy, 100 + 40 * design, design=design, outcome=_outcome(accuracy)))
    reference = reference_point(records)
    expected = [hypervolume(records[: i + 1], reference=reference) for i in range(60)]
    found = [point.hypervolume for point in hypervolume_history(records)]
    assert found == pytest.approx(expected, abs=1e-12)
    assert any(later < earlier for earlier, later in pairwise(found))


def _outcome(accuracy: float | None) -> Outcome:
    return Outcome.STOPPED if accuracy is None else Outcome.TRAINED


def test_nothing_trained_has_no_history() -> None:
    assert hypervolume_history([]) == []
