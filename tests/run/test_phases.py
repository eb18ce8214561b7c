import pytest
from hypothesis import given
from hypothesis import strategies as st

from sasa_nas.run.phases import Phases, add_up, tell

SECONDS = st.floats(0, 1e6)
PHASES = st.builds(Phases, **dict.fromkeys(Phases.model_fields, SECONDS))


@given(st.lists(PHASES | st.none(), max_size=5))
def test_many_trials_together_take_what_they_take_one_by_one(trials: list[Phases | None]) -> None:
    together = add_up(trials)
    assert together.train == pytest.approx(sum(one.train for one in trials if one))
    assert together.total == pytest.approx(sum(one.total for one in trials if one))


def test_the_line_begins_with_what_took_longest() -> None:
    phases = Phases(train=71.0, evaluate=8.0, queue=20.7, data=0.3)
    assert tell(phases) == "train 71 %, queue 21 %, evaluate 8 %"
    assert tell(add_up([None])) == "nowhere yet"
